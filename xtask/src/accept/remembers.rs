//! The agent with the local model and a memory: told facts in one process, asked in others.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::run::Run;
use crate::flags::AcceptOptions;
use crate::{demo, process, setup};

/// How many facts are told in one conversation, and how many of them have to be right.
const TOLD: usize = 10;
const RIGHT: usize = 9;

/// What is told, what is asked, and a word of the right answer. How memories are worded was chosen with the first
/// conversation; the second was kept apart.
const FACTS: [[(&str, &str, &str); TOLD]; 2] = [
    [
        ("My sister Mira lives in Lisbon.", "In which city does my sister Mira live?", "lisbon"),
        ("Our dog is called Bruno, he is nine years old.", "How old is our dog Bruno?", "nine|9"),
        ("I am allergic to walnuts.", "Which nuts must I avoid?", "walnut"),
        ("The spare key is in the blue teapot.", "Where is the spare key?", "teapot"),
        ("My train to Bergen leaves at 7:42 on Friday.", "When does my train to Bergen leave?", "7:42"),
        ("I have moved from Oslo to Trondheim.", "In which city do I live now?", "trondheim"),
        (
            "The budget of the garden project is 4200 euros.",
            "What is the budget of the garden project?",
            "4200|4,200",
        ),
        (
            "Jonas, our plumber, has the number 555 0142.",
            "What is the number of our plumber Jonas?",
            "555 0142|555-0142|5550142",
        ),
        ("I drink my coffee without sugar but with oat milk.", "What do I take in my coffee?", "oat"),
        (
            "My next dentist appointment is on 14 March.",
            "On which day is my dentist appointment?",
            "14 march|march 14|14th",
        ),
    ],
    [
        ("My brother Pavel works as a nurse in Graz.", "What does my brother Pavel work as?", "nurse"),
        (
            "The wifi password of the cabin is mossy-lantern-88.",
            "What is the wifi password of the cabin?",
            "mossy-lantern-88",
        ),
        (
            "I have parked the car on level 3 of the garage.",
            "On which level of the garage is my car?",
            "level 3|level three|third",
        ),
        ("Our cat Miso eats nothing but dry food.", "What does our cat Miso eat?", "dry"),
        ("The meeting with Dr. Okafor is in room 214.", "In which room do I meet Dr. Okafor?", "214"),
        ("I play the cello in an amateur orchestra.", "Which instrument do I play?", "cello"),
        (
            "My flight to Porto has been moved from Tuesday to Thursday.",
            "On which day is my flight to Porto?",
            "thursday",
        ),
        ("The rent of my studio is 850 euros a month.", "How much is the rent of my studio?", "850"),
        (
            "My daughter Ines turns seven in September.",
            "In which month is the birthday of my daughter Ines?",
            "september",
        ),
        ("I prefer the window seat on trains.", "Which seat do I prefer on trains?", "window"),
    ],
];

/// Has the facts of each conversation told and asked for.
pub(super) fn run(options: &AcceptOptions) -> Result<()> {
    setup::ensure()?;
    let binary = demo::binary()?;
    let model = options.model.as_deref().unwrap_or(demo::MODEL);
    let mut missed = false;
    for (number, facts) in (1..).zip(&FACTS) {
        let home = std::env::temp_dir().join(format!("agentic-remembers-{}-{number}", std::process::id()));
        let right = conversation(&binary, model, &home, facts)?;
        std::fs::remove_dir_all(&home).with_context(|| format!("can't remove {}", home.display()))?;
        println!("remembers: conversation {number}: right {right}/{TOLD}, bar {RIGHT}");
        missed |= right < RIGHT;
    }
    if missed {
        bail!("a conversation has fewer right answers than {RIGHT} of {TOLD}: see above");
    }
    Ok(())
}

/// Tells all in one conversation, asks each in a process of its own, and prints what came. Gives how many were right.
fn conversation(binary: &Path, model: &str, home: &Path, facts: &[(&str, &str, &str)]) -> Result<usize> {
    let work = home.join("work");
    std::fs::create_dir_all(&work)?;
    let memory = format!("sqlite://{}", home.join("memory.db").display());
    let told: String = facts.iter().fold(String::new(), |mut told, (fact, _, _)| {
        // Texts take all that is written.
        let _ = writeln!(told, "{fact}");
        told
    });
    let mut chat = with_memory(binary, &["chat"], model, &memory, &work);
    let mut child = chat.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    let child = child
        .as_mut()
        .map_err(|error| anyhow::anyhow!("can't start `{}`: {error}", process::shown(&chat)))?;
    child.stdin.take().context("a conversation reads")?.write_all(told.as_bytes())?;
    let ended = child.wait()?;
    if !ended.success() {
        bail!("the conversation failed: {ended}");
    }
    let mut right = 0;
    for (_, question, answer) in facts {
        let what = ["run", question, "--ephemeral", "--output", "json"];
        let mut ask = with_memory(binary, &what, model, &memory, &work);
        let out = ask.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
        let run = Run::read(&String::from_utf8_lossy(&out.stdout));
        let said = run.answer.to_lowercase();
        let is_right = answer.split('|').any(|word| said.contains(word));
        right += usize::from(is_right);
        let verdict = if is_right { "right" } else { "WRONG" };
        println!("{verdict}: {question} {}", run.answer.replace('\n', " "));
    }
    Ok(right)
}

fn with_memory(binary: &Path, what: &[&str], model: &str, memory: &str, work: &Path) -> Command {
    let mut command = Command::new(binary);
    command
        .args(what)
        .args(["--model", model, "--memory", memory, "--temperature", "0", "--workdir"])
        .arg(work);
    command
}
