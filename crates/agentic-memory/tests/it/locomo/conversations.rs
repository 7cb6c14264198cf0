//! The recorded conversations of LoCoMo and the questions about them, as far as both are shared.

use std::collections::HashSet;

use agentic_core::{MemoryEntry, MemoryKind, MemoryScope, Timestamp};
use agentic_testkit::fixture;
use serde_json::Value;

/// What two people said to each other over some months, in sessions.
#[derive(Debug)]
pub(crate) struct Conversation {
    pub(crate) name: String,
    pub(crate) turns: Vec<Turn>,
    pub(crate) questions: Vec<Question>,
}

#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) id: String,
    session: String,
    pub(crate) speaker: String,
    pub(crate) text: String,
    /// What the picture shows that was sent along.
    caption: Option<String>,
    pub(crate) at: Timestamp,
}

impl Turn {
    /// As an entry of its session.
    pub(crate) fn entry(&self, scope: &MemoryScope) -> MemoryEntry {
        let scope = scope.clone().session(&self.session);
        let entry =
            MemoryEntry::new(scope, MemoryKind::Observation, &self.text, self.at).said_by(&self.speaker);
        match &self.caption {
            Some(caption) => entry.with("caption", caption.as_str()),
            None => entry,
        }
    }
}

/// A question of the categories 1 to 4; the fifth has no answer.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) text: String,
    /// The ids of the turns that hold the answer, as the file names them. Six questions also name some that are not
    /// there: nobody finds those.
    pub(crate) evidence: HashSet<String>,
}

impl Question {
    /// The part of its evidence, 0 to 1, that is among what was found.
    pub(crate) fn recall<'a>(&self, found: impl IntoIterator<Item = &'a str>) -> f64 {
        let found = found.into_iter().filter(|id| self.evidence.contains(*id)).collect::<HashSet<_>>().len();
        found as f64 / self.evidence.len() as f64
    }
}

/// `None`, with a clear line, where the fixture is absent.
pub(crate) fn conversations() -> Option<Vec<Conversation>> {
    let text = std::fs::read_to_string(fixture("locomo/locomo-half.json")?).unwrap();
    let whole: Vec<Value> = serde_json::from_str(&text).unwrap();
    Some(whole.iter().map(conversation).collect())
}

fn conversation(whole: &Value) -> Conversation {
    let said = whole["conversation"].as_object().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut turns = Vec::new();
    for session in
        (1..).map(|n| format!("session_{n}")).take_while(|it| said.contains_key(&format!("{it}_date_time")))
    {
        let begin = time(said[&format!("{session}_date_time")].as_str().unwrap());
        for (turn, second) in said.get(&session).and_then(Value::as_array).into_iter().flatten().zip(0..) {
            let (id, speaker, caption) =
                (text(&turn["dia_id"]), text(&turn["speaker"]), &turn["blip_caption"]);
            let (text, caption) = (text(&turn["text"]), caption.as_str().map(str::to_owned));
            let at = Timestamp::from_millis(begin + second * 1_000);
            turns.push(Turn { id, session: session.clone(), speaker, text, caption, at });
        }
    }
    let questions = whole["qa"].as_array().unwrap().iter().filter_map(|question| {
        let evidence: HashSet<String> =
            question["evidence"].as_array()?.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect();
        let asked = question["category"].as_u64()? <= 4;
        (asked && !evidence.is_empty()).then(|| Question { text: text(&question["question"]), evidence })
    });
    let questions = questions.collect();
    Conversation { name: text(&whole["sample_id"]), questions, turns }
}

/// `1:56 pm on 8 May, 2023` in milliseconds; the hour does not matter.
fn time(text: &str) -> u64 {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let (_, day) = text.split_once(" on ").unwrap();
    let words: Vec<&str> = day.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let (day, year): (u64, u64) = (words[0].parse().unwrap(), words[2].parse().unwrap());
    let month = MONTHS.find(&words[1][..3]).unwrap() / 3;
    let leap = u64::from(year % 4 == 0);
    let before =
        [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month] + if month > 1 { leap } else { 0 };
    let days = (year - 1970) * 365 + (year - 1969) / 4 + before + day - 1;
    days * 86_400_000
}
