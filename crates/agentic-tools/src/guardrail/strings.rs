//! The texts in a value.

use serde_json::Value;

/// The value with each of its texts, the names of its fields included, as `change` makes it; `None` if nothing changes.
pub(super) fn change(value: &Value, change_text: &impl Fn(&str) -> Option<String>) -> Option<Value> {
    match value {
        Value::String(text) => change_text(text).map(Value::String),
        Value::Array(items) => {
            let changed: Vec<_> = items.iter().map(|item| change(item, change_text)).collect();
            changed.iter().any(Option::is_some).then(|| {
                let or_as_it_was =
                    |(changed, item): (Option<Value>, &Value)| changed.unwrap_or_else(|| item.clone());
                changed.into_iter().zip(items).map(or_as_it_was).collect()
            })
        }
        Value::Object(fields) => {
            let changed: Vec<_> =
                fields.iter().map(|(name, value)| (change_text(name), change(value, change_text))).collect();
            changed.iter().any(|(name, value)| name.is_some() || value.is_some()).then(|| {
                let pairs = changed.into_iter().zip(fields).map(|((name, value), (old_name, old))| {
                    (name.unwrap_or_else(|| old_name.clone()), value.unwrap_or_else(|| old.clone()))
                });
                Value::Object(pairs.collect())
            })
        }
        _ => None,
    }
}
