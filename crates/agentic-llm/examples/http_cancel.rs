//! Measures how soon the connection of a cancelled model call is closed, as its server sees it.
//!
//! ```text
//! cargo run -p agentic-llm --features openai --example http_cancel
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measuring program reads the clock and prints"
)]

use std::error::Error;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use agentic_core::{CancelReason, Cancellation, ChatModel, Message, ModelRequest, Sources as _};
use agentic_llm::adapter::openai::OpenAi;
use agentic_runtime::{Ephemeral, SystemSources};
use agentic_testkit::EventLog;

const CANCELS: usize = 200;
const BAR: Duration = Duration::from_millis(250);
/// Between two pieces of the answer.
const TRICKLE: Duration = Duration::from_millis(3);
/// A call is cancelled within so many milliseconds after it has reached the server.
const WITHIN: u64 = 60;

/// What a server sees of one call.
enum Seen {
    Asked,
    Closed(Instant),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/v1", listener.local_addr()?);
    let (tell, seen) = channel();
    thread::spawn(move || serve(&listener, &tell));
    let model: Arc<dyn ChatModel> = Arc::new(OpenAi::builder("m").base_url(&url).build()?);
    let mut times = Vec::new();
    for n in 0..CANCELS {
        // Streams are asked for when somebody watches, whole answers else.
        times.push(cancelled(&model, &seen, n % 2 == 0).await?);
    }
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0;
    let ok = times[(times.len() - 1) * 99 / 100] <= BAR;
    println!(
        "cancel http: {CANCELS} calls, closed after ms p50={:.1} p99={:.1} max={:.1} bar={} {}",
        at(50),
        at(99),
        at(100),
        BAR.as_millis(),
        if ok { "ok" } else { "MISSED" }
    );
    if ok { Ok(()) } else { Err("the bar is missed".into()) }
}

/// Cancels one call at a random moment. Gives how long its connection stayed open.
async fn cancelled(
    model: &Arc<dyn ChatModel>,
    seen: &Receiver<Seen>,
    watched: bool,
) -> Result<Duration, Box<dyn Error>> {
    let cancellation = Cancellation::new();
    let mut run = Ephemeral::new().cancellation(cancellation.clone());
    if watched {
        run = run.events(Arc::new(EventLog::new()));
    }
    let (cx, model) = (run.context(), model.clone());
    let request = ModelRequest::new([Message::user("Count to a million.")].into_iter().collect());
    let asks = tokio::spawn(async move { cx.model(&model, request).await });
    tokio::task::block_in_place(|| seen.recv())?;
    tokio::time::sleep(Duration::from_millis(SystemSources.random() % WITHIN)).await;
    let began = Instant::now();
    cancellation.cancel(CancelReason::Requested);
    let Seen::Closed(at) = tokio::task::block_in_place(|| seen.recv())? else {
        return Err("a call was asked twice".into());
    };
    match asks.await? {
        Err(_) => Ok(at.saturating_duration_since(began)),
        Ok(_) => Err("a cancelled call gave an answer".into()),
    }
}

/// Answers each call with pieces that never end, and tells when its connection is closed.
fn serve(listener: &TcpListener, tell: &Sender<Seen>) {
    for stream in listener.incoming().flatten() {
        let tell = tell.clone();
        thread::spawn(move || drop(answer(stream, &tell)));
    }
}

fn answer(stream: TcpStream, tell: &Sender<Seen>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let streams = String::from_utf8_lossy(&body).contains("\"stream\":true");
    // A connection that is opened and not used is none of a call.
    if length == 0 || tell.send(Seen::Asked).is_err() {
        return Ok(());
    }
    thread::spawn(move || drop(trickle(stream, streams)));
    // Nothing more is said: the next that comes is the end.
    let _ = reader.read(&mut [0]);
    let _ = tell.send(Seen::Closed(Instant::now()));
    Ok(())
}

fn trickle(mut stream: TcpStream, streams: bool) -> std::io::Result<()> {
    // Some calls are cancelled before their answer begins.
    thread::sleep(Duration::from_millis(SystemSources.random() % 20));
    let kind = if streams { "text/event-stream" } else { "application/json" };
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n\r\n")?;
    // A whole answer may begin with any number of spaces.
    let piece = if streams { "data: {\"choices\":[{\"delta\":{\"content\":\"one \"}}]}\n\n" } else { " " };
    while stream.write_all(piece.as_bytes()).is_ok() {
        thread::sleep(TRICKLE);
    }
    Ok(())
}
