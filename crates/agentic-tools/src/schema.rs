//! The schemas of arguments: what may be left out need not be `null` as well.

use serde_json::Value;

/// Takes `null` out of what a schema allows; says whether it was there.
pub(crate) fn drop_null(schema: &mut Value) -> bool {
    let Value::Object(object) = schema else { return schema == &Value::Bool(true) };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        let before = types.len();
        types.retain(|ty| ty != "null");
        let found = types.len() < before;
        if let [single] = &mut types[..] {
            let single = single.take();
            object.insert("type".into(), single);
        }
        if found && let Some(Value::Array(values)) = object.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
        return found;
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        let before = choices.len();
        choices.retain(|choice| choice.get("type").is_none_or(|ty| ty != "null"));
        let found = choices.len() < before;
        if found && let [Value::Object(single)] = &mut choices[..] {
            let mut single = std::mem::take(single);
            object.remove("anyOf");
            // What the outer schema says, such as a description, is nearer to the use.
            single.extend(std::mem::take(object));
            *object = single;
        }
        return found;
    }
    // A schema without a type takes anything, `null` too.
    object.is_empty()
}
