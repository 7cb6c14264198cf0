//! Questions in SQL. Values are bound, never written into the text.

use agentic_core::{Filter, MemoryScope, Predicate};
use tokio_postgres::types::ToSql;

use super::marks;
use super::values::{Digest, kept};

/// A question with its values.
#[derive(Debug, Default)]
pub(super) struct Query {
    text: String,
    values: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Query {
    /// The place of a value of this type in the text.
    pub(super) fn bind(&mut self, value: impl ToSql + Sync + Send + 'static, of: &str) -> String {
        self.values.push(Box::new(value));
        format!("${}::{of}", self.values.len())
    }

    /// The question as it is asked.
    #[must_use]
    pub(super) fn with_text(mut self, text: String) -> Self {
        self.text = text;
        self
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn values(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect()
    }

    /// The most rows.
    pub(super) fn limit(&mut self, limit: usize) -> String {
        self.bind(i64::try_from(limit).unwrap_or(i64::MAX), "int8")
    }

    /// What holds for the records `r` that this scope sees.
    pub(super) fn seen(&mut self, scope: &MemoryScope) -> String {
        let MemoryScope { tenant, agent, session } = scope;
        if agent.is_some() && session.is_some() {
            // Then it sees what is of exactly this scope.
            return format!("r.scope_key = {}", self.bind(scope_key(scope), "uuid"));
        }
        let mut all = vec![match session {
            Some(session) => format!("r.session_key = {}", self.bind(session_key(tenant, session), "uuid")),
            None => format!("r.tenant_key = {}", self.bind(tenant_key(tenant), "uuid")),
        }];
        if let Some(agent) = agent {
            all.push(format!("r.agent = {}", self.bind(kept(agent).into_owned(), "text")));
        }
        all.join(" AND ")
    }

    /// What holds for the records `r` that fulfil this filter.
    pub(super) fn fulfilling(&mut self, filter: &Filter) -> String {
        let mut all = vec!["true".to_owned()];
        for condition in &filter.all {
            let field = &condition.field;
            let marks = |values: &[serde_json::Value]| -> Vec<Digest> {
                values.iter().filter_map(|value| marks::of_value(field, value)).collect()
            };
            all.push(match &condition.test {
                Predicate::AnyOf(values) => format!("r.marks && {}", self.bind(marks(values), "uuid[]")),
                Predicate::Not(values) => format!("NOT r.marks && {}", self.bind(marks(values), "uuid[]")),
                Predicate::AtLeast(least) => self.number(field, ">=", *least),
                Predicate::Below(limit) => self.number(field, "<", *limit),
                Predicate::Missing => {
                    format!("NOT {} = ANY (r.marks)", self.bind(marks::there(field), "uuid"))
                }
                // A test of a newer core: nothing fulfils it.
                _ => "false".into(),
            });
        }
        all.join(" AND ")
    }

    fn number(&mut self, field: &str, compared: &str, with: f64) -> String {
        let (field, with) = (self.bind(marks::number(field), "uuid"), self.bind(with, "float8"));
        format!(
            "EXISTS (SELECT FROM unnest(r.number_keys, r.numbers) AS it (key, number) \
             WHERE it.key = {field} AND it.number {compared} {with})"
        )
    }
}

/// Of a tenant.
pub(super) fn tenant_key(tenant: &str) -> Digest {
    Digest::of("tenant", &[tenant])
}

/// Of a session of a tenant.
pub(super) fn session_key(tenant: &str, session: &str) -> Digest {
    Digest::of("session", &[tenant, session])
}

/// Of exactly this scope.
pub(super) fn scope_key(scope: &MemoryScope) -> Digest {
    let MemoryScope { tenant, agent, session } = scope;
    let named = |name: &Option<String>| if name.is_some() { "named" } else { "" };
    let (is_agent, is_session) = (named(agent), named(session));
    let [agent, session] = [agent, session].map(|name| name.as_deref().unwrap_or_default());
    Digest::of("scope", &[tenant, is_agent, agent, is_session, session])
}

/// Of a record.
pub(super) fn record_key(tenant: &str, id: &str) -> Digest {
    Digest::of("record", &[tenant, id])
}

/// Of a word of a tenant.
pub(super) fn word_key(tenant: &str, word: &str) -> Digest {
    Digest::of("word", &[tenant, word])
}
