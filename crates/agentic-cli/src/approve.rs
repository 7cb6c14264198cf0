//! A person at the terminal answers approvals.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::LazyLock;

use agentic::core::{Approval, ApprovalRule, Decision, StepId};
use agentic::runtime::{Answer, Approver};
use async_trait::async_trait;
use tokio::sync::{Mutex, mpsc};

use crate::{arguments, raises, rules};

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
    async fn decide(&self, _: &StepId, approval: &Approval) -> Answer {
        let _turn = self.turn.lock().await;
        let mut asks = format!("{} {}: ", approval.question, Choice::offered(approval));
        loop {
            let again = match Choice::of(&answered(&asks).await, approval) {
                Choice::Answer(answer) => return answer,
                Choice::Edit => match edited(&answered("arguments as JSON: ").await, approval) {
                    Ok(decision) => return decision.into(),
                    Err(why) => why,
                },
                Choice::Unclear => "that is none of these; a no may be a sentence that says why".into(),
            };
            asks = format!("{again}\n{} {}: ", approval.question, Choice::offered(approval));
        }
    }
}

/// What is typed when this is asked. Safe to drop; then nobody is asked any more.
async fn answered(question: &str) -> String {
    let asking = crate::render::ask(question);
    let Some(typed) = line().await else { return String::new() };
    asking.answered();
    typed
}

/// The arguments that are typed, if they can be those of the call.
fn edited(typed: &str, approval: &Approval) -> Result<Decision, String> {
    let arguments =
        serde_json::from_str(typed.trim()).map_err(|error| format!("that is not JSON: {error}"))?;
    if let Some(tool) = &approval.tool {
        arguments::check(tool, &arguments)?;
    }
    let decision = Decision::Edit { arguments };
    raises::check(approval, &decision)?;
    Ok(decision)
}

/// What a person chooses.
#[derive(Debug, PartialEq)]
enum Choice {
    Answer(Answer),
    Edit,
    Unclear,
}

impl Choice {
    /// What there is to choose from. Rules are for tools alone.
    fn offered(approval: &Approval) -> &'static str {
        match (&approval.tool, rules::allowing(approval, true)) {
            (None, _) if !raises::can_be_edited(approval) => "[y]es, [n]o",
            (None, _) => "[y]es, [n]o, [e]dit",
            (_, None) => "[y]es, [n]o, [e]dit, [a]lways, ne[v]er",
            _ => "[y]es, [n]o, [e]dit, [a]lways, [s]ame always, ne[v]er",
        }
    }

    fn of(typed: &str, approval: &Approval) -> Self {
        let deny = |reason: &str| Decision::Deny { reason: reason.into() };
        let word = typed.trim().to_ascii_lowercase();
        let rule = match (word.as_str(), &approval.tool) {
            ("a" | "always", _) => rules::allowing(approval, false),
            ("s" | "same", _) => rules::allowing(approval, true),
            ("v" | "never", Some(tool)) => Some(ApprovalRule::deny(tool, "the user said never")),
            _ => None,
        };
        if let Some(rule) = rule {
            return Self::Answer(rule.into());
        }
        Self::Answer(match word.as_str() {
            "y" | "yes" => Decision::Approve.into(),
            "e" | "edit" if raises::can_be_edited(approval) => return Self::Edit,
            "e" | "edit" => return Self::Unclear,
            "" | "n" | "no" => deny("the user said no").into(),
            // A slip of the finger decides nothing.
            word if word.chars().count() == 1 => return Self::Unclear,
            // Whatever else was typed tells the model why.
            _ => deny(typed.trim()).into(),
        })
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

    async fn decide(&self, step: &StepId, approval: &Approval) -> Answer {
        match &self.0 {
            _ if approval.tool.is_some() => Decision::Approve.into(),
            Some(person) => person.decide(step, approval).await,
            None => Decision::Deny {
                reason: "--yes approves calls alone, and nobody is there to be asked".into(),
            }
            .into(),
        }
    }
}

/// Denies, for nobody is there to be asked.
#[derive(Debug)]
pub(crate) struct Unattended;

#[async_trait]
impl Approver for Unattended {
    async fn decide(&self, _: &StepId, approval: &Approval) -> Answer {
        let reason = match approval.tool {
            Some(_) => "nobody is there to approve it; run with --allow TOOL, or --yes to approve every call",
            None => "nobody is there to be asked; without --ephemeral the run waits for an answer",
        };
        Decision::Deny { reason: reason.into() }.into()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_word_is_an_answer_and_other_words_are_a_reason() {
        let shell = Approval::of_tool("shell", json!({"command": "ls"}));
        let asked = |typed: &str, approval: &Approval| match Choice::of(typed, approval) {
            Choice::Answer(Answer { decision, rule }) => {
                let rule = rule.map(|rule| format!(" {rule}")).unwrap_or_default();
                match decision {
                    Decision::Deny { reason } => format!("no: {reason};{rule}"),
                    _ => format!("yes;{rule}"),
                }
            }
            Choice::Edit => "edit".into(),
            Choice::Unclear => "unclear".into(),
        };
        for (typed, expected) in [
            ("Y\n", "yes;"),
            ("", "no: the user said no;"),
            ("e", "edit"),
            ("always", "yes; allow `shell`"),
            ("s", "yes; allow `shell` with exactly {\"command\":\"ls\"}"),
            ("v", "no: the user said never; deny `shell`: the user said never"),
            ("x", "unclear"),
            (" Not in /etc ", "no: Not in /etc;"),
        ] {
            assert_eq!(asked(typed, &shell), expected, "{typed}");
        }
        let other = Approval::new("go on?");
        for typed in ["a", "s", "v"] {
            assert_eq!(asked(typed, &other), "unclear", "no tool's");
        }
        assert!(edited("{\"command\":\"ls\"}", &shell).is_ok());
        for typed in ["{\"cmd\":\"ls\"}", "ls"] {
            assert!(edited(typed, &shell).is_err(), "{typed}");
        }
        let mut raise = Approval::new("Raise it?");
        raise.arguments = json!({"what": "tokens", "limit": 5, "spent": 5, "asked": 1, "raise": 5});
        assert!(edited("{\"raise\": 7}", &raise).is_ok());
        for typed in ["20000", "{\"raise\": 0.5}"] {
            assert!(edited(typed, &raise).unwrap_err().contains("whole number"), "{typed}");
        }
        let again = Approval::new("Task `a` failed. Try it again?");
        assert_eq!(Choice::offered(&again), "[y]es, [n]o");
        assert_eq!(Choice::of("e", &again), Choice::Unclear);
        assert!(edited("{\"raise\": 5}", &again).unwrap_err().contains("nothing to edit"));
        assert!(!Choice::offered(&other).contains("always"));
        assert!(!Choice::offered(&Approval::of_tool("shell", json!(1))).contains("same"));
    }
}
