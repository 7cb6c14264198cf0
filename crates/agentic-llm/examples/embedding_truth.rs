//! Embeds 500 texts with the default embedding model and writes what it did, for another program to do the same with
//! other libraries: `vectors.f32` and `plan.json`. Prints how fast it is, and how far a text's vector moves with what is
//! embedded beside it.
//!
//! ```text
//! cargo run -p agentic-llm --features onnx --example embedding_truth -- FOLDER
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints"
)]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agentic_core::{Embedder, RunContext};
use agentic_llm::adapter::onnx::{OnnxOptions, needs, open};
use agentic_llm::catalog::{FetchEvent, FetchOptions, Fetcher, LocalModel, ModelLibrary};
use agentic_llm::{DEFAULT_EMBEDDER, Environment};
use agentic_runtime::RunContextExt as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const TEXTS: usize = 500;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("name a folder to write to")?);
    let texts = texts()?;
    let (model, options) = default_model().await?;
    let began = Instant::now();
    let embedder = open(model.path(), options).await?;
    println!("opened in {:.2} s", began.elapsed().as_secs_f64());

    let (whole, time) = timed(&embedder, &texts).await?;
    let tokens = whole.usage.input_tokens;
    report("together", texts.len(), tokens, time);
    let batches = embedder.batches(&texts)?;
    let sizes = batches.iter().map(Vec::len).max().unwrap_or(0);
    println!("{} batches of at most {sizes} texts", batches.len());

    let (mut moved, mut spent) = (0.0_f32, Duration::ZERO);
    for (text, vector) in texts.iter().zip(&whole.vectors) {
        let (alone, time) = timed(&embedder, std::slice::from_ref(text)).await?;
        spent += time;
        let alone = alone.vectors.first().ok_or("a text has no vector")?;
        moved = alone.iter().zip(vector).map(|(one, other)| (one - other).abs()).fold(moved, f32::max);
    }
    report("one by one", texts.len(), tokens, spent);
    println!("alone or in a batch, no number of a vector moves by more than {moved:e}");

    fs::create_dir_all(&folder)?;
    let bytes: Vec<u8> = whole.vectors.iter().flatten().flat_map(|number| number.to_le_bytes()).collect();
    fs::write(folder.join("vectors.f32"), bytes)?;
    let plan = json!({
        "model": model.path(), "tokenizer": model.file("tokenizer.json"), "max_tokens": embedder.info().max_tokens,
        "dimensions": embedder.info().dimensions, "texts": texts, "batches": batches,
    });
    fs::write(folder.join("plan.json"), serde_json::to_vec(&plan)?)?;
    println!("wrote {}", folder.display());
    Ok(())
}

/// The default model's files and settings, fetched if they are not here.
async fn default_model() -> Result<(LocalModel, OnnxOptions), Box<dyn Error>> {
    let environment = Environment::system();
    let library = ModelLibrary::of_user(&environment)?;
    let fetcher = Fetcher::new(FetchOptions::from_vars(|name| environment.get(name)));
    let progress = |event: &FetchEvent| {
        if !matches!(event, FetchEvent::Downloading { .. } | FetchEvent::Verifying { .. }) {
            println!("{event}");
        }
    };
    let mut fetched = Vec::new();
    for id in needs(DEFAULT_EMBEDDER, &environment)? {
        fetched.push(library.fetch(&id, &fetcher, &progress, &CancellationToken::new()).await?);
    }
    let mut fetched = fetched.into_iter();
    let model = fetched.next().ok_or("the default model has no files")?;
    let runtime = fetched.next().map(|runtime| runtime.path().to_owned());
    let runtime = runtime.or_else(|| environment.get("ORT_DYLIB_PATH").map(PathBuf::from));
    let mut options = OnnxOptions::default();
    options.library = runtime;
    options.tokenizer = model.file("tokenizer.json").map(Path::to_owned);
    options.max_tokens = model.entry.as_ref().and_then(|entry| usize::try_from(entry.context_tokens?).ok());
    Ok((model, options))
}

async fn timed(
    embedder: &agentic_llm::adapter::onnx::OnnxEmbedder,
    texts: &[String],
) -> Result<(agentic_core::Embeddings, Duration), Box<dyn Error>> {
    let shared: Arc<dyn Embedder> = Arc::new(embedder.clone());
    let began = Instant::now();
    let embeddings = RunContext::ephemeral().embed(&shared, texts.iter().cloned()).await?;
    Ok((embeddings, began.elapsed()))
}

fn report(what: &str, texts: usize, tokens: u64, time: Duration) {
    let seconds = time.as_secs_f64();
    println!(
        "{what}: {texts} texts, {tokens} tokens in {seconds:.2} s: {:.0} texts/s, {:.0} tokens/s",
        texts as f64 / seconds,
        tokens as f64 / seconds
    );
}

/// Turns of recorded conversations, and texts that are harder than what people say.
fn texts() -> Result<Vec<String>, Box<dyn Error>> {
    let path = agentic_testkit::fixture("locomo/locomo-half.json").ok_or("the texts are not there")?;
    let recorded: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let mut said = Vec::new();
    collect(&recorded, &mut said);
    let long = said.iter().take(60).cloned().collect::<Vec<_>>().join(" ");
    let mut texts: Vec<String> = [
        "",
        " ",
        "!",
        "a",
        "7",
        "\n\t\n",
        "Größe, naïve, Ærø",
        "東京は日本の首都です。",
        "مرحبا بالعالم",
        "Привет, мир",
        "👩‍👩‍👧‍👦 🏳️‍🌈",
        "e\u{301} \u{e9}",
        "\u{0}\u{feff}\u{fffd}",
        "[CLS] a [SEP] b [MASK] [PAD]",
        "don't; won't - can't",
        "https://example.org/a?b=c&d=%20#e",
        "fn main() { println!(\"{}\", 1 + 1); }",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    texts.extend([long.clone(), long.replace(' ', ""), "word ".repeat(300)]);
    let step = (said.len() / TEXTS).max(1);
    texts.extend(said.into_iter().step_by(step).take(TEXTS - texts.len()));
    if texts.len() != TEXTS {
        return Err(format!("there are {} texts, not {TEXTS}", texts.len()).into());
    }
    Ok(texts)
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(fields) => {
            texts.extend(fields.get("text").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|item| collect(item, texts));
        }
        _ => {}
    }
}
