//! A person at the terminal answers approvals.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::LazyLock;

use agentic::core::{Approval, Decision, StepId};
use agentic::runtime::Approver;
use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};

/// Asks at the terminal, one question at a time.
#[derive(Debug, Default)]
pub(crate) struct TerminalApprover {
    turn: Mutex<()>,
}

impl TerminalApprover {
    /// `None` where nobody is there to be asked.
    pub(crate) fn new() -> Option<Self> {
        (std::io::stdin().is_terminal() && std::io::stderr().is_terminal()).then(Self::default)
    }
}

#[async_trait]
impl Approver for TerminalApprover {
    async fn decide(&self, _: &StepId, approval: &Approval) -> Decision {
        let _turn = self.turn.lock().await;
        crate::render::question(&format!("{} [y]es, [n]o, [e]dit: ", approval.question));
        match answer().await.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Decision::Approve,
            "e" | "edit" => {
                crate::render::question("arguments as JSON: ");
                match serde_json::from_str(answer().await.trim()) {
                    Ok(arguments) => Decision::Edit { arguments },
                    Err(error) => {
                        Decision::Deny { reason: format!("the edited arguments are not JSON: {error}") }
                    }
                }
            }
            "" | "n" | "no" => Decision::Deny { reason: "the user said no".into() },
            // Whatever else was typed tells the model why.
            why => Decision::Deny { reason: why.to_owned() },
        }
    }
}

/// Approves every call. What else is asked is for the person at the terminal, if there is one.
#[derive(Debug)]
pub(crate) struct Calls(pub(crate) Option<TerminalApprover>);

#[async_trait]
impl Approver for Calls {
    fn answers(&self, approval: &Approval) -> bool {
        approval.tool.is_some() || self.0.is_some()
    }

    async fn decide(&self, step: &StepId, approval: &Approval) -> Decision {
        match &self.0 {
            _ if approval.tool.is_some() => Decision::Approve,
            Some(person) => person.decide(step, approval).await,
            None => Decision::Deny {
                reason: "--yes approves calls alone, and nobody is there to be asked".into(),
            },
        }
    }
}

/// Denies, for nobody is there to be asked.
#[derive(Debug)]
pub(crate) struct Unattended;

#[async_trait]
impl Approver for Unattended {
    async fn decide(&self, _: &StepId, _: &Approval) -> Decision {
        Decision::Deny {
            reason: "nobody is there to approve it; run with --yes to approve every call".into(),
        }
    }
}

/// The lines of standard input. One thread reads them, so a question that nobody waits for any more leaves its line
/// to the next one.
static LINES: LazyLock<Mutex<mpsc::Receiver<String>>> = LazyLock::new(|| {
    let (sender, lines) = mpsc::channel(1);
    std::thread::spawn(move || {
        let (mut stdin, mut line) = (std::io::stdin().lock(), Vec::new());
        while stdin.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            // Bytes that are no text are no reason to stop listening.
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
            line.clear();
            if sender.blocking_send(text).is_err() {
                return;
            }
        }
    });
    Mutex::new(lines)
});

/// One line of standard input; `None` at its end. Safe to drop.
pub(crate) async fn line() -> Option<String> {
    LINES.lock().await.recv().await
}

async fn answer() -> String {
    line().await.unwrap_or_default()
}
