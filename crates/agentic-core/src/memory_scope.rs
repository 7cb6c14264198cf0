//! Whose memories they are.

use std::fmt;

use serde::{Deserialize, Serialize};

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
        assert_eq!(anna.session("monday").to_string(), "anna/*/monday");
    }
}
