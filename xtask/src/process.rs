//! Starting other programs.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context as _, Result, bail};

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        let value = value.unwrap_or_default().to_string_lossy();
        let _ = write!(line, "{}={} ", name.to_string_lossy(), quoted(&value));
    }
    let program = command.get_program().to_string_lossy();
    line.push_str(program.rsplit(['/', '\\']).next().unwrap_or(&program));
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&quoted(&arg.to_string_lossy()));
    }
    line
}

fn quoted(arg: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@+%".contains(c);
    if !arg.is_empty() && arg.chars().all(plain) {
        arg.into()
    } else {
        format!("'{}'", arg.replace('\'', r"'\''"))
    }
}

/// Runs it with this program's own output; an error if it fails. Prints the command first.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("can't start `{}`", shown(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", shown(command));
    }
    Ok(())
}

/// Runs it and gives what it prints to its standard output; its errors go where this program's go.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("can't start `{}`", shown(command)))?;
    if !out.status.success() {
        bail!("`{}` failed ({})", shown(command), out.status);
    }
    String::from_utf8(out.stdout).with_context(|| format!("`{}` prints no UTF-8", shown(command)))
}

/// Whether it can be started and says that it went well. Nothing of it is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a program printed while it was shown.
#[derive(Debug)]
pub(crate) struct Watched {
    /// The lines of both streams that were kept.
    pub(crate) kept: Vec<String>,
    /// An error if the program failed.
    pub(crate) result: Result<()>,
}

/// Runs it, shows what it prints, and keeps the lines that `keep` picks.
pub(crate) fn watch(command: &mut Command, keep: fn(&str) -> bool) -> Result<Watched> {
    eprintln!("$ {}", shown(command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("can't start `{}`", shown(command)))?;
    let kept = Mutex::new(Vec::new());
    thread::scope(|scope| {
        if let Some(out) = child.stdout.take() {
            scope.spawn(|| forward(out, std::io::stdout(), keep, &kept));
        }
        if let Some(err) = child.stderr.take() {
            scope.spawn(|| forward(err, std::io::stderr(), keep, &kept));
        }
    });
    let status = child.wait().with_context(|| format!("lost `{}`", shown(command)))?;
    let result = if status.success() {
        Ok(())
    } else {
        Err(anyhow::anyhow!("`{}` failed ({status})", shown(command)))
    };
    Ok(Watched { kept: kept.into_inner().unwrap_or_default(), result })
}

fn forward(from: impl Read, mut to: impl Write, keep: fn(&str) -> bool, kept: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(from);
    let mut line = Vec::new();
    // A stream that can't be read or written any more is at its end.
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if to.write_all(&line).and_then(|()| to.flush()).is_err() {
            return;
        }
        let text = String::from_utf8_lossy(&line);
        if keep(&text)
            && let Ok(mut kept) = kept.lock()
        {
            kept.push(text.trim_end().to_owned());
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::shown;
    use std::process::Command;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/usr/bin/cargo");
        command.args(["run", "--", "two words", "it's"]).env("A", "1");
        assert_eq!(shown(&command), r"A=1 cargo run -- 'two words' 'it'\''s'");
    }
}
