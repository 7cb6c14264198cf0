//! Runs the program in a home of its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home folder and a working folder, gone at the end.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    vars: Vec<(String, String)>,
}

/// What the program printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("work")).unwrap();
        Self { folder, vars: Vec::new() }
    }

    /// With a variable set.
    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.vars.push((name.into(), value.into()));
        self
    }

    /// A file in the working folder.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join("work").join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The program in the working folder, with nobody at the terminal.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentic"));
        command.args(args).current_dir(self.folder.path().join("work")).stdin(Stdio::null()).env_clear();
        for kept in ["PATH", "SystemRoot", "TMPDIR", "TEMP"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.env("HOME", self.folder.path()).env("AGENTIC_HOME", self.folder.path().join("store"));
        command.env("AGENTIC_CONFIG", self.folder.path().join("config.toml"));
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.feed(args, b"")
    }

    /// Runs it to its end with this on standard input.
    pub(crate) fn feed(&self, args: &[&str], input: &[u8]) -> Ended {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().unwrap();
        // One that needs no input may be gone before it is written.
        let _ = child.stdin.take().unwrap().write_all(input);
        Ended::of(child.wait_with_output().unwrap())
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The events of `--output json`.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }

    /// The only line of JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.out.trim()).unwrap_or_else(|_| panic!("not one JSON value: {self:?}"))
    }

    /// The last event, which is `run_finished`.
    pub(crate) fn last(&self) -> Value {
        let last = self.events().pop().unwrap_or_else(|| panic!("no event: {self:?}"));
        assert_eq!(last["type"], "run_finished", "{self:?}");
        last
    }
}

/// Starts the program, waits until it has made a file, sends it a signal, and gives how it ended.
#[cfg(unix)]
pub(crate) fn signalled(place: &Place, args: &[&str], begun: &str, signal: rustix::process::Signal) -> Ended {
    use std::time::{Duration, Instant};
    let begun = place.folder.path().join("work").join(begun);
    let mut child = place.command(args).stdin(Stdio::piped()).spawn().unwrap();
    #[expect(clippy::disallowed_methods, reason = "another process works in real time")]
    let began = Instant::now();
    while !begun.exists() && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60), "it never began");
        std::thread::sleep(Duration::from_millis(10));
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), signal).unwrap();
    let _open = child.stdin.take();
    Ended::of(child.wait_with_output().unwrap())
}

/// A server on loopback that answers every request with these bytes and closes; gives its base URL. Its thread ends
/// with the test's process.
pub(crate) fn answering(response: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let _ = reader.read_exact(&mut vec![0; length]);
            let _ = stream.write_all(response.as_bytes());
        }
    });
    url
}

/// An HTTP response with this status and JSON body.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
