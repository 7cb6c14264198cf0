//! `agentic chat`: a conversation, one line at a time.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};

use agentic::core::{Goal, Messages};
use agentic::{Agent, AgentError, Outcome, RunContext};
use async_trait::async_trait;

use crate::agents::{self, AnyAgent};
use crate::args::Chat;
use crate::command::run::attend;
use crate::config::Settings;
use crate::exit::{self, Failure};
use crate::render::{self, Live};

pub(crate) async fn chat(args: Chat) -> Result<u8, Failure> {
    let settings = Settings::of(args.agent)?;
    let agent = agents::open(&settings).await?;
    let asks = std::io::stdin().is_terminal();
    if asks {
        render::note(&format!("{} — an empty line or Ctrl-D ends the conversation", settings.model));
    }
    let mut conversation = Messages::new();
    let mut code = exit::OK;
    loop {
        if asks {
            render::question("> ");
        }
        let line = crate::approve::line().await;
        if line.trim().is_empty() {
            return Ok(code);
        }
        let said = Said { agent: agent.clone(), before: conversation.clone(), after: Mutex::default() };
        let live = Arc::new(Live::new());
        let report = attend(agents::run(&settings), &said, Goal::new(line.trim()), live.clone()).await;
        live.finish(&report);
        code = exit::code(&report);
        if let Some(after) = said.after.into_inner().unwrap_or_else(PoisonError::into_inner) {
            conversation = after;
        }
    }
}

/// One thing said in a conversation: what was before, and what is after.
#[derive(Debug)]
struct Said {
    agent: AnyAgent,
    before: Messages,
    after: Mutex<Option<Messages>>,
}

#[async_trait]
impl Agent for Said {
    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let mut conversation = self.before.clone();
        let outcome = self.agent.reply(&mut conversation, goal, cx).await?;
        *self.after.lock().unwrap_or_else(PoisonError::into_inner) = Some(conversation);
        Ok(outcome)
    }
}
