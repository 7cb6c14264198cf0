//! The timeline of a run: scopes, and the steps in them, a line each. One pass over the journal.

use std::collections::{HashMap, HashSet};

use agentic::core::{
    Approval, ApprovalRule, Decision, EventKind, Json, ModelResponse, Part, Plan, Spend, StepId, StepKind,
    Timestamp,
};
use agentic::runtime::{Entry, EntryKind};

use super::last_plan::LastPlan;
use super::one_line;
use super::time::utc;

/// Characters of arguments and of a result that are shown.
const SHOWN: usize = 100;

/// What a journal tells.
pub(crate) struct Timeline {
    pub(crate) lines: Vec<String>,
    /// What the steps took.
    pub(crate) spend: Spend,
    /// The run's plan as it came out.
    pub(crate) plan: Option<Plan>,
}

enum Row {
    Step(Step),
    Mark(String),
    /// What the task is about that is worked on in a scope.
    Task {
        scope: String,
        about: String,
    },
    /// A time that was not needed.
    Unused,
}

struct Step {
    id: StepId,
    kind: StepKind,
    what: String,
    began: Timestamp,
    ended: Option<Timestamp>,
    spend: Spend,
    came: Option<String>,
}

#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    places: HashMap<StepId, usize>,
    plan: LastPlan,
    spend: Spend,
    resumed: u32,
    /// The scopes of tasks of which it is said what they are about.
    described: HashSet<String>,
}

/// The timeline of a journal.
pub(crate) fn of(entries: &[Entry]) -> Timeline {
    let mut rows = Rows::default();
    for entry in entries {
        rows.add(entry);
    }
    let mut plan = rows.plan.plan().cloned();
    if entries.last().is_some_and(|last| matches!(last.kind, EntryKind::Finished { .. })) {
        // Nobody works on any of it any more.
        plan.iter_mut().for_each(Plan::reopen);
    }
    Timeline { spend: rows.spend, plan, lines: rows.lines() }
}

/// `2 turns · 120 tokens in · 12 out · $0.0012`.
pub(crate) fn spent(spend: &Spend) -> String {
    let turn = if spend.turns == 1 { "turn" } else { "turns" };
    format!("{} {turn} · {}", spend.turns, tokens(spend))
}

fn tokens(spend: &Spend) -> String {
    let up_to = if spend.at_most { "up to " } else { "" };
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

    fn begins(&mut self, id: &StepId, kind: StepKind, at: Timestamp, what: String) {
        self.places.insert(id.clone(), self.rows.len());
        let (ended, spend, came) = Default::default();
        self.rows.push(Row::Step(Step { id: id.clone(), kind, what, began: at, ended, spend, came }));
    }

    /// What was told: a plan, and how it goes on.
    fn told(&mut self, scope: &str, event: &Json) {
        let Ok(event) = event.read::<EventKind>() else { return };
        let again = self.plan.follow(scope, &event);
        if let EventKind::PlanMade { plan } = &event
            && again
        {
            let why = plan.replanned().last().filter(|last| last.version == plan.version());
            let why = why.map(|last| format!(": {}", one_line(&last.reason, 2 * SHOWN))).unwrap_or_default();
            self.mark(format!("— planned again, version {}{why}", plan.version()));
        }
    }

    /// What the task is about that this step is in, where it is the first of the task.
    fn task_of(&mut self, step: &StepId) {
        let scope = step.scope();
        for (at, _) in scope.match_indices("task:") {
            let end = scope[at..].find('/').map_or(scope.len(), |length| at + length);
            let scope = &scope[..end];
            if let Some(about) = self.plan.task(scope)
                && self.described.insert(scope.to_owned())
            {
                let about = one_line(about, SHOWN);
                self.rows.push(Row::Task { scope: scope.to_owned(), about });
            }
        }
    }

    fn step(&mut self, id: &StepId) -> Option<&mut Step> {
        match self.places.get(id).and_then(|place| self.rows.get_mut(*place)) {
            Some(Row::Step(step)) => Some(step),
            _ => None,
        }
    }

    fn is_time(&mut self, id: &StepId) -> bool {
        self.step(id).is_some_and(|step| step.kind == StepKind::Sleep)
    }

    fn ends(&mut self, id: &StepId, at: Timestamp, came: String) {
        if let Some(step) = self.step(id) {
            (step.ended, step.came) = (Some(at), Some(came));
        }
    }

    fn took(&mut self, id: &StepId, spend: Spend) {
        self.spend += spend;
        if let Some(step) = self.step(id) {
            step.spend += spend;
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
                self.task_of(step);
                self.begins(step, *kind, at, what(*kind, name, asked));
            }
            EntryKind::Restarted { step, attempt, lost, .. } => {
                self.mark(format!("— `{step}` was under way when its process ended: attempt {attempt}"));
                self.took(step, *lost);
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
                self.took(step, *spend);
            }
            EntryKind::Refused { step, kind, error, .. } => {
                self.task_of(step);
                self.begins(step, *kind, at, what(*kind, "", &Json::default()));
                self.ends(step, at, format!("✗ {}", one_line(&error.to_string(), SHOWN)));
            }
            // A limit of time that was not reached.
            EntryKind::Dropped { step, .. } if self.is_time(step) => {
                let row = self.places.remove(step).and_then(|place| self.rows.get_mut(place));
                row.into_iter().for_each(|row| *row = Row::Unused);
            }
            EntryKind::Dropped { step, spend, begun } => {
                let came = if *begun { "dropped while it was under way" } else { "dropped" };
                self.ends(step, at, format!("✗ {came}"));
                self.took(step, *spend);
            }
            EntryKind::Told { scope, event } => self.told(scope, event),
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
                let times = if *wakes == 1 { "once".to_owned() } else { format!("{wakes} times") };
                self.mark(format!("— woken by something that is no step of the run: {times}"));
            }
            EntryKind::CancelRequested { .. } => self.mark(format!("— cancelled, {}", utc(at))),
            _ => {}
        }
    }

    fn lines(self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut scope: Vec<String> = Vec::new();
        let mut tasks: HashMap<String, String> = HashMap::new();
        for row in self.rows {
            let step = match row {
                Row::Step(step) => step,
                Row::Mark(text) => {
                    lines.push(text);
                    continue;
                }
                Row::Task { scope, about } => {
                    tasks.insert(scope, about);
                    continue;
                }
                Row::Unused => continue,
            };
            // Calls stand in their turn.
            let parts: Vec<_> = step.id.scope().split('/').filter(|part| !part.is_empty()).collect();
            let call = parts.iter().position(|part| part.starts_with("call:") || part.starts_with("call@"));
            let call = call.filter(|at| at + 1 == parts.len()).unwrap_or(parts.len());
            let parts = &parts[..call];
            let same = scope.iter().zip(parts).take_while(|(old, new)| old == new).count();
            scope.truncate(same);
            for part in &parts[same..] {
                let indent = "  ".repeat(scope.len());
                scope.push((*part).to_owned());
                let about = tasks.get(&scope.join("/")).map(|about| format!("  {about}")).unwrap_or_default();
                lines.push(format!("{indent}{}{about}", one_line(part, SHOWN)));
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
            line.push_str(&format!(" · {}", tokens(&self.spend)));
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
