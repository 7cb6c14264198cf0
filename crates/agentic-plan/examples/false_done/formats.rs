//! Outputs in a form.

use agentic_core::Criterion;
use fastrand::Rng;
use serde_json::json;

use super::case::{Wanted, Way, any, says};

/// A form, by an expression for the criterion, and once more by hand.
struct Form {
    what: &'static str,
    pattern: &'static str,
    is_kept: fn(&str) -> bool,
    /// Texts that keep it, and texts that do not.
    kept: String,
    broken: Vec<Way>,
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit())
}

fn number(text: &str, length: usize) -> Option<u32> {
    if text.len() == length && digits(text) { text.parse().ok() } else { None }
}

fn code(rng: &mut Rng) -> Form {
    let (a, b, n) = (rng.uppercase(), rng.uppercase(), rng.u32(1_000..10_000));
    Form {
        what: "an order code: two capital letters, a hyphen, four digits",
        pattern: "^[A-Z]{2}-[0-9]{4}$",
        is_kept: |said| {
            let letters = said.bytes().take(2).filter(u8::is_ascii_uppercase).count();
            letters == 2 && said.get(2..3) == Some("-") && number(&said[3..], 4).is_some()
        },
        kept: format!("{a}{b}-{n}"),
        broken: vec![
            says("a small letter", format!("{a}{}-{n}", b.to_ascii_lowercase())),
            says("a digit less", format!("{a}{b}-{}", n / 10)),
            says("a digit more", format!("{a}{b}-{n}0")),
            says("a dash that is no hyphen", format!("{a}{b}–{n}")),
            says("digits of another script", format!("{a}{b}-٤٢٧{}", n % 10)),
            says("no hyphen", format!("{a}{b}{n}")),
            says("two of them", format!("{a}{b}-{n}\n{b}{a}-{n}")),
        ],
    }
}

fn date(rng: &mut Rng) -> Form {
    let day = rng.u32(1..31);
    Form {
        what: "a day in April 2027, as YYYY-MM-DD",
        pattern: "^2027-04-(0[1-9]|[12][0-9]|30)$",
        is_kept: |said| {
            let day = said.strip_prefix("2027-04-").and_then(|day| number(day, 2));
            day.is_some_and(|day| (1..=30).contains(&day))
        },
        kept: format!("2027-04-{day:02}"),
        broken: vec![
            says("a day too many", "2027-04-31"),
            says("day 0", "2027-04-00"),
            says("another month", format!("2027-05-{day:02}")),
            says("another order", format!("{day:02}-04-2027")),
            says("short", format!("2027-4-{day:02}")),
            says("with the time", format!("2027-04-{day:02}T10:00")),
            says("in words", format!("April {day}, 2027")),
        ],
    }
}

fn time(rng: &mut Rng) -> Form {
    let (hour, minute) = (rng.u32(0..24), rng.u32(0..60));
    Form {
        what: "a time of the day, as HH:MM, 24 hours",
        pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$",
        is_kept: |said| match said.split_once(':') {
            Some((hour, minute)) => {
                number(hour, 2).is_some_and(|hour| hour < 24)
                    && number(minute, 2).is_some_and(|minute| minute < 60)
            }
            None => false,
        },
        kept: format!("{hour:02}:{minute:02}"),
        broken: vec![
            says("24 hours", format!("24:{minute:02}")),
            says("60 minutes", format!("{hour:02}:60")),
            says("12 hours", format!("{}:{minute:02} pm", hour % 12 + 1)),
            says("with seconds", format!("{hour:02}:{minute:02}:00")),
            says("a point", format!("{hour:02}.{minute:02}")),
        ],
    }
}

fn colour(rng: &mut Rng) -> Form {
    let n = rng.u32(0x10_0000..0xff_ffff);
    Form {
        what: "a colour, as # and six hexadecimal digits, small letters",
        pattern: "^#[0-9a-f]{6}$",
        is_kept: |said| {
            let kept = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
            said.strip_prefix('#').is_some_and(|hex| hex.len() == 6 && hex.bytes().all(kept))
        },
        kept: format!("#{n:06x}"),
        broken: vec![
            says("no #", format!("{n:06x}")),
            says("short", format!("#{:03x}", n >> 12)),
            says("a letter that is no digit", format!("#{:05x}g", n >> 4)),
            says("capitals", format!("#{:05X}F", n >> 4)),
            says("a name", "dark green"),
        ],
    }
}

/// Something is to be named in a form, and alone.
pub(super) fn format(rng: &mut Rng) -> Wanted {
    let forms: [fn(&mut Rng) -> Form; 4] = [code, date, time, colour];
    let Form { what, pattern, is_kept, kept, mut broken } = any(rng, &forms)(rng);
    broken.push(says("in a sentence", format!("Done. It is {kept}.")));
    broken.push(says("with a full stop", format!("{kept}.")));
    broken.push(says("in quotes", format!("\"{kept}\"")));
    broken.push(says("nothing of it", "Done, I have chosen one that fits."));
    Wanted {
        text: format!("Choose {what}. Answer with it alone."),
        inputs: json!({}),
        criteria: vec![Criterion::Matches { pattern: pattern.into() }],
        stored: Vec::new(),
        meet: vec![says("in the form", kept)],
        miss: broken,
        truth: Box::new(move |said, _| is_kept(said)),
    }
}
