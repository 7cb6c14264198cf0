//! Names of types, generic and union forms included.

use serde_json::{Map, Value, json};

/// The keywords of JSON Schema that stand for a type as Python, Java, JavaScript or an API write it.
pub(super) fn read(name: &str) -> Option<Map<String, Value>> {
    read_at(name, 0)
}

fn read_at(name: &str, depth: usize) -> Option<Map<String, Value>> {
    let name = name.trim();
    if depth > 32 || name.is_empty() {
        return None;
    }
    let alternatives = split(name, '|');
    if alternatives.len() > 1 {
        return all(&alternatives, depth).map(any_of);
    }
    if let Some(inner) = name.strip_suffix("[]") {
        return Some(array(Some(read_at(inner, depth + 1)?)));
    }
    if let Some(inner) = name.strip_suffix('?') {
        return Some(any_of(vec![Value::Object(read_at(inner, depth + 1)?), json!({"type": "null"})]));
    }
    match name.find(['<', '[', '(']) {
        Some(open) if name.ends_with(['>', ']', ')']) => {
            let head = name.get(..open)?.trim();
            let arguments = split(name.get(open + 1..name.len() - 1)?, ',');
            generic(head, &arguments, depth)
        }
        Some(_) => None,
        None => simple(name),
    }
}

fn all(names: &[&str], depth: usize) -> Option<Vec<Value>> {
    names.iter().map(|name| read_at(name, depth + 1).map(Value::Object)).collect()
}

/// The last part of a qualified name, in small letters without underscores.
fn bare(name: &str) -> String {
    let last = name.rsplit(['.', ':']).next().unwrap_or(name);
    last.chars().filter(|c| *c != '_' && *c != ' ').flat_map(char::to_lowercase).collect()
}

fn simple(name: &str) -> Option<Map<String, Value>> {
    let kind = match bare(name).as_str() {
        "dict" | "dictionary" | "object" | "hashmap" | "map" | "treemap" | "linkedhashmap" | "hashtable"
        | "record" | "struct" | "mapping" | "json" | "jsonobject" | "ordereddict" | "defaultdict" => "object",
        "float" | "double" | "number" | "decimal" | "bigdecimal" | "real" | "float32" | "float64" | "f32"
        | "f64" | "numeric" => "number",
        "int" | "integer" | "long" | "short" | "byte" | "bigint" | "biginteger" | "int8" | "int16"
        | "int32" | "int64" | "uint" | "uint8" | "uint16" | "uint32" | "uint64" | "i32" | "i64" | "u32"
        | "u64" | "usize" => "integer",
        "string" | "str" | "char" | "character" | "text" | "charsequence" | "varchar" => "string",
        "bool" | "boolean" => "boolean",
        "set" | "hashset" | "frozenset" | "treeset" => {
            let mut keywords = array(None);
            keywords.insert("uniqueItems".to_owned(), json!(true));
            return Some(keywords);
        }
        "array" | "list" | "arraylist" | "linkedlist" | "tuple" | "sequence" | "iterable" | "vector"
        | "vec" | "collection" | "queue" | "deque" => return Some(array(None)),
        "any" | "unknown" | "mixed" | "value" | "*" => return Some(Map::new()),
        "null" | "none" | "nonetype" | "void" | "nil" | "undefined" => "null",
        _ => return None,
    };
    Some(of_type(kind))
}

fn generic(head: &str, arguments: &[&str], depth: usize) -> Option<Map<String, Value>> {
    match bare(head).as_str() {
        "optional" => {
            let inner = read_at(arguments.first()?, depth + 1)?;
            return Some(any_of(vec![Value::Object(inner), json!({"type": "null"})]));
        }
        "union" | "" => return all(arguments, depth).map(any_of),
        "literal" => {
            let options: Option<Vec<Value>> = arguments.iter().map(|option| literal(option)).collect();
            return Some(Map::from_iter([("enum".to_owned(), Value::Array(options?))]));
        }
        "tuple" if arguments.last() != Some(&"...") && arguments.len() > 1 => {
            let items = all(arguments, depth)?;
            let mut keywords = of_type("array");
            keywords.insert("minItems".to_owned(), json!(items.len()));
            keywords.insert("maxItems".to_owned(), json!(items.len()));
            keywords.insert("prefixItems".to_owned(), Value::Array(items));
            return Some(keywords);
        }
        _ => {}
    }
    let mut keywords = simple(head)?;
    let kind = keywords.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    if kind == "array" {
        let items = read_at(arguments.first()?, depth + 1)?;
        keywords.insert("items".to_owned(), Value::Object(items));
    } else if kind == "object" && arguments.len() == 2 {
        let values = read_at(arguments.get(1)?, depth + 1)?;
        keywords.insert("additionalProperties".to_owned(), Value::Object(values));
    }
    Some(keywords)
}

fn literal(text: &str) -> Option<Value> {
    let text = text.trim();
    let quoted = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(text) = quoted('\'').or_else(|| quoted('"')) {
        return Some(json!(text));
    }
    match text {
        "None" => Some(Value::Null),
        "True" => Some(json!(true)),
        "False" => Some(json!(false)),
        _ => serde_json::from_str(text).ok(),
    }
}

fn of_type(name: &str) -> Map<String, Value> {
    Map::from_iter([("type".to_owned(), json!(name))])
}

fn array(items: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut keywords = of_type("array");
    if let Some(items) = items {
        keywords.insert("items".to_owned(), Value::Object(items));
    }
    keywords
}

/// One schema for several: a list of names where each is only a name, else `anyOf`.
pub(super) fn any_of(mut alternatives: Vec<Value>) -> Map<String, Value> {
    alternatives.dedup();
    if alternatives.len() == 1
        && let Some(Value::Object(only)) = alternatives.pop()
    {
        return only;
    }
    if alternatives.iter().any(|schema| schema.as_object().is_some_and(Map::is_empty)) {
        return Map::new();
    }
    let names: Option<Vec<Value>> = alternatives
        .iter()
        .map(|schema| {
            schema
                .as_object()
                .filter(|schema| schema.len() == 1)?
                .get("type")
                .filter(|name| name.is_string())
                .cloned()
        })
        .collect();
    match names {
        Some(names) => Map::from_iter([("type".to_owned(), Value::Array(names))]),
        None => Map::from_iter([("anyOf".to_owned(), Value::Array(alternatives))]),
    }
}

/// Splits at `separator` outside of brackets and quotes.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut quote) = (0_i32, 0, None);
    for (at, c) in text.char_indices() {
        match c {
            _ if quote.is_some() => quote = quote.filter(|open| *open != c),
            '\'' | '"' => quote = Some(c),
            '<' | '[' | '(' => depth += 1,
            '>' | ']' | ')' => depth -= 1,
            _ if c == separator && depth == 0 => {
                parts.push(text.get(start..at).unwrap_or("").trim());
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or("").trim());
    parts
}
