//! Figures of several repetitions.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The median of each figure, by what it is of and by its field.
#[derive(Debug)]
pub(super) struct Medians(BTreeMap<(String, String), f64>);

impl Medians {
    /// From JSON objects, one a line; `of` are the fields that say what an object is of. Other lines are passed over.
    pub(super) fn read(lines: &str, of: &[&str]) -> Self {
        let mut all: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        for row in lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let name: Vec<&str> = of.iter().filter_map(|field| row[field].as_str()).collect();
            for (field, value) in row.as_object().into_iter().flatten() {
                if let Some(value) = value.as_f64() {
                    all.entry((name.join(" "), field.clone())).or_default().push(value);
                }
            }
        }
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2])
        };
        Self(all.into_iter().map(|(key, values)| (key, median(values))).collect())
    }

    /// Of this, in the order of its names as they were read.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn of(&self, name: &str, field: &str) -> Result<f64> {
        let found = self.0.get(&(name.to_owned(), field.to_owned())).copied();
        found.with_context(|| format!("the benchmark has no {field} of {name}"))
    }
}

pub(super) fn verdict(ok: bool) -> &'static str {
    if ok { "ok" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::Medians;

    #[test]
    fn figures_are_medians_by_what_they_are_of_and_by_field() {
        let lines = [1.0, 9.0, 2.0].map(|cpu| format!(r#"{{"peer":"raw","workload":"w1","cpu_s":{cpu}}}"#));
        let medians = Medians::read(&lines.join("\n"), &["peer", "workload"]);
        assert_eq!(medians.of("raw w1", "cpu_s").unwrap(), 2.0);
        assert!(medians.of("raw w2", "cpu_s").is_err());
    }
}
