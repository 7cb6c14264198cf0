//! Outputs that are lists, which must be complete.

use std::collections::BTreeSet;

use agentic_core::Criterion;
use fastrand::Rng;
use serde_json::json;

use super::case::{Wanted, says};

/// The invoices above an amount, of which some are just at it: as a set in JSON, or as a line in order.
pub(super) fn list(rng: &mut Rng) -> Wanted {
    let limit = rng.u32(200..700);
    let mut invoices: Vec<(String, u32)> = Vec::new();
    for number in 0..rng.u32(12..20) {
        let amount = match number {
            0 | 1 => limit,
            2..5 => limit + rng.u32(1..300),
            _ => rng.u32(20..1_000),
        };
        invoices.push((format!("R{}", 100 + number * 7 % 20), amount));
    }
    rng.shuffle(&mut invoices);
    let mut above: Vec<&str> =
        invoices.iter().filter(|(_, amount)| *amount > limit).map(|(id, _)| &**id).collect();
    let at = invoices.iter().find(|(_, amount)| *amount == limit).map_or("", |(id, _)| id);
    let in_order = rng.bool();
    above.sort_unstable();
    let shown = |ids: &[&str]| if in_order { ids.join(", ") } else { json!(ids).to_string() };
    let of = |ids: &[&str]| shown(ids);
    let without_first = of(&above[1..]);
    let without_last = of(&above[..above.len() - 1]);
    let with_limit = of(&[&above[..], &[at]].concat());
    let twice = of(&[&above[..], &above[..1]].concat());
    let swapped = of(&[&above[1..], &["R999"]].concat());
    let reversed: Vec<&str> = above.iter().rev().copied().collect();
    let reversed = of(&reversed);
    let whole = of(&above);
    let (criterion, form) = if in_order {
        (
            Criterion::Equals { value: above.join(", ").into() },
            "on one line in rising order, with a comma and a space between",
        )
    } else {
        let schema = json!({
            "type": "array",
            "items": {"enum": &above},
            "uniqueItems": true,
            "minItems": above.len(),
        });
        (Criterion::Schema { schema }, "as a JSON array of strings, in any order")
    };
    let mut meet = vec![says("all of them", &*whole)];
    let mut miss = vec![
        says("the first one left out", without_first),
        says("the last one left out", without_last),
        says("one that is just at the limit", with_limit),
        says("one of them twice", twice),
        says("one that there is not for another", swapped),
        says("and so on", format!("{}, … and so on", above[..2].join(", "))),
        says("how many", format!("Done, I have found all {} of them.", above.len())),
        says("a sentence around it", format!("Done: {whole}")),
        says("one a line", above.join("\n")),
        says("none", if in_order { "none" } else { "[]" }),
    ];
    if in_order {
        miss.push(says("falling order", reversed))
    } else {
        meet.push(says("in another order", reversed))
    }
    let inputs = json!({
        "invoices": invoices.iter().map(|(id, amount)| format!("{id}: {amount} EUR")).collect::<Vec<_>>(),
    });
    Wanted {
        text: format!("List the invoices above {limit} EUR: their numbers alone, {form}."),
        inputs,
        criteria: vec![criterion],
        stored: Vec::new(),
        meet,
        miss,
        truth: Box::new(move |said, _| {
            let given: Vec<String> = if in_order {
                said.split(", ").map(str::to_owned).collect()
            } else {
                serde_json::from_str(said).unwrap_or_default()
            };
            let all: BTreeSet<&str> = given.iter().map(|id| &**id).collect();
            // None that is too low, none twice, and as many as there are.
            let amount =
                |id: &&str| invoices.iter().find(|(other, _)| other == id).map(|(_, amount)| *amount);
            let fits = given.iter().all(|id| amount(&&**id).is_some_and(|amount| amount > limit));
            let low = invoices.iter().filter(|(_, amount)| *amount <= limit).count();
            fits && all.len() == given.len()
                && given.len() + low == invoices.len()
                && (!in_order || given.is_sorted())
        }),
    }
}
