//! Scopes and filters as conditions on payloads.

use agentic_core::{Filter, MemoryScope, Predicate};
use serde_json::Value;

use super::key;

/// Texts up to so many bytes stand in a payload as they are, longer ones as a digest.
const LONGEST: usize = 128;

/// What a payload has to be.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::backend) enum Condition {
    /// One of the texts under this key is one of these.
    Has(String, Vec<String>),
    /// None is.
    HasNot(String, Vec<String>),
    /// There is nothing under this key.
    Empty(String),
    /// One of the numbers under this key is at least the first and below the second.
    Within(String, Option<f64>, Option<f64>),
}

/// What the payloads have to be of the records that the scope sees and that fulfil the filter; `None` if there can't be any.
pub(in crate::backend) fn conditions(scope: &MemoryScope, filter: &Filter) -> Option<Vec<Condition>> {
    let is = |key: &str, value: &String| Condition::Has(key.to_owned(), vec![value.clone()]);
    let mut all = vec![is(key::TENANT, &scope.tenant)];
    all.extend(scope.agent.as_ref().map(|agent| is(key::AGENT, agent)));
    all.extend(scope.session.as_ref().map(|session| is(key::SESSION, session)));
    for condition in &filter.all {
        let name = &condition.field;
        let tokens =
            |values: &[Value]| values.iter().filter_map(|value| token(name, value)).collect::<Vec<_>>();
        let numbers = || format!("{}.{}", key::NUMBERS, number_key(name));
        let (is, none) = (key::IS.to_owned(), Vec::is_empty);
        all.push(match &condition.test {
            Predicate::AnyOf(values) => Condition::Has(is, Some(tokens(values)).filter(|it| !none(it))?),
            Predicate::Not(values) if values.is_empty() => continue,
            Predicate::Not(values) => Condition::HasNot(is, tokens(values)),
            Predicate::AtLeast(least) => Condition::Within(numbers(), Some(*least), None),
            Predicate::Below(limit) => Condition::Within(numbers(), None, Some(*limit)),
            Predicate::Missing => Condition::HasNot(is, vec![presence(name)]),
            // A test that is newer than this.
            _ => return None,
        });
    }
    Some(all)
}

/// The text that says that one value of this field is this; `None` for values that filters can't ask for. Other types are
/// other texts.
pub(super) fn token(name: &str, value: &Value) -> Option<String> {
    let comparable = value.is_string() || value.is_boolean() || value.is_i64() || value.is_u64();
    comparable.then(|| short(&(name, value)))
}

/// The text that says that there is such a field.
pub(super) fn presence(name: &str) -> String {
    short(&[name])
}

fn short(value: &impl serde::Serialize) -> String {
    // Texts and plain values always have a JSON form.
    let text = serde_json::to_string(value).unwrap_or_default();
    if text.len() <= LONGEST { text } else { blake3::hash(text.as_bytes()).to_hex().to_string() }
}

/// Under which key the numbers of this field are: paths into payloads have letters, digits and `_`.
pub(super) fn number_key(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let named = !name.is_empty() && name.len() <= LONGEST && name.bytes().all(plain);
    // No plain name begins with a dash.
    if named { name.to_owned() } else { format!("-{}", blake3::hash(name.as_bytes()).to_hex()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_of_other_types_and_fields_are_other_texts() {
        let values = [json!(1), json!("1"), json!(true), json!("true"), json!(-1), json!(1_u64 << 63)];
        let mut all: Vec<String> = ["a", "a\",\"1"]
            .into_iter()
            .flat_map(|name| values.iter().map(|value| token(name, value).unwrap()).chain([presence(name)]))
            .collect();
        let n = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), n);
        assert_eq!(token("a", &json!("x")).unwrap(), r#"["a","x"]"#);
        assert!([json!(1.5), json!(null), json!({}), json!([])].iter().all(|it| token("a", it).is_none()));
        let long = |end: &str| token("a", &json!(format!("{}{end}", "x".repeat(500)))).unwrap();
        assert_ne!(long("a"), long("b"));
        assert_eq!(long("a").len(), 64);
    }

    #[test]
    fn keys_of_numbers_are_paths() {
        assert_eq!(number_key("gone_at"), "gone_at");
        for name in ["", "-a", "a.b", "größe", "a b", "x\"", &"x".repeat(200)] {
            let key = number_key(name);
            assert!(key.starts_with('-') && key.len() == 65, "{key}");
        }
    }

    #[test]
    fn what_nothing_fulfils_is_not_asked() {
        let scope = MemoryScope::of_tenant("t").session("s");
        assert_eq!(conditions(&scope, &Filter::any().and("a", Predicate::AnyOf(vec![]))), None);
        let all = conditions(&scope, &Filter::any().and("a", Predicate::Not(vec![])).is("n", 1)).unwrap();
        let has = |key: &str, text: &str| Condition::Has(key.into(), vec![text.into()]);
        assert_eq!(all, [has("tenant", "t"), has("session", "s"), has("is", r#"["n",1]"#)]);
        let range = conditions(&scope, &Filter::any().and("n", Predicate::Below(2.0))).unwrap();
        assert_eq!(range[2], Condition::Within("numbers.n".into(), None, Some(2.0)));
    }
}
