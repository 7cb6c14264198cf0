//! `agentic runs revoke`: taking back rules.

use serde_json::json;

use super::answer::user;
use super::done;
use crate::args::One;
use crate::durable::failed;
use crate::exit::{self, Failure};
use crate::pick;

pub(super) async fn revoke(args: &One, tool: &str) -> Result<u8, Failure> {
    let (runtime, run) = pick::existing(&args.run).await?;
    let mut rules = runtime.rules(run.id).await.map_err(failed)?;
    rules.retain(|rule| rule.tool == tool.trim());
    if rules.is_empty() {
        return Err(Failure::failed(format!(
            "run {} has no rule for `{tool}`; `agentic runs show {}` lists its rules",
            run.id, run.id
        )));
    }
    for rule in &rules {
        runtime.revoke_rule(run.id, rule.clone(), user()).await.map_err(failed)?;
    }
    let what = if rules.len() == 1 { "one rule".into() } else { format!("{} rules", rules.len()) };
    let words = format!("revoked {what}; calls of `{}` are asked about again", tool.trim());
    done(args.printed.output, &words, &json!({ "run": run.id, "did": "revoked", "rules": rules }));
    Ok(exit::OK)
}
