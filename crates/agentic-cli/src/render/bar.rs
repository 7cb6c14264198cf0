//! A bar or a spinner for whatever takes long, on a terminal; nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::foot;

/// Shows one thing that takes long.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: ProgressBar,
    said: String,
}

impl Bar {
    /// Nothing shown yet.
    pub(crate) fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), said: String::new() }
    }

    /// A spinner with these words.
    pub(crate) fn spin(&mut self, message: &str) {
        self.turn("{spinner} {msg} {elapsed}");
        self.bar.set_message(message.to_owned());
    }

    /// A spinner with these words below this text, which may have many lines.
    pub(crate) fn spin_below(&mut self, text: &str, message: &str) {
        self.turn("{prefix}\n{spinner} {msg}");
        self.bar.set_prefix(text.to_owned());
        self.bar.set_message(message.to_owned());
    }

    /// A spinner of this form turns, if none does: one is taken away before another form begins.
    fn turn(&mut self, template: &str) {
        if self.bar.is_hidden() || self.bar.is_finished() {
            let turning = foot::put(|| {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                bar.set_style(style(template));
                bar.enable_steady_tick(Duration::from_millis(120));
                bar
            });
            self.bar = turning.unwrap_or_else(ProgressBar::hidden);
        }
    }

    /// So many of so many bytes.
    pub(crate) fn bytes(&mut self, message: &str, done: u64, total: Option<u64>) {
        if self.said != message {
            self.clear();
            self.said = message.to_owned();
            let known = "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
            let moving = foot::put(|| {
                let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
                bar.set_style(style(if total.is_some() { known } else { "{spinner} {msg} {bytes}" }));
                bar
            });
            self.bar = moving.unwrap_or_else(ProgressBar::hidden);
            self.bar.set_message(message.to_owned());
            if self.bar.is_hidden() {
                super::note(message);
            }
        }
        self.bar.set_position(done);
    }

    /// Takes it away while something else is written.
    pub(crate) fn clear(&mut self) {
        self.bar.finish_and_clear();
        self.said.clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are valid; were one not, the default style shows the same facts.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
