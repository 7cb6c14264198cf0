//! `agentic runs fork`, `export` and `import`.

use agentic::core::{Cancellation, Json};
use agentic::runtime::{Bundle, EntryKind, ForkEffects};
use serde_json::json;

use super::{done, resume};
use crate::args::{self, Output};
use crate::durable::failed;
use crate::exit::{self, Failure};
use crate::interrupt::unless_raised;
use crate::recipe::{self, Recipe};
use crate::{agents, journals, models, pick, render};

pub(super) async fn fork(args: args::Fork, interrupt: &Cancellation) -> Result<u8, Failure> {
    let output = args.run.printed.output;
    let (go_on, yes) = (args.resume, args.yes);
    let record = unless_raised(interrupt, make_fork(args)).await?;
    let id = record.id;
    if go_on {
        if output == Output::Text {
            render::note(&format!("run {id}"));
        }
        return resume::go_on(&record, yes, output, interrupt).await;
    }
    let from = record.forked_from;
    done(output, &id.to_string(), &json!({ "run": id, "did": "forked", "forked_from": from }));
    if output == Output::Text {
        render::note(&format!("go on with: agentic runs resume {id}"));
    }
    Ok(exit::OK)
}

async fn make_fork(args: args::Fork) -> Result<agentic::runtime::RunRecord, Failure> {
    let step = pick::step(&args.at)?;
    let mut fork = agentic::runtime::Fork::at(step);
    if let Some(text) = args.result {
        let result =
            Json::parse(text).map_err(|error| Failure::usage(format!("--result is not JSON: {error}")))?;
        fork = fork.with_result(result);
    }
    if let Some(goal) = args.goal {
        if goal.trim().is_empty() {
            return Err(Failure::usage("the goal is empty; say what is to be achieved"));
        }
        fork = fork.with_goal(goal);
    }
    if args.allow_effects {
        fork = fork.with_effects(ForkEffects::Allow);
    }
    let (runtime, record) = pick::existing(&args.run.run).await?;
    if let Some(address) = args.model {
        let journal = runtime.journal(record.id).await.map_err(failed)?;
        let before = Recipe::of_journal(record.id, &journal)?;
        let address = recipe::whole(&address);
        let model = models::open(&address).await?;
        let is_limited = journal.first().is_some_and(|entry| match &entry.kind {
            EntryKind::Started { budget, .. } => budget.cost.is_some(),
            _ => false,
        });
        agents::has_a_price(is_limited, &*model)?;
        let recipe = Recipe { model: address, model_info: model.info().clone(), ..before };
        fork = fork.with_config(recipe.to_config()?);
    }
    let run = runtime.fork(record.id, &fork).await.map_err(failed)?;
    runtime.run(run.id()).await.map_err(failed)
}

pub(super) async fn export(run: &str, file: &str, output: Output) -> Result<u8, Failure> {
    let (runtime, record) = pick::existing(run).await?;
    let bundle = runtime.export(record.id).await.map_err(failed)?;
    let text = bundle
        .to_text()
        .map_err(|error| Failure::failed(format!("run {} can't be exported: {error}", record.id)))?;
    if file == "-" {
        render::raw(text.as_bytes());
        return Ok(exit::OK);
    }
    std::fs::write(file, text).map_err(|error| Failure::failed(format!("can't write `{file}`: {error}")))?;
    let json = json!({ "run": record.id, "did": "exported", "file": file });
    done(output, &format!("run {} is in {file}", record.id), &json);
    Ok(exit::OK)
}

pub(super) async fn import(file: &str, output: Output) -> Result<u8, Failure> {
    let bundle = read(file)?;
    let runtime = journals::open().await?.build();
    let run = runtime.import(bundle).await.map_err(failed)?.id();
    let ended = runtime.run(run).await.map_err(failed)?.status.has_ended();
    let rules = if ended { Vec::new() } else { runtime.rules(run).await.map_err(failed)? };
    done(output, &run.to_string(), &json!({ "run": run, "did": "imported", "rules": rules }));
    if output == Output::Text && !ended {
        // Whoever wrote the file has said what may happen here.
        for rule in &rules {
            render::note(&format!(
                "it comes with a rule: {}; take it back with: agentic runs revoke {run} {}",
                render::one_line(&rule.to_string(), 400),
                rule.tool
            ));
        }
        render::note(&format!("look at it with: agentic runs show {run}"));
        render::note(&format!("go on with: agentic runs resume {run}"));
    }
    Ok(exit::OK)
}

/// An exported run from a file.
pub(super) fn read(file: &str) -> Result<Bundle, Failure> {
    let mut bytes = Vec::new();
    let read = match file {
        "-" => std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(drop),
        _ => std::fs::read(file).map(|all| bytes = all),
    };
    read.map_err(|error| Failure::usage(format!("can't read `{file}`: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("`{file}` is no exported run: it is not text")))?;
    Bundle::parse(&text).map_err(|error| Failure::usage(format!("`{file}`: {error}")))
}
