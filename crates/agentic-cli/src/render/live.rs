//! A run as it happens, for people: thoughts, calls, results, what was spent.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentic::core::{
    ApprovalRule, Decision, ErrorClass, Event, EventKind, EventSink, ModelDelta, Reason, Spend, StepKind,
    TaskStatus, Timestamp, path_name, value_text,
};
use agentic::runtime::RunReport;
use serde_json::Value;

use super::live_plan::{LivePlan, Room, indented};
use super::{Bar, Style, harmless, line, one_line, paint};

/// Shows a run on standard error, and its result on standard output.
pub(crate) struct Live {
    /// Whether words can be shown as they come.
    terminal: bool,
    /// What is to be said of an answer that was given without any tool.
    unaided: Option<&'static str>,
    /// Whether words are never shown as they come.
    quiet: bool,
    shown: Mutex<Shown>,
}

struct Shown {
    bar: Bar,
    /// What the model has said in the current step.
    words: String,
    /// What of that was shown as it came.
    told: String,
    /// Whether the line that was shown last goes on.
    line_is_open: bool,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    /// The rules that were given in the run.
    rules: Vec<ApprovalRule>,
    /// The plan that is executed, by several agents at the same time.
    plan: Option<LivePlan>,
    /// What is being done at the moment.
    doing: String,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live")
    }
}

impl Shown {
    fn time(&self) -> Option<Duration> {
        self.ended.zip(self.started).map(|(end, start)| end.since(start))
    }

    /// Shows that this is being done, below the plan if there is one.
    fn spin(&mut self, doing: &str) {
        doing.clone_into(&mut self.doing);
        match &self.plan {
            Some(plan) => {
                let room = Room::of(terminal_size::terminal_size_of(io::stderr()));
                self.bar.spin_below(&plan.excerpt(room), doing);
            }
            None => self.bar.spin(doing),
        }
    }

    /// Shows the plan again, under what was said last.
    fn again(&mut self) {
        if self.plan.is_some() {
            let doing = std::mem::take(&mut self.doing);
            self.spin(&doing);
        }
    }

    /// The plan of this scope, if it is the one that is shown.
    fn plan_of(&mut self, scope: &str) -> Option<&mut LivePlan> {
        self.plan.as_mut().filter(|plan| plan.is_of(scope))
    }
}

/// Characters of a result that are shown.
const LINE: usize = 160;
/// Characters that are shown of what there is of a run that did not end well, if that is one line, and else lines.
const SO_FAR: usize = 1000;
const LINES: usize = 40;
/// Characters of a call that are shown: what is done matters more than what comes of it.
const CALL: usize = 600;

impl Live {
    pub(crate) fn new(unaided: Option<&'static str>) -> Self {
        let shown = Shown {
            bar: Bar::hidden(),
            words: String::new(),
            told: String::new(),
            line_is_open: false,
            started: None,
            ended: None,
            rules: Vec::new(),
            plan: None,
            doing: String::new(),
        };
        Self { terminal: io::stderr().is_terminal(), unaided, quiet: false, shown: Mutex::new(shown) }
    }

    /// The same, which shows no words as they come.
    pub(crate) fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the run took, as far as its events tell.
    pub(crate) fn time(&self) -> Duration {
        self.shown().time().unwrap_or_default()
    }

    /// The rules that were given in the run, beside those that it had.
    pub(crate) fn rules(&self) -> Vec<ApprovalRule> {
        self.shown().rules.clone()
    }

    /// Shows how the run ended.
    pub(crate) fn finish(&self, report: &RunReport) {
        let mut shown = self.shown();
        shown.plan.iter_mut().for_each(LivePlan::end);
        let plan = self.leave(&mut shown);
        let time = shown.time().map(|time| time.as_secs_f64());
        match &report.result {
            Ok(outcome) => {
                let text = outcome.text();
                // A plan that is not done says more than its outcome.
                if let Some(unfinished) = plan.filter(|_| !self.terminal) {
                    line(&unfinished);
                }
                if let Some(unaided) = self.unaided.filter(|_| report.spend.tool_calls == 0) {
                    super::note(unaided);
                }
                for found in &outcome.evidence {
                    super::note(&one_line(found, LINE));
                }
                // On a terminal the answer is there already if it was shown as it came.
                if !(io::stdout().is_terminal() && shown.told.trim() == text.trim()) {
                    super::result(&text);
                }
            }
            Err(error) => {
                let said =
                    error.agent().and_then(|error| error.partial()).map_or("", |partial| partial.text.trim());
                // What came of an answer that broke off is nobody's partial work, but it is all there is.
                let words = Some(shown.words.trim()).filter(|words| !self.terminal && !is_data(words));
                let said = if said.is_empty() { words.unwrap_or_default() } else { said };
                // The plan stands there already.
                let is_there = self.terminal && plan.as_deref() == Some(said);
                if !said.is_empty() && !is_there {
                    super::note(&so_far(said));
                }
                super::error(&error.to_string());
            }
        }
        super::note(&spent(&report.spend, time));
    }

    /// The run stops short of its end: others say why.
    pub(crate) fn stop(&self) {
        let mut shown = self.shown();
        self.leave(&mut shown);
        Self::end_words(&mut shown);
    }

    /// What moved stands still: on a terminal the plan, if there is one. It is given here if it stands there or if it is not done.
    fn leave(&self, shown: &mut Shown) -> Option<String> {
        shown.bar.clear();
        let plan = shown.plan.take().filter(|plan| self.terminal || !plan.is_fulfilled())?.tree();
        if self.terminal {
            line(&paint(Style::Bold, &plan));
        }
        Some(plan)
    }

    /// Whether words are shown as they come.
    fn tells(&self, shown: &Shown, scope: &str) -> bool {
        // Of a run that goes on, the plan was told when it was made.
        let is_alone = shown.plan.is_none() && of_task(scope).is_empty();
        self.terminal && !self.quiet && is_alone && !is_data(&shown.words)
    }

    fn say(shown: &mut Shown, text: &str, style: Option<Style>) {
        shown.bar.clear();
        shown.line_is_open = !text.ends_with('\n') && (shown.line_is_open || !text.is_empty());
        let mut err = io::stderr();
        let _ = match style {
            Some(style) => write!(err, "{}", paint(style, text)),
            None => write!(err, "{}", harmless(text)),
        };
        let _ = err.flush();
    }

    fn end_words(shown: &mut Shown) {
        if std::mem::take(&mut shown.line_is_open) {
            let _ = writeln!(io::stderr());
        }
    }
}

impl EventSink for Live {
    fn on_event(&self, event: &Event) {
        let mut shown = self.shown();
        shown.started.get_or_insert(event.at);
        shown.ended = Some(event.at);
        match &event.kind {
            EventKind::StepStarted { kind: StepKind::Model, detail, .. } => {
                (shown.words, shown.told) = Default::default();
                shown.spin("thinking");
                if !self.terminal {
                    super::note(&format!("{}asking {}", of_task(&event.scope), detail.name));
                }
            }
            EventKind::StepDelta { delta: ModelDelta::Text { text }, .. } => {
                shown.words.push_str(text);
                // Before the first word nobody knows whether it is something to read.
                if self.tells(&shown, &event.scope) && !shown.words.trim().is_empty() {
                    if shown.told.is_empty() {
                        // On a line of its own, after what was thought.
                        Self::end_words(&mut shown);
                    }
                    let more = shown.words[shown.told.len()..].to_owned();
                    Self::say(&mut shown, &more, None);
                    shown.told.push_str(&more);
                }
            }
            EventKind::StepDelta { delta, .. } if self.tells(&shown, &event.scope) => match delta {
                ModelDelta::Reasoning { text } => {
                    Self::say(&mut shown, text, Some(Style::Dim));
                }
                ModelDelta::ToolCall { name: Some(name), .. } => {
                    Self::end_words(&mut shown);
                    shown.spin(&format!("calling {name}"));
                }
                _ => {}
            },
            EventKind::StepFinished { kind: StepKind::Model, result, .. } => {
                shown.bar.clear();
                Self::end_words(&mut shown);
                let (text, calls) = said(result);
                // The answer itself is the result; what is said beside calls is a thought.
                if shown.told.is_empty() && calls && !text.trim().is_empty() {
                    super::note(&format!("{}{}", of_task(&event.scope), text.trim()));
                }
            }
            EventKind::StepStarted { kind: StepKind::Tool, detail, .. } => {
                shown.bar.clear();
                let call = one_line(&detail.arguments.to_string(), CALL);
                line(&format!(
                    "{} {}{} {call}",
                    paint(Style::Cyan, "→"),
                    of_task(&event.scope),
                    paint(Style::Bold, &detail.name)
                ));
                shown.spin(&format!("{} at work", detail.name));
            }
            EventKind::StepFinished { kind: StepKind::Tool, result, error, .. } => {
                shown.bar.clear();
                let (mark, came) = match error {
                    Some(error) => (paint(Style::Red, "✗"), one_line(error, LINE)),
                    None => (paint(Style::Cyan, "←"), one_line(&value_text(result), LINE)),
                };
                line(&format!("{mark} {}{came}", of_task(&event.scope)));
            }
            // What ends the whole run is told at its end.
            EventKind::StepRefused { kind: StepKind::Tool, error, error_class, .. }
                if *error_class == Some(ErrorClass::Reason(Reason::ToolError)) =>
            {
                shown.bar.clear();
                let mark = paint(Style::Red, "✗");
                line(&format!("{mark} {}{}", of_task(&event.scope), one_line(error, LINE)));
            }
            EventKind::StepDropped { .. } => {
                shown.bar.clear();
            }
            EventKind::StepLate { step, result, error, .. } => {
                shown.bar.clear();
                let came = error.clone().unwrap_or_else(|| value_text(result).into_owned());
                super::note(&format!("`{step}` ended late: {}", one_line(&came, LINE)));
            }
            EventKind::StepRestarted { step, .. } => {
                shown.bar.clear();
                (shown.words, shown.told) = Default::default();
                super::note(&format!("`{step}` was under way when the run stopped; it starts again"));
            }
            EventKind::ApprovalDecided { decision, by: Some(by), .. } => {
                shown.bar.clear();
                let what = match decision {
                    Decision::Approve => "approved".into(),
                    Decision::Edit { .. } => "approved with other arguments".into(),
                    Decision::Deny { reason } => format!("denied: {}", one_line(reason, LINE)),
                };
                super::note(&format!("{what} (by {})", one_line(by, LINE)));
            }
            EventKind::RuleGiven { rule, .. } => {
                shown.bar.clear();
                super::note(&format!("from now on: {}", one_line(&rule.to_string(), LINE)));
                shown.rules.push(rule.clone());
            }
            EventKind::RuleRevoked { rule, .. } => {
                shown.bar.clear();
                super::note(&format!("no longer: {}", one_line(&rule.to_string(), LINE)));
            }
            EventKind::PlanMade { plan } => {
                shown.bar.clear();
                let made = LivePlan::new(&event.scope, plan);
                let is_shown = !shown.plan.as_ref().is_some_and(|plan| plan.holds(&event.scope));
                if shown.plan_of(&event.scope).is_none() && is_shown {
                    // Of another try.
                    self.leave(&mut shown);
                }
                if !(is_shown && self.terminal) {
                    line(&paint(Style::Bold, &made.tree()));
                }
                if is_shown {
                    shown.plan = Some(made);
                }
            }
            EventKind::PlanExtended { tasks } => {
                shown.bar.clear();
                let is_shown = shown.plan_of(&event.scope).map(|plan| plan.extend(tasks)).is_some();
                for task in tasks.iter().filter(|_| !(is_shown && self.terminal)) {
                    let mark = agentic::plan::mark(task.status);
                    let text = format!("{mark} {}  {}", task.id, one_line(&task.description, LINE));
                    line(&paint(Style::Bold, &text));
                }
            }
            EventKind::TaskChanged { task, status, error } => {
                shown.bar.clear();
                let plan = shown.plan_of(&event.scope);
                let is_shown = plan.map(|plan| plan.change(task, *status, error.as_deref())).is_some();
                if is_shown && self.terminal && error.is_none() {
                    return shown.again();
                }
                let again = if *status == TaskStatus::InProgress { " is tried again" } else { "" };
                let error = error.as_ref().map(|error| format!("{again}: {}", one_line(error, LINE)));
                let style = if *status == TaskStatus::Failed { Style::Red } else { Style::Cyan };
                let mark = paint(style, agentic::plan::mark(*status));
                line(&format!("{mark} {}{}", paint(Style::Bold, task), error.unwrap_or_default()));
            }
            EventKind::Reflected { attempt, reflection } => {
                shown.bar.clear();
                let thought = reflection.improvement.as_ref().unwrap_or(&reflection.assessment);
                super::note(&format!("reflection on try {attempt}: {}", one_line(thought, LINE)));
            }
            EventKind::Critiqued { iteration, critique } => {
                shown.bar.clear();
                let thought = one_line(&critique.assessment, LINE);
                super::note(&format!("version {iteration} gets {critique}: {thought}"));
            }
            EventKind::Note { text } => {
                shown.bar.clear();
                super::note(text);
            }
            _ => {}
        }
        if self.terminal && !matches!(event.kind, EventKind::StepDelta { .. }) {
            shown.again();
        }
    }
}

/// Whose a line is, where tasks of a plan are worked on at the same time: `t1: `.
fn of_task(scope: &str) -> String {
    let task = scope.rsplit('/').find_map(|part| part.strip_prefix("task:"));
    task.map(|task| format!("{}: ", one_line(&path_name(task), LINE))).unwrap_or_default()
}

/// Whether what a model says is a value for the program, as of a planner or a critic, and nothing to read.
fn is_data(words: &str) -> bool {
    words.trim_start().starts_with('{')
}

/// What there is of a run that did not end well: a line, or as many as it has.
fn so_far(said: &str) -> String {
    if !said.contains('\n') {
        return format!("so far: {}", one_line(said, SO_FAR));
    }
    let mut lines: Vec<_> = said.lines().take(LINES).map(|line| indented(line, LINE)).collect();
    if said.lines().nth(LINES).is_some() {
        lines.push("…".to_owned());
    }
    format!("so far:\n{}", lines.join("\n"))
}

/// What a model's recorded response says, and whether it calls tools.
fn said(response: &Value) -> (String, bool) {
    let parts = response["message"]["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    (text, parts.iter().any(|part| part["type"] == "tool_call"))
}

/// What was spent; of a call that was cut off only the most that it can have taken is known.
fn spent(spend: &Spend, seconds: Option<f64>) -> String {
    let Spend { usage, cost, turns, .. } = spend;
    let (turn, up_to) =
        (if *turns == 1 { "turn" } else { "turns" }, if spend.at_most { "up to " } else { "" });
    let mut line = format!(
        "{turns} {turn} · {up_to}{} tokens in ({} cached) · {up_to}{} out",
        usage.input_tokens, usage.cached_input_tokens, usage.output_tokens
    );
    if cost.0 > 0 {
        line.push_str(&format!(" · {up_to}${:.4}", cost.dollars()));
    }
    if let Some(seconds) = seconds {
        line.push_str(&format!(" · {seconds:.1} s"));
    }
    line
}
