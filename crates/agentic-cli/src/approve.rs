//! A person at the terminal answers approvals.

use std::io::{IsTerminal as _, Write as _};

use agentic::core::{Approval, Decision, StepId};
pub(crate) use agentic::runtime::ApproveAll;
use agentic::runtime::Approver;
use async_trait::async_trait;
use tokio::sync::Mutex;

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
        match line().await.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => Decision::Approve,
            "e" | "edit" => {
                crate::render::question("arguments as JSON: ");
                match serde_json::from_str(line().await.trim()) {
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

/// One line from the terminal; empty at its end.
pub(crate) async fn line() -> String {
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        let _ = std::io::stderr().flush();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    read.await.ok().and_then(Result::ok).unwrap_or_default()
}
