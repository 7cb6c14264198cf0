//! An agent that remembers.

mod conversation;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Agent, AgentError, EventKind, Goal, Lookup, Memory, MemoryEntry, MemoryError, MemoryKind, MemoryQuery,
    MemoryScope, Outcome, Predicate, Recalled, RunContext, StepError, Timestamp, async_trait,
};
use serde_json::json;
use unicode_segmentation::UnicodeSegmentation as _;

pub use self::conversation::Conversation;
use crate::text::{date, is_month};
use crate::tools::RECALL;

/// The metadata that says which conversation an entry is of.
const CONVERSATION: &str = "conversation";

/// The importance of an answer: less than that of what was said to the agent, of which it was made.
const ANSWER: f32 = 0.3;

/// So many bytes of a goal are looked up at most: who reads what was found reads that too.
const ASKED: usize = 1_024;

/// What an entry of the list costs beside its text, in tokens.
const OVERHEAD: u64 = 4;

/// An agent around another one, which gets to read what is remembered of the goal, and whose work is remembered.
///
/// Before the run the memory is asked for what fits the goal; what fits into [`tokens`](RememberingOptions::tokens) is handed
/// to the agent as a [`Lookup`] of the tool `recall`, best first: an agent that has the [`memory_tools`](crate::memory_tools)
/// reads it as if it had looked it up itself. It passes the run's guardrails as a call of that tool does; what they block is not
/// read. After the run what [`keeps`](RememberingOptions::keeps) says is remembered, if
/// the memory lets it in. So a memory needs no model that calls tools well; the tools give the agent more to do with it.
#[derive(Clone, Debug)]
pub struct RememberingAgent {
    agent: Arc<dyn Agent>,
    memory: Arc<dyn Memory>,
    scope: MemoryScope,
    options: RememberingOptions,
}

/// What an agent gets to read of its memory, and what is remembered of its work.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RememberingOptions {
    /// The most tokens that the agent reads of what is remembered, estimated as a token for 3 bytes of text, which for most
    /// languages and models is too many rather than too few. Default: 1,000; 0 recalls nothing.
    pub tokens: u64,
    /// The most entries that it reads. Default: 20.
    pub entries: usize,
    /// What is remembered. Default: [`Keeps::Work`].
    pub keeps: Keeps,
    /// The most bytes that are kept of each of the two; the rest is cut. Default: 8,192.
    pub kept_bytes: usize,
    /// The conversation that the goal is a part of: what was said in it, or recalled for it, is in the agent's messages, and
    /// is not recalled again. Default: none.
    pub conversation: Option<Conversation>,
}

/// What is remembered of an agent's runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keeps {
    /// Nothing.
    Nothing,
    /// What the agent is told; and what it is asked, with the answer, where tools were used for it. An answer without any
    /// work is of what the model has read in the memory already, or makes up: whoever remembers that soon remembers
    /// nothing else. So tools that only use what the agent has, as those of the memory do, don't count as work.
    #[default]
    Work,
    /// All that the agent is told and asked, and all that it answers.
    Everything,
}

impl Default for RememberingOptions {
    fn default() -> Self {
        Self { tokens: 1_000, entries: 20, keeps: Keeps::Work, kept_bytes: 8 * 1_024, conversation: None }
    }
}

impl RememberingAgent {
    /// This agent, with what this memory has in a scope.
    pub fn new(agent: impl Agent, memory: impl Memory, scope: MemoryScope) -> Self {
        let options = RememberingOptions::default();
        Self { agent: Arc::new(agent), memory: Arc::new(memory), scope, options }
    }

    /// The same agent with these options.
    #[must_use]
    pub fn with_options(mut self, options: RememberingOptions) -> Self {
        self.options = options;
        self
    }

    /// What the agent gets to read, best first; `None` if there is nothing.
    async fn recall(&self, goal: &Goal, cx: &RunContext) -> Result<Option<Looked>, MemoryError> {
        let asked = cut(goal.text.trim(), ASKED);
        if asked.is_empty() || self.options.tokens == 0 || self.options.entries == 0 {
            return Ok(None);
        }
        let call = match cx.admit(RECALL, json!({"query": asked})).await {
            Ok(call) => call,
            Err(error) => return blocked(error, cx),
        };
        let arguments = call.arguments().clone();
        let asked = arguments["query"].as_str().unwrap_or(asked);
        let mut query = MemoryQuery::new(self.scope.clone(), asked, self.options.entries);
        if let Some(conversation) = &self.options.conversation {
            query.metadata = query.metadata.and(CONVERSATION, Predicate::Not(vec![conversation.id().into()]));
        }
        let mut found = self.memory.retrieve(&query, cx).await?;
        if let Some(conversation) = &self.options.conversation {
            found.retain(|recalled| !conversation.has(recalled));
        }
        let mut left = self.options.tokens;
        let fitting = lines(&found).filter(|(_, line)| {
            let fits = tokens(line) <= left;
            left -= if fits { tokens(line) } else { 0 };
            fits
        });
        let (ids, fitting): (Vec<_>, Vec<_>) =
            fitting.map(|(recalled, line)| (recalled.id.clone(), line)).unzip();
        if fitting.is_empty() {
            return Ok(None);
        }
        match call.give(Ok(told(&fitting).into())).await {
            Ok(result) => {
                let lookup = Lookup { tool: RECALL.to_owned(), arguments, result };
                Ok(Some(Looked { lookup, ids }))
            }
            Err(error) => blocked(error, cx),
        }
    }

    /// What is remembered of a run: what was said to the agent, and its answer.
    fn kept<'a>(&self, asked: &'a str, outcome: Option<&'a Outcome>) -> (Option<&'a str>, Option<String>) {
        let worked = outcome.is_some_and(|outcome| outcome.spend.tool_calls > 0);
        let answer = || outcome.map(|outcome| without_date(&outcome.text()).to_owned());
        match self.options.keeps {
            Keeps::Nothing => (None, None),
            Keeps::Work if worked => (Some(asked), answer()),
            Keeps::Work => (Some(asked).filter(|asked| !only_asks(asked)), None),
            Keeps::Everything => (Some(asked), answer()),
        }
    }

    /// Something that was said, as it is remembered.
    fn said(&self, kind: MemoryKind, text: &str, by: &str, at: Timestamp) -> MemoryEntry {
        MemoryEntry::new(self.scope.clone(), kind, cut(text, self.options.kept_bytes), at).said_by(by)
    }

    /// Remembers what was said. The answer is there already: that it can't be remembered is told, and changes nothing.
    async fn keep(
        &self,
        mut entry: MemoryEntry,
        has_answer: bool,
        cx: &RunContext,
    ) -> Result<(), AgentError> {
        if entry.content.trim().is_empty() {
            return Ok(());
        }
        // As above.
        if let Some(conversation) = self.options.conversation.as_ref().filter(|_| has_answer) {
            entry = entry.with(CONVERSATION, conversation.id());
        }
        let by = entry.provenance.source.clone().unwrap_or_default();
        match self.memory.add(entry, cx).await {
            Ok(_) => {}
            // The run can't go on, or is not the one that was recorded.
            Err(MemoryError::Step(error)) if !matches!(error, StepError::Budget(_)) => {
                return Err(error.into());
            }
            Err(error) => {
                cx.emit(|| EventKind::Note { text: format!("what {by} said is not remembered: {error}") });
            }
        }
        Ok(())
    }
}

/// What was looked up, and of which entries it is.
struct Looked {
    lookup: Lookup,
    ids: Vec<String>,
}

/// The beginning of a text.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[async_trait]
impl Agent for RememberingAgent {
    fn name(&self) -> &str {
        self.agent.name()
    }

    /// Works on the goal.
    ///
    /// # Errors
    /// The agent's, and why the memory can't be asked. What can't be remembered after the work is told as an event.
    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let memory = cx.scope("memory");
        let (asked, at) = (goal.text.clone(), memory.now());
        let remembered = self.recall(&goal, &memory).await.map_err(failed)?;
        let (goal, read) = match remembered {
            Some(Looked { lookup, ids }) => (goal.with_lookup(lookup), ids),
            None => (goal, Vec::new()),
        };
        let outcome = self.agent.run(goal, cx).await;
        // What failed is in nobody's messages.
        if let Some(conversation) = self.options.conversation.as_ref().filter(|_| outcome.is_ok()) {
            conversation.grows(cx.run_id(), read);
        }
        // What was told is remembered, whatever became of the answer.
        let (told, answer) = self.kept(&asked, outcome.as_ref().ok());
        let mut kept = Ok(());
        if let Some(told) = told {
            let told = self.said(MemoryKind::Observation, told, "user", at);
            kept = self.keep(told, outcome.is_ok(), &memory.scope("asked")).await;
        }
        let outcome = outcome?;
        kept?;
        if let Some(answer) = answer {
            // After what was asked, also where no time has passed.
            let at = memory.now().max(at.after(Duration::from_millis(1)));
            let answer = self.said(MemoryKind::Thought, &answer, self.name(), at).importance(ANSWER);
            self.keep(answer, true, &memory.scope("answered")).await?;
        }
        Ok(outcome)
    }
}

/// What a guardrail blocks is not read; the agent works without it.
fn blocked(error: StepError, cx: &RunContext) -> Result<Option<Looked>, MemoryError> {
    let StepError::Tool(error) = error else { return Err(error.into()) };
    cx.emit(|| EventKind::Note { text: format!("nothing is recalled: {error}") });
    Ok(None)
}

/// Whether a text is one question in one clause, which tells nothing. With more clauses it may: "My daughter turns 5 in May,
/// what could I give her?"
fn only_asks(text: &str) -> bool {
    let is_question = text.trim_end().ends_with(['?', '？', '؟']);
    let clauses = [',', ';', ':', '–', '—', '(', '，', '、', '；', '：', '،', '؛'];
    is_question && text.unicode_sentences().count() == 1 && !text.contains(clauses)
}

/// Entries as an agent reads them, best first. What one says with the same words as a better one is said once: an agent
/// learns nothing from how often it has said "Done."
pub(crate) fn lines(found: &[Recalled]) -> impl Iterator<Item = (&Recalled, String)> {
    let mut said = HashSet::new();
    let text = |content: &str| content.trim_end_matches(['.', '!']).to_lowercase();
    let news = found.iter().filter(move |recalled| said.insert(text(&recalled.entry.content)));
    news.map(|recalled| (recalled, line(&recalled.entry)))
}

/// Lines as a model reads them. Small models answer from these words, while they look further where they read a list as JSON.
pub(crate) fn told(lines: &[String]) -> String {
    format!("Remembered from earlier conversations with the user:\n- {}", lines.join("\n- "))
}

/// A text without what [`lines`] put before it: models that remember what they have read copy that too.
pub(crate) fn without_date(text: &str) -> &str {
    let found = || {
        let (before, content) = text.strip_prefix('(')?.split_once(") ")?;
        let mut date = before.split(',').next()?.split(' ');
        let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u16>().is_ok());
        let is_date = is_number(date.next()) && date.next().is_some_and(is_month) && is_number(date.next());
        is_date.then_some(content)
    };
    found().unwrap_or(text)
}

fn line(entry: &MemoryEntry) -> String {
    let by = entry.provenance.source.as_ref().map(|source| format!(", {source}")).unwrap_or_default();
    // Its further lines are told from further entries.
    format!("({}{by}) {}", date(entry.timestamp), entry.content.replace('\n', "\n  "))
}

fn tokens(line: &str) -> u64 {
    (line.len() as u64).div_ceil(3) + OVERHEAD
}

fn failed(error: MemoryError) -> AgentError {
    match error {
        MemoryError::Invalid { message } => AgentError::InvalidInput { message },
        error => StepError::from(error).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{only_asks, without_date};

    #[test]
    fn questions_tell_nothing() {
        for question in ["What do I drink?", "Is v1.2 out? ", "誰？", "why??", "What's my name ?"] {
            assert!(only_asks(question), "{question}");
        }
        for told in [
            "I drink tea",
            "",
            "I am Anna. What can you do?",
            "Is it?! It is",
            "Tea\nor coffee?",
            "My daughter Mia turns 5 on 3 May, what could I give her?",
            "娘は5歳になります、何をあげればいいですか？",
        ] {
            assert!(!only_asks(told), "{told}");
        }
    }

    #[test]
    fn only_dates_are_taken_off() {
        for (text, left) in [
            ("(28 November 2026, user) Anna (37) drinks tea", "Anna (37) drinks tea"),
            ("(1 May 2026) tea", "tea"),
            ("(see below) tea", "(see below) tea"),
            ("(3 of 5) tests pass", "(3 of 5) tests pass"),
            ("(28 November 2026)", "(28 November 2026)"),
            ("tea (1 May 2026) tea", "tea (1 May 2026) tea"),
            ("(", "("),
        ] {
            assert_eq!(without_date(text), left);
        }
    }
}
