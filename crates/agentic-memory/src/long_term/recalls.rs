//! What was just recalled.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use agentic_core::{MemoryScope, Recalled, RunId, Timestamp};

use super::options::said;
use crate::text::Language;

/// What was just recalled, so that it is not taken for news when it is told again.
///
/// It is noted from outcomes, by the code of the run: a run that goes on in another process notes it again.
#[derive(Debug, Default)]
pub(super) struct Recalls(Mutex<VecDeque<Recall>>);

#[derive(Debug)]
struct Recall {
    run: RunId,
    scope: MemoryScope,
    at: Timestamp,
    id: String,
    /// Hashes of its words in their order; `None` if they are many, and may be any.
    words: Option<Box<[u64]>>,
}

/// So many are known; the oldest are dropped.
const MOST: usize = 10_000;

/// The words of longer texts, in bytes, are not noted.
const LONG: usize = 2_048;

impl Recalls {
    pub(super) fn note<'a>(
        &self,
        run: RunId,
        scope: &MemoryScope,
        at: Timestamp,
        found: impl Iterator<Item = &'a Recalled>,
        language: Language,
    ) {
        let recall = |Recalled { id, entry, .. }: &Recalled| {
            let short = entry.content.len() <= LONG;
            let words = short.then(|| hashes(&language.essence(&said(entry))));
            Recall { run, scope: scope.clone(), at, id: id.clone(), words }
        };
        let found: Vec<Recall> = found.map(recall).collect();
        let mut recalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recalls.extend(found);
        let surplus = recalls.len().saturating_sub(MOST);
        recalls.drain(..surplus);
    }

    /// Of what this run recalled, and of what others did lately within this scope, that which may say these words in their
    /// order: whoever reads it to see need not read all that was ever recalled.
    pub(super) fn of(
        &self,
        run: RunId,
        scope: &MemoryScope,
        now: Timestamp,
        lately: Duration,
        words: &[String],
    ) -> Vec<String> {
        let words = hashes(words);
        let recalls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let just = |recall: &&Recall| match recall.run == run {
            true => recall.scope.tenant == scope.tenant,
            // What its own scope does not see, nobody learns of by what is rejected.
            false => scope.sees(&recall.scope) && now.since(recall.at) <= lately,
        };
        let says = |recall: &&Recall| recall.words.as_ref().is_none_or(|said| in_order(&words, said));
        let mut ids: Vec<_> =
            recalls.iter().filter(just).filter(says).map(|recall| recall.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

fn hashes(words: &[String]) -> Box<[u64]> {
    let hash = |word: &String| {
        let mut hasher = DefaultHasher::new();
        word.hash(&mut hasher);
        hasher.finish()
    };
    words.iter().map(hash).collect()
}

/// Whether all of these words are said, each after the one before.
pub(super) fn in_order<T: PartialEq>(words: &[T], said: &[T]) -> bool {
    let mut said = said.iter();
    words.iter().all(|word| said.any(|other| other == word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentic_core::{MemoryEntry, MemoryKind, Standing};

    fn recalled(id: &str, content: &str) -> Recalled {
        let scope = MemoryScope::of_tenant("anna");
        let entry = MemoryEntry::new(scope, MemoryKind::Fact, content, Timestamp::default());
        Recalled { id: id.into(), entry, standing: Standing::default(), score: 0.0 }
    }

    #[test]
    fn a_run_knows_what_it_recalled_and_others_what_was_recalled_lately() {
        let run = |n: u8| {
            RunId(serde_json::from_str(&format!("\"00000000-0000-0000-0000-0000000000{n:02}\"")).unwrap())
        };
        let (anna, clerk) = (MemoryScope::of_tenant("anna"), MemoryScope::of_tenant("anna").agent("clerk"));
        let (at, lately) = (Timestamp::from_millis, Duration::from_secs(1));
        let recalls = Recalls::default();
        let (a, b) = (recalled("a", "Anna drinks tea"), recalled("b", "Ben drinks tea"));
        recalls.note(run(1), &anna, at(0), [&a, &a].into_iter(), Language::English);
        recalls.note(run(1), &clerk, at(0), [&b].into_iter(), Language::English);
        let words = Language::English.essence("drinks tea");
        for (by, scope, now, expected) in [
            (1, &clerk, 9_000, &["a", "b"][..]),
            (2, &anna, 500, &["a", "b"]),
            (2, &clerk, 500, &["b"]),
            (2, &anna, 9_000, &[]),
            (1, &MemoryScope::of_tenant("ben"), 0, &[]),
        ] {
            assert_eq!(recalls.of(run(by), scope, at(now), lately, &words), expected, "{by} {scope} {now}");
        }
    }

    /// Otherwise each entry that a long run writes would cost as much as all that it has recalled.
    #[test]
    fn only_what_may_say_it_is_read() {
        let (run, now) = (
            RunId(serde_json::from_str("\"00000000-0000-0000-0000-000000000001\"").unwrap()),
            Timestamp::default(),
        );
        let (scope, recalls) = (MemoryScope::of_tenant("anna"), Recalls::default());
        let mut found: Vec<Recalled> =
            (0..5_000).map(|n| recalled(&format!("{n}"), &format!("number {n} is odd or even"))).collect();
        found.push(recalled("long", &"x ".repeat(LONG)));
        recalls.note(run, &scope, now, found.iter(), Language::English);
        for (content, expected) in
            [("The number 77 is even", &["77", "long"][..]), ("77 is the number", &["long"])]
        {
            let words = Language::English.essence(content);
            assert_eq!(recalls.of(run, &scope, now, Duration::ZERO, &words), expected, "{content}");
        }
    }
}
