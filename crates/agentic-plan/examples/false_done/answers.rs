//! Outputs that are short answers.

use agentic_core::Criterion;
use fastrand::Rng;
use serde_json::json;

use super::case::{Wanted, any, says};

const NAMES: [&str; 12] = [
    "Arenholm",
    "Brattind",
    "Corvenna",
    "Dunmore",
    "Eskeland",
    "Fjellheim",
    "Galdor",
    "Hestmona",
    "Iverna",
    "Jotunvik",
    "Kaldberg",
    "Lomsegg",
];

/// A question that a table answers: which of the mountains is the highest, the second, the lowest.
pub(super) fn fact(rng: &mut Rng) -> Wanted {
    let mut names = NAMES.to_vec();
    rng.shuffle(&mut names);
    let mut heights: Vec<u32> = (0..6).map(|place| 700 + place * 311 + rng.u32(0..300)).collect();
    rng.shuffle(&mut heights);
    let table: Vec<(&str, u32)> = names.into_iter().zip(heights).collect();
    let (word, rank) = *any(rng, &[("highest", 0_usize), ("second highest", 1), ("lowest", 5)]);
    let mut ranked = table.clone();
    ranked.sort_by_key(|(_, height)| std::cmp::Reverse(*height));
    let (name, height) = ranked[rank];
    let beside = ranked[if rank == 5 { 4 } else { rank + 1 }].0;
    let opposite = ranked[5 - rank].0;
    let lines: Vec<String> = table.iter().map(|(name, height)| format!("Mount {name}: {height} m")).collect();
    let mut letters: Vec<char> = name.chars().collect();
    letters.remove(3);
    let misspelled: String = letters.into_iter().collect();
    Wanted {
        text: format!("Which mountain is the {word}? Answer with its name alone."),
        inputs: json!({"mountains": lines}),
        criteria: vec![Criterion::Answer { any_of: vec![name.into(), format!("Mount {name}")] }],
        stored: Vec::new(),
        meet: vec![
            says("the name", name),
            says("the whole name", format!("Mount {name}")),
            says("with a full stop", format!("{name}.")),
            says("in quotes", format!("\"Mount {name}\"")),
            says("in capitals", name.to_uppercase()),
            says("with an article, bold", format!("**The {name}**\n")),
        ],
        miss: vec![
            says("the next one", beside),
            says("the other end", format!("Mount {opposite}")),
            says("two of them", format!("{name} or {beside}")),
            says("a sentence", format!("Done! The {word} one is {name}.")),
            says("with its height", format!("{name}, {height} m")),
            says("misspelled", misspelled),
            says("not the name", format!("the one of {height} m")),
            says("cut off", &name[..name.len() - 2]),
        ],
        truth: Box::new(move |said, _| {
            // How many are higher says which one it is.
            let is =
                |(_, height): &&(&str, u32)| table.iter().filter(|(_, other)| other > height).count() == rank;
            let Some((name, _)) = table.iter().find(is) else { return false };
            let words = said.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
            let mut words: Vec<String> = words.map(str::to_lowercase).collect();
            words.retain(|word| word != "the" && word != "mount");
            words == [name.to_lowercase()]
        }),
    }
}
