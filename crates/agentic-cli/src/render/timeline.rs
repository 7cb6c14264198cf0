//! The timeline of a run: scopes, and the steps in them, a line each. One pass over the journal.

use std::collections::HashMap;

use agentic::core::{
    Approval, ApprovalRule, Decision, Json, ModelResponse, Part, Spend, StepId, StepKind, Timestamp,
};
use agentic::runtime::{Entry, EntryKind};

use super::one_line;
use super::time::utc;

/// Characters of arguments and of a result that are shown.
const SHOWN: usize = 100;

/// What a journal tells.
pub(crate) struct Timeline {
    pub(crate) lines: Vec<String>,
    /// What the steps took.
    pub(crate) spend: Spend,
    /// Whether a call was cut off, so that what it took is known only as a bound.
    pub(crate) cut: bool,
}

enum Row {
    Step(Step),
    Mark(String),
}

struct Step {
    id: StepId,
    what: String,
    began: Timestamp,
    ended: Option<Timestamp>,
    spend: Spend,
    cut: bool,
    came: Option<String>,
}

#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    places: HashMap<StepId, usize>,
    spend: Spend,
    cut: bool,
    resumed: u32,
}

/// The timeline of a journal.
pub(crate) fn of(entries: &[Entry]) -> Timeline {
    let mut rows = Rows::default();
    for entry in entries {
        rows.add(entry);
    }
    Timeline { spend: rows.spend, cut: rows.cut, lines: rows.lines() }
}

/// `2 turns · 120 tokens in · 12 out · $0.0012`; of a call that was [cut](Timeline::cut) off only the most that it can have
/// taken is known.
pub(crate) fn spent(spend: &Spend, cut: bool) -> String {
    let turn = if spend.turns == 1 { "turn" } else { "turns" };
    format!("{} {turn} · {}", spend.turns, tokens(spend, cut))
}

fn tokens(spend: &Spend, cut: bool) -> String {
    let up_to = if cut { "up to " } else { "" };
    let Spend { usage, cost, .. } = spend;
    let mut text = format!("{up_to}{} tokens in · {up_to}{} out", usage.input_tokens, usage.output_tokens);
    if cost.0 > 0 {
        text.push_str(&format!(" · {up_to}${:.4}", cost.dollars()));
    }
    text
}

impl Rows {
    fn mark(&mut self, text: String) {
        self.rows.push(Row::Mark(text));
    }

    fn rule(&mut self, did: &str, rule: &ApprovalRule, by: Option<&str>) {
        let by = by.map(|by| format!(" (by {})", one_line(by, 40))).unwrap_or_default();
        self.mark(format!("— {did}: {}{by}", one_line(&rule.to_string(), SHOWN)));
    }

    fn begins(&mut self, id: &StepId, at: Timestamp, what: String) {
        self.places.insert(id.clone(), self.rows.len());
        let (ended, spend, cut, came) = Default::default();
        self.rows.push(Row::Step(Step { id: id.clone(), what, began: at, ended, spend, cut, came }));
    }

    fn step(&mut self, id: &StepId) -> Option<&mut Step> {
        match self.places.get(id).and_then(|place| self.rows.get_mut(*place)) {
            Some(Row::Step(step)) => Some(step),
            _ => None,
        }
    }

    fn ends(&mut self, id: &StepId, at: Timestamp, came: String) {
        if let Some(step) = self.step(id) {
            (step.ended, step.came) = (Some(at), Some(came));
        }
    }

    /// A step took this, or at most this.
    fn took(&mut self, id: &StepId, spend: Spend, at_most: bool) {
        let cut = at_most && spend.tokens() > 0;
        self.spend += spend;
        self.cut |= cut;
        if let Some(step) = self.step(id) {
            step.spend += spend;
            step.cut |= cut;
        }
    }

    fn add(&mut self, entry: &Entry) {
        let at = entry.at;
        match &entry.kind {
            EntryKind::Resumed { attempt, code } => {
                // The first is the run's beginning.
                if self.resumed > 0 {
                    let why = if *attempt > 1 { " after its process was gone" } else { "" };
                    self.mark(format!("— resumed{why}, {} (version {})", utc(at), one_line(code, 40)));
                }
                self.resumed += 1;
            }
            EntryKind::Forked { from, .. } => {
                self.mark(format!("— forked here from run {from}; all above is that run's"));
                self.resumed = 0;
            }
            EntryKind::Intent { step, kind, name, asked, .. } => {
                self.begins(step, at, what(*kind, name, asked));
            }
            EntryKind::Restarted { step, attempt, lost, .. } => {
                self.mark(format!("— `{step}` was under way when its process ended: attempt {attempt}"));
                self.took(step, *lost, true);
            }
            EntryKind::Outcome { step, kind, error, spend, by, value, .. } => {
                let mut came = match error {
                    Some(error) => format!("✗ {}", one_line(&error.to_string(), SHOWN)),
                    None => format!("→ {}", gave(*kind, value)),
                };
                if let Some(by) = by {
                    came.push_str(&format!(" (by {})", one_line(by, SHOWN)));
                }
                self.ends(step, at, came);
                self.took(step, *spend, error.is_some());
            }
            EntryKind::Refused { step, kind, error, .. } => {
                self.begins(step, at, what(*kind, "", &Json::default()));
                self.ends(step, at, format!("✗ {}", one_line(&error.to_string(), SHOWN)));
            }
            EntryKind::Dropped { step, spend, begun } => {
                let came = if *begun { "dropped while it was under way" } else { "dropped" };
                self.ends(step, at, format!("✗ {came}"));
                self.took(step, *spend, true);
            }
            EntryKind::Late { step, kind, error, value, .. } => {
                let came = error.as_ref().map_or_else(|| gave(*kind, value), ToString::to_string);
                self.mark(format!("— `{step}` ended late: {}", one_line(&came, SHOWN)));
            }
            EntryKind::RuleGiven { rule, by } => self.rule("rule", rule, by.as_deref()),
            EntryKind::RuleRevoked { rule, by } => self.rule("revoked", rule, by.as_deref()),
            EntryKind::Message { mailbox, content, .. } => {
                let content = one_line(content.as_str(), SHOWN);
                self.mark(format!("— message in {}: {content}", one_line(mailbox, 40)));
            }
            EntryKind::Ignored { what } => self.mark(format!("— {}", one_line(what, SHOWN))),
            EntryKind::Foreign { wakes } => {
                self.mark(format!("— woken by something that is no step of the run: {wakes} times"));
            }
            EntryKind::CancelRequested { .. } => self.mark(format!("— cancelled, {}", utc(at))),
            _ => {}
        }
    }

    fn lines(self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut scope: Vec<String> = Vec::new();
        for row in self.rows {
            let step = match row {
                Row::Step(step) => step,
                Row::Mark(text) => {
                    lines.push(text);
                    continue;
                }
            };
            // Calls stand in their turn.
            let parts: Vec<_> = step.id.scope().split('/').filter(|part| !part.is_empty()).collect();
            let call = parts.iter().position(|part| part.starts_with("call:") || part.starts_with("call@"));
            let call = call.filter(|at| at + 1 == parts.len()).unwrap_or(parts.len());
            let parts = &parts[..call];
            let same = scope.iter().zip(parts).take_while(|(old, new)| old == new).count();
            scope.truncate(same);
            for part in &parts[same..] {
                lines.push(format!("{}{}", "  ".repeat(scope.len()), one_line(part, SHOWN)));
                scope.push((*part).to_owned());
            }
            lines.push(format!("{}{}", "  ".repeat(scope.len()), step.line()));
        }
        lines
    }
}

impl Step {
    fn line(&self) -> String {
        let mut line = one_line(self.id.as_str(), 200);
        if !self.what.is_empty() {
            line.push_str(&format!("  {}", self.what));
        }
        if let Some(ended) = self.ended {
            line.push_str(&format!(" · {:.1} s", ended.since(self.began).as_secs_f64()));
        }
        if self.spend.tokens() > 0 || self.spend.cost.0 > 0 {
            line.push_str(&format!(" · {}", tokens(&self.spend, self.cut)));
        }
        line.push_str(&format!("  {}", self.came.as_deref().unwrap_or("… open")));
        line
    }
}

/// What a step is about, where its id does not say it.
fn what(kind: StepKind, name: &str, asked: &Json) -> String {
    let arguments = || if asked.as_str() == "null" { String::new() } else { one_line(asked.as_str(), SHOWN) };
    match kind {
        StepKind::Model | StepKind::Embed => one_line(name, SHOWN),
        StepKind::Approval => {
            asked.read::<Approval>().map_or_else(|_| arguments(), |it| one_line(&it.question, SHOWN))
        }
        _ => arguments(),
    }
}

/// What a step gave, cut to a line.
fn gave(kind: StepKind, value: &Json) -> String {
    let text = match kind {
        StepKind::Model => value.read::<ModelResponse>().ok().map(|response| {
            let mut said: Vec<String> = Vec::new();
            let text = response.text();
            if !text.trim().is_empty() {
                said.push(one_line(&text, SHOWN));
            }
            for part in &response.message.parts {
                if let Part::ToolCall(call) = part {
                    said.push(format!("[{}]", one_line(&call.name, SHOWN)));
                }
            }
            said.join(" ")
        }),
        StepKind::Approval => value.read::<Decision>().ok().map(|decision| match decision {
            Decision::Approve => "approved".into(),
            Decision::Edit { arguments } => format!("approved with {arguments}"),
            Decision::Deny { reason } => format!("denied: {reason}"),
        }),
        _ => value.read::<String>().ok(),
    };
    one_line(&text.unwrap_or_else(|| value.as_str().to_owned()), 2 * SHOWN)
}
