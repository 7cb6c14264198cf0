//! What people and programs see. Results go to standard output, everything else to standard error.

mod bar;
mod foot;
mod json;
mod last_plan;
mod live;
mod live_plan;
mod shown;
mod stopped;
pub(crate) mod time;
pub(crate) mod timeline;

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

pub(crate) use bar::Bar;
pub(crate) use foot::ask;
use foot::line;
pub(crate) use json::{JsonLines, failed, failed_before_the_run, json_line};
pub(crate) use live::Live;
pub(crate) use live_plan::indented;
pub(crate) use shown::Shown;
pub(crate) use stopped::{Stopped, questions};

/// Why a result was lost.
static LOST: OnceLock<String> = OnceLock::new();

/// A result, on standard output: exact, but harmless on a terminal.
pub(crate) fn result(line: &str) {
    let mut out = io::stdout();
    let line = if out.is_terminal() { harmless(line) } else { Cow::Borrowed(line) };
    keep_loss(writeln!(out, "{line}").and_then(|()| out.flush()));
}

/// A reader that has gone away is no error of ours; a full disk is.
fn keep_loss(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| format!("the result is lost: can't write to standard output: {error}"));
    }
}

/// Why a result was lost, if one was.
pub(crate) fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// What a model, a tool or a server wrote must not steer the terminal, nor show in another order than it has:
/// without control characters other than ends of lines and tabs, and without marks that turn the writing direction.
fn harmless(text: &str) -> Cow<'_, str> {
    let steers = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(steers) { text.replace(steers, "").into() } else { text.into() }
}

/// Bytes as they are, on standard output.
pub(crate) fn raw(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    keep_loss(out.write_all(bytes).and_then(|()| out.flush()));
}

/// An error, on standard error.
pub(crate) fn error(message: &str) {
    line(&format!("{} {}", paint(Style::Red, "error:"), harmless(message)));
}

/// A remark, on standard error.
pub(crate) fn note(message: &str) {
    line(&paint(Style::Dim, message));
}

/// A question, on standard error, without an end of line.
pub(crate) fn question(text: &str) {
    let mut err = io::stderr();
    let _ = write!(err, "{}", harmless(text));
    let _ = err.flush();
}

/// How a piece of text looks on a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    Dim,
    Red,
    Cyan,
    Bold,
}

/// The text in a style, if standard error is a terminal that wants colour (<https://no-color.org>).
pub(crate) fn paint(style: Style, text: &str) -> String {
    let text = harmless(text);
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !io::stderr().is_terminal() {
        return text.into_owned();
    }
    let code = match style {
        Style::Dim => "2",
        Style::Red => "31",
        Style::Cyan => "36",
        Style::Bold => "1",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// A size for people: `1.1 GB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut size = count as f64;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// One line of at most `limit` characters.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let text = harmless(text.trim());
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limit).collect();
    if text.chars().count() > limit {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{bytes, harmless, one_line};

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(
            [0, 999, 1_000, 1_117_320_768].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.1 GB"].map(String::from)
        );
    }

    #[test]
    fn lines_are_cut_and_made_harmless() {
        assert_eq!(one_line("a\nb\x1b[2J", 3), "a b…");
        assert_eq!(harmless("a\x1b[2J\u{9b}31m\u{202e}b\u{2066}\r\tc\nd"), "a[2J31mb\tc\nd");
        assert_eq!(harmless("äöü 日本"), "äöü 日本");
    }
}
