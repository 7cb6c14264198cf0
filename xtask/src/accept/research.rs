//! The research assistant of the examples with a real model: questions whose answers are known, and whether its sources say
//! what they are quoted for.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::flags::AcceptOptions;
use crate::{demo, process, setup, workspace};

/// The documents, below the root.
const DOCUMENTS: &str = "examples/data/tarn";

/// What is asked, and what the right answer has in it: one of these, whatever the case.
const QUESTIONS: [(&str, &str); 5] = [
    ("How long does the pack of a Tarn 3 last without any sun at one measurement an hour?", "40 days"),
    ("How often does the cap of the oxygen sensor have to be replaced?", "18 months|eighteen months"),
    ("What is the warranty of a Tarn 2?", "two years|2 years"),
    ("Which colour does the light of a buoy turn if it has found no base station?", "red"),
    ("For how many days does a base station keep what the buoys send?", "90|ninety"),
];

/// What came of one question.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answered {
    answer: String,
    right: bool,
    /// Whether it ended with an answer, not with an error.
    ended_well: bool,
    /// Tries that were sent back before the answer.
    sent_back: usize,
    sources: usize,
    verified: usize,
}

/// Has the questions answered.
pub(super) fn run(options: &AcceptOptions) -> Result<()> {
    setup::ensure()?;
    let model = options.model.as_deref().unwrap_or(demo::MODEL);
    if model.starts_with("local:") {
        process::run(Command::new(demo::binary()?).args(["model", "pull", model]))?;
    }
    let program = demo::built(&["--example", "06_research"])?;
    let folder = workspace::root().join(DOCUMENTS);
    let mut all = Vec::new();
    for (question, right) in QUESTIONS {
        let mut command = Command::new(&program);
        command.arg("--json").arg(question).arg(&folder).env("AGENTIC_MODEL", model);
        let answered = Answered::read(&process::read(&mut command)?, right, &folder)
            .with_context(|| format!("on the question `{question}`"))?;
        println!("{question}\n  {answered}");
        all.push(answered);
    }
    println!("research: {model}: {}", Figures(&all));
    Ok(())
}

impl Answered {
    /// Reads what the program prints: an outcome, or an error with the last answer that there was.
    fn read(printed: &str, right: &str, folder: &Path) -> Result<Self> {
        let printed: Value = serde_json::from_str(printed.trim()).context("it printed no outcome")?;
        let last = printed["last"].as_str().and_then(|last| serde_json::from_str(last).ok());
        let ended_well = printed["error"].is_null();
        let output: Value = if ended_well { printed["output"].clone() } else { last.unwrap_or_default() };
        let answer = output["answer"].as_str().unwrap_or_default().to_owned();
        let said = answer.to_lowercase();
        let sources = output["sources"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(Self {
            right: ended_well && right.split('|').any(|right| said.contains(right)),
            ended_well,
            sent_back: printed["evidence"].as_array().map_or(0, Vec::len),
            sources: sources.len(),
            verified: sources.iter().filter(|source| is_there(source, folder)).count(),
            answer,
        })
    }
}

/// Whether the file says what is quoted; white space does not count. Found out apart from the assistant, which checks it too.
fn is_there(source: &Value, folder: &Path) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let file = source["file"].as_str().unwrap_or_default();
    let quote = words(source["quote"].as_str().unwrap_or_default());
    let is_name = !file.contains(['/', '\\']);
    is_name
        && !quote.is_empty()
        && fs::read_to_string(folder.join(file)).is_ok_and(|text| words(&text).contains(&quote))
}

impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answer, right, ended_well, sent_back, sources, verified } = self;
        let word = match (ended_well, right) {
            (false, _) => "NO ANSWER",
            (true, false) => "WRONG",
            (true, true) => "right",
        };
        write!(f, "{word}: {answer} ({verified} of {sources} sources are there, {sent_back} tries sent back)")
    }
}

/// All of them together.
struct Figures<'a>(&'a [Answered]);

impl fmt::Display for Figures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |has: fn(&Answered) -> bool| self.0.iter().filter(|it| has(it)).count();
        let sum = |of: fn(&Answered) -> usize| self.0.iter().map(of).sum::<usize>();
        write!(
            f,
            "{} of {} right, {} without an answer, {} with one after a try was sent back; {} sources given, {} verified",
            count(|it| it.right),
            self.0.len(),
            count(|it| !it.ended_well),
            count(|it| it.ended_well && it.sent_back > 0),
            sum(|it| it.sources),
            sum(|it| it.verified),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(printed: &Value) -> Answered {
        Answered::read(&printed.to_string(), "40 days", &workspace::root().join(DOCUMENTS)).unwrap()
    }

    #[test]
    fn sources_that_are_not_there_are_not_verified() {
        let there = json!({"file": "power.md", "quote": "Without any sun a\n full pack lasts 40 days"});
        let changed = json!({"file": "power.md", "quote": "A full pack lasts 40 days"});
        let elsewhere = json!({"file": "care.md", "quote": "a full pack lasts 40 days"});
        let outside = json!({"file": "../invoices/note.txt", "quote": ""});
        let output = json!({"answer": "It lasts 40 Days.", "sources": [there, changed, elsewhere, outside]});
        let answered = read(&json!({"output": output, "evidence": ["try 1 was not good: …"]}));
        assert_eq!(
            (answered.right, answered.ended_well, answered.sources, answered.verified, answered.sent_back),
            (true, true, 4, 1, 1)
        );
        let failed = read(&json!({"error": "no good result in 3 tries", "last": output.to_string()}));
        assert_eq!((failed.right, failed.ended_well, failed.sources, failed.verified), (false, false, 4, 1));
        let figures = Figures(&[answered, failed]).to_string();
        assert_eq!(
            figures,
            "1 of 2 right, 1 without an answer, 1 with one after a try was sent back; 8 sources given, 2 verified"
        );
    }

    #[test]
    fn known_answers_stand_in_the_documents() {
        let files = fs::read_dir(workspace::root().join(DOCUMENTS)).unwrap();
        let text: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
        for (question, right) in QUESTIONS {
            assert!(right.split('|').any(|right| text.contains(right)), "{question}");
        }
    }
}
