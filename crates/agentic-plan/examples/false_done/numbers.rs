//! Outputs that are numbers.

use agentic_core::Criterion;
use fastrand::Rng;
use serde_json::{Value, json};

use super::case::{Wanted, any, says};

/// Millionths.
const SCALE: i128 = 1_000_000;

/// A decimal number, in millionths, if that is all there is: digits, read one by one.
fn millionths(text: &str) -> Option<i128> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    if whole.is_empty() || rest.is_empty() || rest.len() > 6 {
        return None;
    }
    let mut number = 0_i128;
    for letter in whole.chars().chain(format!("{rest:0<6}").chars()) {
        number = number * 10 + i128::from(letter.to_digit(10)?);
    }
    Some(if negative { -number } else { number })
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

/// Invoices are added up, to the cent.
pub(super) fn sum(rng: &mut Rng) -> Wanted {
    let mut amounts: Vec<i64> = (0..rng.usize(4..9)).map(|_| rng.i64(101..90_000)).collect();
    // Neither whole, nor a number of tens of cents: then it can be rounded wrongly.
    let odd = amounts.iter().sum::<i64>().rem_euclid(10);
    amounts[0] += (13 - odd) % 10;
    let (first, last, total) = (amounts[0], amounts[amounts.len() - 1], amounts.iter().sum::<i64>());
    let lines: Vec<String> = amounts.iter().copied().map(money).collect();
    let dollars: f64 = lines.iter().filter_map(|line| line.parse::<f64>().ok()).sum();
    let text = money(total);
    Wanted {
        text: "Add up these amounts. Answer with the total alone, as a number with a decimal point.".into(),
        inputs: json!({"amounts": lines}),
        criteria: vec![Criterion::Near { value: dollars, tolerance: 0.005 }],
        stored: Vec::new(),
        meet: vec![
            says("the total", &*text),
            says("the total with space around", format!("  {text}\n")),
            says("the total with another zero", format!("{text}0")),
        ],
        miss: vec![
            says("one cent too much", money(total + 1)),
            says("one cent too little", money(total - 1)),
            says("the first one left out", money(total - first)),
            says("the last one twice", money(total + last)),
            says("right, in prose", format!("Done. The total is {text}.")),
            says("right, with a currency", format!("{text} EUR")),
            says("a decimal comma", text.replace('.', ",")),
            says("in cents", total.to_string()),
            says("rounded to tens of cents", format!("{}.{}", total / 100, total % 100 / 10)),
            says("negative", format!("-{text}")),
            says("the sum, not done", lines.join(" + ")),
        ],
        truth: Box::new(move |said, _| {
            let cents: i128 = amounts.iter().map(|amount| i128::from(*amount)).sum();
            millionths(said) == Some(cents * (SCALE / 100))
        }),
    }
}

/// Readings above a limit are counted; some are just at it.
pub(super) fn count(rng: &mut Rng) -> Wanted {
    let limit = rng.i64(20..80);
    let mut readings: Vec<i64> = (0..rng.usize(12..30)).map(|_| rng.i64(0..100)).collect();
    readings.extend([limit, limit, limit + 1, 0]);
    rng.shuffle(&mut readings);
    let above = readings.iter().filter(|reading| **reading > limit).count();
    let from = readings.iter().filter(|reading| **reading >= limit).count();
    let inputs = json!({"readings": &readings, "limit": limit});
    Wanted {
        text: "How many of the readings are above the limit? Answer with the number alone, in digits.".into(),
        inputs,
        criteria: vec![Criterion::Near { value: above as f64, tolerance: 0.0 }],
        stored: Vec::new(),
        meet: vec![says("the number", above.to_string()), says("the number, a line", format!("{above}\n"))],
        miss: vec![
            says("those at the limit too", from.to_string()),
            says("one too many", (above + 1).to_string()),
            says("one too few", (above as i64 - 1).to_string()),
            says("right, in a sentence", format!("Done, {above} readings are above {limit}.")),
            says("right, out of how many", format!("{above}/{}", readings.len())),
            says("a range", format!("{above}-{from}")),
            says("about", format!("~{above}")),
        ],
        truth: Box::new(move |said, _| {
            let mut sorted = readings.clone();
            sorted.sort_unstable();
            let above = sorted.len() - sorted.partition_point(|reading| *reading <= limit);
            millionths(said) == Some(above as i128 * SCALE)
        }),
    }
}

/// A quantity: in words, by floats for the criterion, and exactly as a fraction.
struct Quantity {
    text: String,
    inputs: Value,
    value: f64,
    exact: (i128, i128),
    /// What comes of a usual mistake.
    mistake: (&'static str, f64),
}

fn quantity(rng: &mut Rng) -> Quantity {
    match rng.u8(0..4) {
        0 => {
            let miles = rng.i64(3..400);
            Quantity {
                text: "How many kilometres are these miles?".into(),
                inputs: json!({"miles": miles}),
                value: miles as f64 * 1.609_344,
                exact: (i128::from(miles) * 1_609_344, 1_000_000),
                mistake: ("the wrong way round", miles as f64 / 1.609_344),
            }
        }
        1 => {
            let fahrenheit = rng.i64(-40..212);
            // Where both scales say the same, no mistake shows.
            let fahrenheit = if fahrenheit == -40 { 41 } else { fahrenheit };
            Quantity {
                text: "How many degrees Celsius are these degrees Fahrenheit?".into(),
                inputs: json!({"fahrenheit": fahrenheit}),
                value: (fahrenheit as f64 - 32.0) / 1.8,
                exact: (i128::from(fahrenheit - 32) * 5, 9),
                mistake: ("32 not taken off", fahrenheit as f64 / 1.8),
            }
        }
        2 => {
            let (saved, percent) = (rng.i64(500..9_000), rng.i64(2..9));
            let rate = 1.0 + percent as f64 / 100.0;
            Quantity {
                text: "What become of these savings in three years, with compound interest?".into(),
                inputs: json!({"savings": saved, "percent a year": percent}),
                value: saved as f64 * rate.powi(3),
                exact: (i128::from(saved) * i128::from(100 + percent).pow(3), 1_000_000),
                mistake: ("simple interest", saved as f64 * (1.0 + 3.0 * percent as f64 / 100.0)),
            }
        }
        _ => {
            let (way, minutes) = (rng.i64(3..90), rng.i64(7..58));
            Quantity {
                text: "How many kilometres an hour is that?".into(),
                inputs: json!({"kilometres": way, "minutes": minutes}),
                value: way as f64 / (minutes as f64 / 60.0),
                exact: (i128::from(way) * 60, i128::from(minutes)),
                mistake: ("a minute", way as f64 / minutes as f64),
            }
        }
    }
}

/// Quantities that are right within a tolerance, in hundredths.
pub(super) fn measure(rng: &mut Rng) -> Wanted {
    let Quantity { text, inputs, value, exact, mistake } = quantity(rng);
    let hundredths = *any(rng, &[2_i128, 6, 20]);
    let tolerance = hundredths as f64 / 100.0;
    let mut miss = vec![
        says(mistake.0, format!("{:.3}", mistake.1)),
        says("just too much", format!("{:.3}", value + tolerance + 0.002)),
        says("just too little", format!("{:.3}", value - tolerance - 0.002)),
        says("right, with a unit", format!("{value:.2} units")),
        says("right, with how exact it is", format!("{value:.2} ± {tolerance}")),
        says("right, in prose", format!("Done: it comes to {value:.2}, as wanted.")),
    ];
    if (value - value.round()).abs() > tolerance + 0.001 {
        miss.push(says("rounded too far", format!("{value:.0}")));
    }
    Wanted {
        text: format!("{text} Answer with the number alone; it may be off by {tolerance} at most."),
        inputs,
        criteria: vec![Criterion::Near { value, tolerance }],
        stored: Vec::new(),
        meet: vec![
            says("with three places", format!("{value:.3}")),
            says("with two places", format!("{value:.2}")),
            says("just not too much", format!("{:.3}", value + tolerance - 0.002)),
            says("just not too little", format!("{:.3}", value - tolerance + 0.002)),
        ],
        miss,
        truth: Box::new(move |said, _| {
            let (top, bottom) = exact;
            let near =
                |given: i128| (given * bottom - top * SCALE).abs() <= hundredths * (SCALE / 100) * bottom;
            millionths(said).is_some_and(near)
        }),
    }
}
