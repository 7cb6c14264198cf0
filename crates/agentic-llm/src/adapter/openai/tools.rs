//! The tools of a request as JSON, rendered once for each set.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use agentic_core::{Digest, ToolSet, ToolSpec};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Keeps the JSON of the sets that were used last.
#[derive(Debug, Default)]
pub(super) struct ToolCache(Mutex<VecDeque<(Digest, Arc<RawValue>)>>);

/// Agents of one program seldom have more sets than this at a time; another one is rendered again.
const KEPT: usize = 16;

impl ToolCache {
    /// The JSON of a set; `None` if it is empty.
    pub(super) fn render(&self, tools: &ToolSet) -> serde_json::Result<Option<Arc<RawValue>>> {
        if tools.is_empty() {
            return Ok(None);
        }
        let digest = tools.digest();
        // The list is whole at any time: what panics elsewhere can't leave it half-changed.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, json)) = kept.iter().find(|(key, _)| *key == digest) {
            return Ok(Some(json.clone()));
        }
        let list: Vec<Entry<'_>> = tools.iter().map(Entry).collect();
        let json: Arc<RawValue> = serde_json::value::to_raw_value(&list)?.into();
        kept.truncate(KEPT - 1);
        kept.push_front((digest, json.clone()));
        Ok(Some(json))
    }
}

struct Entry<'a>(&'a ToolSpec);

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut object = serializer.serialize_struct("Entry", 2)?;
        object.serialize_field("type", "function")?;
        // A specification's own form is what the protocol wants: name, description, parameters.
        object.serialize_field("function", self.0)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(name: &str) -> ToolSet {
        ToolSet::new([Arc::new(ToolSpec::new(name, "Does it.", json!({"type": "object"})))])
    }

    #[test]
    fn a_set_is_rendered_once() {
        let cache = ToolCache::default();
        assert!(cache.render(&ToolSet::default()).unwrap().is_none());
        let first = cache.render(&set("a")).unwrap().unwrap();
        let function = json!({"name": "a", "description": "Does it.", "parameters": {"type": "object"}});
        let expected = json!([{"type": "function", "function": function}]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(first.get()).unwrap(), expected);
        assert!(Arc::ptr_eq(&first, &cache.render(&set("a")).unwrap().unwrap()));
    }

    #[test]
    fn few_sets_are_kept() {
        let cache = ToolCache::default();
        for number in 0..100 {
            cache.render(&set(&format!("tool_{number}"))).unwrap();
        }
        assert_eq!(cache.0.lock().unwrap().len(), KEPT);
    }
}
