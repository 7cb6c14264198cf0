//! Whose memories they are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Whose memory it is: a tenant's, of one of its agents, from one of their sessions.
///
/// Every entry has one and no query can be made without one. A query sees the entries of its tenant, and where it names an
/// agent or a session, of that one alone. So tenants never see each other's memories.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MemoryScope {
    /// Who it belongs to: a customer, a user, a project.
    pub tenant: String,
    /// The agent, if it is one's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The session that it is from: a conversation, a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl MemoryScope {
    /// All that belongs to this tenant.
    pub fn of_tenant(tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), agent: None, session: None }
    }

    /// Of it, what is this agent's.
    #[must_use]
    pub fn agent(mut self, agent: impl Into<String>) -> Self {
        self.agent = Some(agent.into());
        self
    }

    /// Of it, what is from this session.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Whether who asks in this scope sees what is in that one.
    pub fn sees(&self, other: &Self) -> bool {
        let within = |mine: &Option<String>, theirs: &Option<String>| mine.is_none() || mine == theirs;
        self.tenant == other.tenant
            && within(&self.agent, &other.agent)
            && within(&self.session, &other.session)
    }
}

/// Reads what [`Display`](fmt::Display) writes: `tenant`, `tenant/agent`, `tenant/agent/session`; `*` for what is not named.
impl FromStr for MemoryScope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        let mut names = text.split('/');
        let tenant = names.next().filter(|name| !name.is_empty() && *name != "*");
        let mut named = || match names.next() {
            None | Some("*") => Some(None),
            Some("") => None,
            Some(name) => Some(Some(name.to_owned())),
        };
        match (tenant, named(), named(), names.next()) {
            (Some(tenant), Some(agent), Some(session), None) => {
                Ok(Self { tenant: tenant.to_owned(), agent, session })
            }
            _ => Err(InvalidScope(text.to_owned())),
        }
    }
}

/// A text that names no scope.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no scope; write TENANT, TENANT/AGENT or TENANT/AGENT/SESSION, with * for any agent")]
pub struct InvalidScope(String);

/// `tenant/agent/session`, with `*` for what is not named.
impl fmt::Display for MemoryScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_any = |name: &Option<String>| name.clone().unwrap_or_else(|| "*".into());
        write!(f, "{}/{}/{}", self.tenant, or_any(&self.agent), or_any(&self.session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_sees_what_is_within_it() {
        let (anna, ben) = (MemoryScope::of_tenant("anna"), MemoryScope::of_tenant("ben"));
        let monday = anna.clone().agent("clerk").session("monday");
        assert!(anna.sees(&monday) && anna.clone().session("monday").sees(&monday));
        assert!(!monday.sees(&anna), "what is no session's is not this session's");
        assert!(!anna.clone().agent("cook").sees(&monday) && !ben.sees(&monday));
        assert_eq!(monday.to_string(), "anna/clerk/monday");
        assert_eq!(anna.clone().session("monday").to_string(), "anna/*/monday");
    }

    #[test]
    fn scopes_are_read_as_they_are_written() {
        let anna = MemoryScope::of_tenant("anna");
        for scope in [anna.clone(), anna.clone().agent("clerk"), anna.clone().session("monday")] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        assert_eq!("anna".parse(), Ok(anna.clone()));
        assert_eq!("anna/clerk".parse(), Ok(anna.agent("clerk")));
        for text in ["", "*", "/a", "a//b", "a/b/c/d"] {
            assert_eq!(text.parse::<MemoryScope>(), Err(InvalidScope(text.into())));
        }
    }
}
