//! What a run paid for, read from its exported journal.

use std::collections::BTreeMap;

use serde_json::Value;

/// The turns of a run and what they took.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Paid {
    /// Model calls that have an outcome.
    pub(crate) turns: u64,
    /// Attempts and outcomes of a model call that came after its first outcome.
    pub(crate) again: u64,
    /// Attempts of model calls whose outcome was lost with their process.
    pub(crate) lost: u64,
    /// Whether the run's tokens and calls are those of its outcomes and lost attempts, no more and no less.
    pub(crate) is_balanced: bool,
}

const COUNTED: [&str; 4] = ["input_tokens", "output_tokens", "model_calls", "tool_calls"];

impl Paid {
    /// Reads an exported run: a head, then an entry a line.
    pub(crate) fn read(exported: &str) -> Self {
        let mut paid = Self::default();
        let mut models: BTreeMap<String, bool> = BTreeMap::new();
        let (mut booked, mut total) = ([0; COUNTED.len()], None);
        for line in exported.lines().skip(1) {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let entry = &line["entry"];
            let step = entry["step"].as_str().unwrap_or_default();
            match entry["type"].as_str() {
                Some("intent") if entry["kind"] == "model" => {
                    paid.again += u64::from(models.insert(step.to_owned(), false).is_some());
                }
                Some("outcome") => {
                    add(&mut booked, &entry["spend"]);
                    if let Some(ended) = models.get_mut(step) {
                        paid.turns += u64::from(!*ended);
                        paid.again += u64::from(std::mem::replace(ended, true));
                    }
                }
                Some("restarted") => {
                    add(&mut booked, &entry["lost"]);
                    match models.get(step) {
                        Some(true) => paid.again += 1,
                        Some(false) => paid.lost += 1,
                        None => {}
                    }
                }
                Some("dropped") => add(&mut booked, &entry["spend"]),
                Some("finished") => {
                    let mut spend = [0; COUNTED.len()];
                    add(&mut spend, &entry["spend"]);
                    total = Some(spend);
                }
                _ => {}
            }
        }
        paid.is_balanced = total == Some(booked);
        paid
    }
}

fn add(sum: &mut [u64; COUNTED.len()], spend: &Value) {
    for (sum, name) in sum.iter_mut().zip(COUNTED) {
        *sum += spend[name].as_u64().unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::Paid;

    const HEAD: &str = r#"{"agentic_run":1}"#;
    const ASKS: &str = r#"{"entry":{"type":"intent","step":"turn/model","kind":"model"}}"#;
    const AGAIN: &str =
        r#"{"entry":{"type":"restarted","step":"turn/model","lost":{"input_tokens":9,"model_calls":1}}}"#;
    const SAYS: &str =
        r#"{"entry":{"type":"outcome","step":"turn/model","spend":{"input_tokens":3,"model_calls":1}}}"#;

    fn read(lines: &[&str], tokens: u64, calls: u64) -> Paid {
        let end = format!(
            r#"{{"entry":{{"type":"finished","spend":{{"input_tokens":{tokens},"model_calls":{calls}}}}}}}"#
        );
        Paid::read(&[&[HEAD], lines, &[&end]].concat().join("\n"))
    }

    #[test]
    fn a_lost_attempt_is_paid_for_and_a_finished_turn_is_not_asked_again() {
        let fine = Paid { turns: 1, again: 0, lost: 1, is_balanced: true };
        assert_eq!(read(&[ASKS, AGAIN, SAYS], 12, 2), fine);
        assert!(!read(&[ASKS, AGAIN, SAYS], 3, 1).is_balanced, "the lost attempt is missing");
        assert_eq!(read(&[ASKS, SAYS, AGAIN, SAYS], 15, 3).again, 2, "asked again and answered again");
    }
}
