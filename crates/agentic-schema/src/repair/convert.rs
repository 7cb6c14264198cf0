//! Scalars in another type, and names in another spelling.

use serde_json::{Number, Value};

/// `value` as the JSON type `wanted`, if it says the same.
pub(super) fn scalar(value: &Value, wanted: &str) -> Option<(Value, &'static str)> {
    match wanted {
        "integer" => Some((Value::Number(integer(value)?), "integer")),
        "number" => Some((Value::Number(number(value)?), "number")),
        "boolean" => Some((Value::Bool(boolean(value)?), "boolean")),
        "string" => match value {
            Value::Number(_) | Value::Bool(_) => Some((Value::String(value.to_string()), "string")),
            _ => None,
        },
        "null" => match value {
            Value::String(text)
                if matches!(text.trim().to_ascii_lowercase().as_str(), "" | "null" | "none") =>
            {
                Some((Value::Null, "null"))
            }
            _ => None,
        },
        _ => None,
    }
}

fn integer(value: &Value) -> Option<Number> {
    let number = number(value)?;
    if !number.is_f64() {
        return Some(number);
    }
    let float = number.as_f64()?;
    // Beyond 2^53 a float does not say which integer is meant.
    let exact = float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0;
    exact.then(|| Number::from(float as i64))
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let text = text.trim();
            let text = text.strip_prefix('+').unwrap_or(text);
            text.parse().ok().or_else(|| grouped(text)?.parse().ok())
        }
        _ => None,
    }
}

/// `1,234,567.8` or `1_234` without the signs between groups of three digits.
fn grouped(text: &str) -> Option<String> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let separator = whole.chars().find(|c| matches!(c, ',' | '_'))?;
    let mut groups = whole.split(separator);
    let first = groups.next()?.trim_start_matches('-');
    let sound = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    sound.then(|| text.replace(separator, ""))
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Number(number) => match number.as_i64()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A name without case, spaces and signs.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The one option that `value` means.
pub(super) fn option<'o>(value: &Value, options: &'o [Value]) -> Option<&'o Value> {
    let said = match value {
        Value::String(text) => plain(text),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return None,
    };
    let mut fitting = options.iter().filter(|option| match option {
        Value::String(text) => !said.is_empty() && plain(text) == said,
        Value::Number(_) | Value::Bool(_) => {
            let number =
                value.as_str().and_then(|text| text.trim().parse::<f64>().ok()).or_else(|| value.as_f64());
            option.to_string() == said || (number.is_some() && option.as_f64() == number)
        }
        Value::Null => value.is_string() && matches!(said.as_str(), "" | "null" | "none"),
        _ => false,
    });
    let only = fitting.next()?;
    fitting.next().is_none().then_some(only)
}
