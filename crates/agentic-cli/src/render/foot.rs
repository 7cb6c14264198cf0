//! What stands at the foot of the terminal: a bar that moves, or a question. Whatever else is said goes above it.

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, WeakProgressBar};

static FOOT: Mutex<Foot> = Mutex::new(Foot { bar: None, question: None });

struct Foot {
    /// Whoever has made it takes it away.
    bar: Option<WeakProgressBar>,
    question: Option<String>,
}

fn foot() -> MutexGuard<'static, Foot> {
    FOOT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a bar there, unless a question stands there.
pub(super) fn put(make: impl FnOnce() -> ProgressBar) -> Option<ProgressBar> {
    let mut foot = foot();
    if foot.question.is_some() {
        return None;
    }
    let bar = make();
    foot.bar = Some(bar.downgrade());
    Some(bar)
}

/// A whole line, on standard error.
pub(super) fn line(text: &str) {
    let foot = foot();
    let mut err = io::stderr();
    let bar = foot.bar.as_ref().and_then(WeakProgressBar::upgrade);
    let _ = match (&foot.question, bar) {
        // What may be typed already is not shown again, but counts.
        (Some(question), _) => write!(err, "\n{text}\n{question}").and_then(|()| err.flush()),
        (None, Some(bar)) => bar.suspend(|| writeln!(err, "{text}")),
        (None, None) => writeln!(err, "{text}"),
    };
}

/// A question that stands there until this is dropped.
#[must_use = "the question stands as long as this does"]
pub(crate) struct Asking(());

/// Asks; the text ends where the answer is typed.
pub(crate) fn ask(text: &str) -> Asking {
    let mut foot = foot();
    if let Some(bar) = foot.bar.take().as_ref().and_then(WeakProgressBar::upgrade) {
        bar.finish_and_clear();
    }
    let question = super::harmless(text).into_owned();
    super::question(&question);
    foot.question = Some(question);
    Asking(())
}

impl Asking {
    /// A line was typed, which has ended the question's own.
    pub(crate) fn answered(self) {
        foot().question = None;
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        // Nobody has answered here.
        if foot().question.take().is_some() {
            let _ = writeln!(io::stderr());
        }
    }
}
