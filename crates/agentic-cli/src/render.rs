//! What people and programs see. Results go to standard output, everything else to standard error.

mod bar;
mod json;
mod live;

use std::io::{self, IsTerminal as _, Write as _};

pub(crate) use bar::Bar;
pub(crate) use json::{JsonLines, failed_before_the_run};
pub(crate) use live::Live;

/// A result, on standard output. A reader that has gone away is no error of ours.
pub(crate) fn result(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Bytes as they are, on standard output.
pub(crate) fn raw(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// An error, on standard error.
pub(crate) fn error(message: &str) {
    let _ = writeln!(io::stderr(), "{} {message}", paint(Style::Red, "error:"));
}

/// A remark, on standard error.
pub(crate) fn note(message: &str) {
    let _ = writeln!(io::stderr(), "{}", paint(Style::Dim, message));
}

/// A question, on standard error, without an end of line.
pub(crate) fn question(text: &str) {
    let mut err = io::stderr();
    let _ = write!(err, "{text}");
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
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !io::stderr().is_terminal() {
        return text.to_owned();
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
fn one_line(text: &str, limit: usize) -> String {
    let mut line: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(limit).collect();
    if text.trim().chars().count() > limit {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{bytes, one_line};

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
    }
}
