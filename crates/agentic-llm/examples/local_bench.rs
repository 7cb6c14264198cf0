//! Measures the embedded model: speed, prefix reuse, shared prefixes, cancelling.
//!
//! ```text
//! cargo run -p agentic-llm --features local --example local_bench -- MODEL.gguf [threads=N] [speed|reuse|shared|cancel]…
//! ```
#![allow(clippy::disallowed_methods, clippy::print_stdout)] // a measuring program reads the clock and prints

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentic_core::{
    ChatModel, Message, Messages, ModelRequest, OutputFormat, RunContext, Sources as _, ToolResult, ToolSet,
    ToolSpec,
};
use agentic_llm::adapter::local::{self, LocalModel, LocalOptions};
use agentic_runtime::{RunContextExt as _, SystemSources};
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let path =
        PathBuf::from(args.next().ok_or("usage: local_bench MODEL.gguf [speed|reuse|shared|cancel]…")?);
    let (settings, chosen): (Vec<String>, Vec<String>) =
        args.map(|arg| arg.to_string_lossy().into_owned()).partition(|arg| arg.contains('='));
    let mut options = LocalOptions::default();
    for setting in settings {
        let threads =
            setting.strip_prefix("threads=").ok_or_else(|| format!("unknown setting `{setting}`"))?;
        options.engine.threads = Some(threads.parse()?);
    }
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|arg| arg == name);
    let start = Instant::now();
    let model = local::open(&path, options).await?;
    println!("load seconds={:.1}", start.elapsed().as_secs_f64());
    if wanted("speed") {
        speed(&model).await?;
    }
    if wanted("reuse") {
        reuse(&model).await?;
    }
    if wanted("shared") {
        shared(&model).await?;
    }
    if wanted("cancel") {
        cancel(&model)?;
    }
    Ok(())
}

/// Text of about `tokens` tokens that differs for each `seed` from the first word on.
fn filler(model: &LocalModel, seed: usize, tokens: usize) -> String {
    let mut text = format!("Record {seed}.");
    let mut n = seed * 31;
    while model.engine().vocab().tokenize_plain(&text).len() < tokens {
        n += 7;
        text.push_str([" The clerk", " A letter", " This order", " My ledger"][n % 4]);
        text.push_str([" noted", " mentioned", " listed", " omitted"][(n / 3) % 4]);
        text.push_str([" seven crates.", " a late payment.", " the blue door.", " four names."][(n / 5) % 4]);
    }
    text
}

async fn ask(
    model: &LocalModel,
    request: ModelRequest,
) -> Result<(agentic_core::ModelResponse, Duration), Failure> {
    let shared: Arc<dyn ChatModel> = Arc::new(model.clone());
    let start = Instant::now();
    let response = RunContext::ephemeral().model(&shared, request).await?;
    Ok((response, start.elapsed()))
}

fn request(messages: Vec<Message>, max_output: u64) -> ModelRequest {
    ModelRequest::new(messages.into_iter().collect()).with_max_output_tokens(max_output)
}

async fn speed(model: &LocalModel) -> Result<(), Failure> {
    let text = filler(model, 1, 500);
    let (response, time) = ask(model, request(vec![Message::user(&text)], 1)).await?;
    let processed = response.usage.input_tokens - response.usage.cached_input_tokens;
    println!("prompt tokens={processed} tokens_per_second={:.1}", rate(processed, time));

    let question =
        vec![Message::user("List ten facts about rivers as JSON with the keys `title` and `facts`.")];
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["title", "facts"],
        "properties": {"title": {"type": "string"}, "facts": {"type": "array", "minItems": 10, "items": {"type": "string"}}}
    });
    ask(model, request(question.clone(), 1)).await?;
    let mut rates = Vec::new();
    for round in 0..2 {
        let free = request(question.clone(), 128);
        let bound = free
            .clone()
            .with_output(OutputFormat::JsonSchema { name: "facts".into(), schema: schema.clone() });
        for (name, request) in [("free", free), ("grammar", bound)] {
            let (response, time) = ask(model, request).await?;
            let rate = rate(response.usage.output_tokens, time);
            println!(
                "decode {name} round={round} tokens={} tokens_per_second={rate:.1}",
                response.usage.output_tokens
            );
            rates.push(rate);
        }
    }
    println!("decode grammar/free speed={:.2}", (rates[1] + rates[3]) / (rates[0] + rates[2]));
    Ok(())
}

fn rate(tokens: u64, time: Duration) -> f64 {
    tokens as f64 / time.as_secs_f64()
}

/// From the second turn on, at most the tokens of the messages added since, plus 16, are processed.
async fn reuse(model: &LocalModel) -> Result<(), Failure> {
    let read = ToolSpec::new(
        "read_file",
        "Reads a text file.",
        json!({"type": "object", "properties": {"path": {"type": "string", "description": "Its path."}}, "required": ["path"]}),
    );
    let list = ToolSpec::new("list_dir", "Lists a folder.", json!({"type": "object", "properties": {}}));
    let tools = ToolSet::new([Arc::new(list), Arc::new(read)]);
    let mut messages: Messages =
        [Message::system("You are a careful clerk."), Message::user("What do the files in this folder say?")]
            .into_iter()
            .collect();
    let (mut previous, mut worst) = (0, i64::MIN);
    for turn in 1..=5 {
        let request =
            ModelRequest::new(messages.clone()).with_tools(tools.clone()).with_max_output_tokens(256);
        let (response, _) = ask(model, request).await?;
        let (input, cached) = (response.usage.input_tokens, response.usage.cached_input_tokens);
        let (processed, added) = (input - cached, input - previous);
        println!(
            "prefix_reuse turn={turn} prompt={input} cached={cached} processed={processed} added={added}"
        );
        if turn > 1 {
            worst = worst.max(i64::try_from(processed)? - i64::try_from(added)?);
        }
        previous = input;
        let results: Vec<ToolResult> = response
            .tool_calls()
            .map(|call| ToolResult {
                call_id: call.id.clone(),
                name: call.name.clone(),
                content: if call.name == "list_dir" {
                    "a.txt\nb.txt\nc.txt".into()
                } else {
                    filler(model, turn, 60)
                },
                is_error: false,
            })
            .collect();
        messages.push(response.message.clone());
        messages.push(match results.is_empty() {
            true => Message::user("Read another one."),
            false => Message::tool_results(results),
        });
    }
    println!("prefix_reuse worst_excess={worst} bar=16 {}", verdict(worst <= 16));
    Ok(())
}

/// Four requests with one prefix of 1,000 tokens against four whose prefixes differ from the first token on.
async fn shared(model: &LocalModel) -> Result<(), Failure> {
    let mut seconds = Vec::new();
    for same in [false, true] {
        let requests = (0..4).map(|n| {
            let prefix = filler(model, if same { 100 } else { 200 + n }, 1000);
            let task = format!("Retell the record above at length, in the style of poet number {n}.");
            // The prefix is the system prompt, which everything else follows.
            request(vec![Message::system(prefix), Message::user(task)], 128)
        });
        let before = model.engine().totals().evaluated();
        let start = Instant::now();
        let answers = futures_util::future::try_join_all(requests.map(|request| ask(model, request))).await?;
        let time = start.elapsed().as_secs_f64();
        let processed: u64 =
            answers.iter().map(|(a, _)| a.usage.input_tokens - a.usage.cached_input_tokens).sum();
        let output: u64 = answers.iter().map(|(a, _)| a.usage.output_tokens).sum();
        let evaluated = model.engine().totals().evaluated() - before;
        println!(
            "shared_prefix same={same} seconds={time:.1} prompt_processed={processed} output={output} evaluated={evaluated}"
        );
        seconds.push(time);
    }
    let ratio = seconds[1] / seconds[0];
    println!("shared_prefix ratio={ratio:.2} bar=0.60 {}", verdict(ratio <= 0.6));
    Ok(())
}

/// How long after its handle is dropped a request is gone, in the middle of its prompt.
fn cancel(model: &LocalModel) -> Result<(), Failure> {
    let engine = model.engine();
    let mut times = Vec::new();
    for n in 0..100 {
        let prompt = engine.vocab().tokenize_prompt(&filler(model, 1000 + n, 1500))?;
        let steps = engine.totals().steps();
        let generation = engine.generate(local::GenerateRequest::new(prompt, 16))?;
        while engine.totals().steps() == steps {
            std::thread::sleep(Duration::from_millis(1));
        }
        // At a random moment, mostly inside the first evaluation step.
        std::thread::sleep(Duration::from_millis(SystemSources.random() % 350));
        let start = Instant::now();
        drop(generation);
        while engine.totals().running() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        times.push(start.elapsed());
    }
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_millis();
    println!("cancel ms p50={} p99={} max={} bar=250 {}", at(50), at(99), at(100), verdict(at(99) <= 250));
    Ok(())
}

fn verdict(ok: bool) -> &'static str {
    if ok { "ok" } else { "MISSED" }
}
