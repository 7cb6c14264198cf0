//! One search, level by level.

use std::collections::BTreeSet;

use agentic_core::{AgentError, EventKind, Goal, RunContext};

use super::{Ended, Found, SearchError, SearchPlanner, SearchState, Thought, Worth};
use crate::render::first_line;

/// The thoughts that lead to a state.
type Path = Vec<Thought>;

pub(super) struct Search<'a> {
    planner: &'a SearchPlanner,
    goal: &'a Goal,
    context: &'a str,
    cx: &'a RunContext,
    /// The keys of the states that were met.
    seen: BTreeSet<String>,
    expanded: usize,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        planner: &'a SearchPlanner,
        goal: &'a Goal,
        context: &'a str,
        cx: &'a RunContext,
    ) -> Self {
        Self { planner, goal, context, cx, seen: BTreeSet::new(), expanded: 0 }
    }

    pub(super) async fn run(mut self, begun: Path) -> Result<Found, SearchError> {
        self.seen.extend(begun.last().and_then(key));
        let (mut beam, mut best) = (vec![begun], Path::new());
        for level in 1..=self.planner.depth {
            beam.truncate(self.planner.max_expanded - self.expanded);
            if beam.is_empty() {
                return Err(self.nothing(Ended::Expanded, best));
            }
            let cx = self.cx.scope("level");
            let met = self.expand(beam, &cx).await?;
            let new = met.len();
            let mut promising = Vec::new();
            for (path, worth) in self.valued(met, &cx).await? {
                if worth == Worth::Solved {
                    let text = format!("found {} steps in {} expanded states", path.len(), self.expanded);
                    cx.emit(|| EventKind::Note { text });
                    return Ok(Found { thoughts: path, expanded: self.expanded });
                }
                promising.extend(worth.score().map(|score| (score, path)));
            }
            // Stable: among equals the order of their proposals stays.
            promising.sort_by(|(a, _), (b, _)| b.total_cmp(a));
            promising.truncate(self.planner.beam_width);
            beam = promising.into_iter().map(|(_, path)| path).collect();
            self.tell(level, new, &beam, &cx);
            match beam.first() {
                Some(first) => best.clone_from(first),
                None => return Err(self.nothing(Ended::NoStates, best)),
            }
        }
        let depth = self.planner.depth;
        Err(self.nothing(Ended::Depth(depth), best))
    }

    /// The states that are met from these for the first time, in order.
    async fn expand(&mut self, beam: Vec<Path>, cx: &RunContext) -> Result<Vec<Path>, AgentError> {
        self.expanded += beam.len();
        let (most, this) = (self.planner.proposals, &*self);
        let propose = |cx: RunContext, n: usize| {
            let state = this.state(&beam[n]);
            async move { this.planner.proposer.propose(&state, most, &cx).await }
        };
        let proposed = cx.all("propose", self.planner.max_parallel, 0..beam.len(), propose).await;
        let mut met = Vec::new();
        for (n, thoughts) in answered(proposed, "next steps can't be proposed", cx)? {
            for thought in thoughts.into_iter().take(most) {
                if key(&thought).is_none_or(|key| self.seen.insert(key)) {
                    met.push(beam[n].iter().cloned().chain([thought]).collect());
                }
            }
        }
        Ok(met)
    }

    /// What states are worth, in order.
    async fn valued(&self, met: Vec<Path>, cx: &RunContext) -> Result<Vec<(Path, Worth)>, AgentError> {
        let value = |cx: RunContext, n: usize| {
            let state = self.state(&met[n]);
            async move { self.planner.evaluator.value(&state, &cx).await }
        };
        let valued = cx.all("value", self.planner.max_parallel, 0..met.len(), value).await;
        let worths = answered(valued, "a state can't be valued", cx)?;
        Ok(worths.into_iter().map(|(n, worth)| (met[n].clone(), worth)).collect())
    }

    fn state<'s>(&'s self, thoughts: &'s [Thought]) -> SearchState<'s> {
        SearchState { goal: self.goal, context: self.context, thoughts }
    }

    fn tell(&self, level: usize, new: usize, beam: &[Path], cx: &RunContext) {
        cx.emit(|| {
            let best = beam.first().and_then(|path| path.last());
            let best =
                best.map(|thought| format!("; the best: {}", first_line(&thought.step))).unwrap_or_default();
            let (kept, expanded) = (beam.len(), self.expanded);
            let text = format!("step {level}: {kept} of {new} new states kept, {expanded} expanded{best}");
            EventKind::Note { text }
        });
    }

    fn nothing(&self, ended: Ended, best: Path) -> SearchError {
        SearchError::NothingFound { expanded: self.expanded, ended, best }
    }
}

/// What makes a state the same as another.
fn key(thought: &Thought) -> Option<String> {
    let words = || thought.state_text().split_whitespace().collect::<Vec<_>>().join(" ");
    thought.key.clone().or_else(|| Some(words()).filter(|words| !words.is_empty()))
}

/// The answers, each with its place. Those that failed are told and left out.
///
/// # Errors
/// What ends the run, and the last failure if nothing was answered.
fn answered<T>(
    answers: Vec<Result<T, AgentError>>,
    what: &str,
    cx: &RunContext,
) -> Result<Vec<(usize, T)>, AgentError> {
    let (mut good, mut last) = (Vec::new(), None);
    for (place, answer) in answers.into_iter().enumerate() {
        match answer {
            Ok(answer) => good.push((place, answer)),
            Err(error) if error.ends(cx) => return Err(error),
            Err(error) => {
                cx.emit(|| EventKind::Note { text: format!("{what}: {error}") });
                last = Some(error);
            }
        }
    }
    match last {
        Some(error) if good.is_empty() => Err(error),
        _ => Ok(good),
    }
}
