//! `agentic runs replay` and `diff`.

use std::path::Path;

use agentic::core::RunId;
use agentic::runtime::{self, Differs, Entry, RunError, Side};
use serde_json::json;

use super::{copies, done};
use crate::args::Output;
use crate::durable::failed;
use crate::exit::{self, Failure};
use crate::pick;
use crate::recipe::Recipe;
use crate::render::{self, one_line};

/// The journal of a run, or of an exported one.
async fn journal(word: &str) -> Result<(RunId, Vec<Entry>), Failure> {
    if Path::new(word).is_file() {
        let bundle = copies::read(word)?;
        return Ok((bundle.run, bundle.journal));
    }
    if word.contains(['.', '/', '\\']) {
        return Err(Failure::usage(format!("there is no file `{word}`")));
    }
    let (runtime, record) = pick::existing(word).await?;
    Ok((record.id, runtime.journal(record.id).await.map_err(failed)?))
}

pub(super) async fn replay(word: &str, output: Output) -> Result<u8, Failure> {
    let (run, entries) = journal(word).await?;
    let agent = Recipe::of_journal(run, &entries)?.repeat()?;
    let report = runtime::replay(&agent, run, &entries).await.map_err(Failure::store)?;
    let (same, words) = match &report.result {
        Err(RunError::Diverged(divergence)) => (false, format!("not repeated: {divergence}")),
        Err(error @ RunError::Foreign) => (false, format!("not repeated: {error}")),
        Err(RunError::HandedBack) => (true, "repeated as far as it goes: the run has not ended".into()),
        _ => (true, "repeated: same outcome".into()),
    };
    let divergence = match &report.result {
        Err(RunError::Diverged(divergence)) => Some(divergence),
        _ => None,
    };
    done(output, &words, &json!({ "run": run, "same": same, "message": words, "divergence": divergence }));
    Ok(if same { exit::OK } else { exit::FAILED })
}

pub(super) async fn diff(left: &str, right: &str, output: Output) -> Result<u8, Failure> {
    let ((one, left), (other, right)) = (journal(left).await?, journal(right).await?);
    let difference = runtime::diff(&left, &right);
    let same = difference.is_none();
    if output == Output::Json {
        render::json_line(&json!({ "left": one, "right": other, "same": same, "difference": difference }));
    } else if let Some(difference) = &difference {
        let what = match difference.what {
            Differs::Request => "asks for something else",
            Differs::Outcome => "was asked the same and gave something else",
            Differs::Missing => "is not in the second run",
            Differs::Added => "is not in the first run",
            Differs::Result => "all steps are the same, and the results are not",
            _ => "differs",
        };
        match &difference.step {
            Some(step) => render::result(&format!("step `{step}` {what}")),
            None => render::result(what),
        }
        for (mark, run, side) in [("<", one, &difference.left), (">", other, &difference.right)] {
            if let Some(side) = side {
                render::result(&format!("{mark} run {run}"));
                sides(side).iter().for_each(|line| render::result(&format!("{mark} {line}")));
            }
        }
    } else {
        render::result("the runs are the same");
    }
    Ok(if same { exit::OK } else { exit::FAILED })
}

/// Characters of a value that are shown.
const VALUE: usize = 2000;

fn sides(side: &Side) -> Vec<String> {
    let mut lines = Vec::new();
    if !side.name.is_empty() {
        lines.push(format!("  name     {}", one_line(&side.name, VALUE)));
    }
    if let Some(digest) = &side.digest {
        lines.push(format!("  digest   {digest}"));
    }
    if side.arguments.as_str() != "null" {
        lines.push(format!("  asked    {}", one_line(side.arguments.as_str(), VALUE)));
    }
    match &side.error {
        Some(error) => lines.push(format!("  error    {}", one_line(error, VALUE))),
        None => lines.push(format!("  gave     {}", one_line(side.value.as_str(), VALUE))),
    }
    lines
}
