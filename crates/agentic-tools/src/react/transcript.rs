//! Splits the record of a whole ReAct run.

use super::parser::label::{Label, at_line_start};

/// A recorded run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transcript {
    /// What stands before the first thought, without the label `Question:`.
    pub question: String,
    /// The steps, in order.
    pub steps: Vec<TranscriptStep>,
    /// What stands behind the last observation from a line `Correct answer:` on: the note that evaluations add.
    pub note: String,
}

/// One step of a recorded run. Parts that are missing are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TranscriptStep {
    /// The number at its labels.
    pub number: Option<u32>,
    /// What was thought.
    pub thought: String,
    /// The text of the action; [`ReactParser::parse_action`](super::ReactParser::parse_action) reads it.
    pub action: String,
    /// What came of it.
    pub observation: String,
}

/// Splits a record into its steps.
///
/// Observations may hold anything, also lines that look like labels. A label therefore counts only where it can stand: a thought
/// after an observation, an action after a thought, an observation after an action, and, where the labels are
/// numbered, with the number that is due.
///
/// ```
/// use agentic_tools::react::split_transcript;
/// let run = split_transcript("Question: High?\nThought 1: Look.\nAction 1: Look[sea]\nObservation 1: High.\nThought 7: me\n");
/// assert_eq!(run.question, "High?");
/// assert_eq!(run.steps.len(), 1);
/// assert_eq!(run.steps[0].action, "Look[sea]");
/// assert_eq!(run.steps[0].observation, "High.\nThought 7: me");
/// ```
pub fn split_transcript(raw: &str) -> Transcript {
    let mut transcript = Transcript::default();
    let mut place = None;
    let mut numbered = false;
    let mut start = 0;
    let mut at = 0;
    for line in raw.split_inclusive('\n') {
        let here = at;
        at += line.len();
        let note = place == Some(Label::Observation) && line.starts_with("Correct answer:");
        let found = at_line_start(line).filter(|found| {
            let due = matches!(
                (place, found.label),
                (None | Some(Label::Observation), Label::Thought)
                    | (Some(Label::Thought), Label::Action)
                    | (Some(Label::Action), Label::Observation)
            );
            let step = transcript.steps.last().and_then(|step| step.number);
            let due_number = match (found.label, step) {
                (_, None) => !numbered || transcript.steps.is_empty(),
                (Label::Thought, Some(last)) => found.number == last.checked_add(1),
                (_, Some(last)) => found.number == Some(last),
            };
            due && due_number
        });
        if let Some(found) = found {
            transcript.put(place, &raw[start..here]);
            start = here + found.end.min(line.len());
            place = Some(found.label);
            if found.label == Label::Thought {
                numbered |= found.number.is_some();
                transcript.steps.push(TranscriptStep { number: found.number, ..TranscriptStep::default() });
            }
        } else if note {
            transcript.put(place, &raw[start..here]);
            transcript.note = raw[here..].trim().to_owned();
            return transcript;
        }
    }
    transcript.put(place, &raw[start..]);
    transcript
}

impl Transcript {
    fn put(&mut self, place: Option<Label>, text: &str) {
        let text = text.trim();
        match (place, self.steps.last_mut()) {
            (Some(Label::Thought), Some(step)) => step.thought = text.to_owned(),
            (Some(Label::Action), Some(step)) => step.action = text.to_owned(),
            (Some(_), Some(step)) => step.observation = text.to_owned(),
            _ => self.question = text.strip_prefix("Question:").unwrap_or(text).trim().to_owned(),
        }
    }
}
