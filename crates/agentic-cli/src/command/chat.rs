//! `agentic chat`: a conversation, one line at a time.

use std::io::IsTerminal as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentic::core::{Cancellation, Goal, Messages, Spend};
use agentic::memory::Conversation;
use agentic::runtime::RunContextExt as _;
use agentic::{Agent, AgentError, Ephemeral, Outcome, RunContext};
use async_trait::async_trait;

use crate::agents::{self, AnyAgent, Worker};
use crate::args::Chat;
use crate::care::CareRecipe;
use crate::config::Settings;
use crate::exit::{self, Failure};
use crate::interrupt;
use crate::render::{self, Live};

pub(crate) async fn chat(args: Chat, interrupt: &Cancellation) -> Result<u8, Failure> {
    let settings = Settings::of(args.agent)?;
    let (Worker { agent, memories, .. }, _) = interrupt::unless_raised(
        interrupt,
        agents::open(&settings, agents::tools(&settings)?, None, CareRecipe::default()),
    )
    .await?;
    let asks = std::io::stdin().is_terminal();
    if asks {
        render::note(&format!("{} — an empty line or Ctrl-D ends the conversation", settings.model));
    }
    let mut conversation = Messages::new();
    // What is said and recalled here is in the messages, and need not be recalled.
    let here = Conversation::new(RunContext::ephemeral().next_id().to_string());
    let mut code = exit::OK;
    // What was answered for always holds for the whole conversation.
    let mut rules = settings.rules.clone();
    // Budgets are for the whole conversation; the time is that of the runs, not of the person who reads and types.
    let (mut spent, mut time) = (Spend::default(), Duration::ZERO);
    loop {
        if asks {
            render::question("> ");
        }
        let line = interrupt::unless_raised(interrupt, async { Ok(crate::approve::line().await) }).await?;
        let Some(line) = line else { return Ok(code) };
        match line.trim() {
            // Off a terminal, lines without words are just skipped.
            "" if asks => return Ok(code),
            "" => continue,
            "/exit" | "/quit" => return Ok(code),
            "/help" => {
                render::note("say what is to be done; an empty line, /quit or Ctrl-D ends the conversation");
                continue;
            }
            _ => {}
        }
        if settings.timeout.is_some_and(|limit| time >= limit) {
            return Err(Failure::limit(
                "the time for this conversation is used up; allow more with --timeout",
            ));
        }
        let said = Said { agent: agent.clone(), before: conversation.clone(), after: Mutex::default() };
        let said = Arc::new(said);
        let turn: Arc<dyn Agent> = match &memories {
            Some(memories) => Arc::new(memories.around(said.clone(), Some(here.clone()))),
            None => said.clone(),
        };
        let live = Arc::new(Live::new(None));
        let run = rules.iter().cloned().fold(Ephemeral::new(), Ephemeral::rule);
        let run = run.budget(agents::budget(&settings, &spent, time));
        let run = agents::approvals(run, settings.yes).cancellation(interrupt.clone()).events(live.clone());
        let report = run.run(&turn, Goal::new(line.trim())).await;
        live.finish(&report);
        code = exit::code(&report);
        if interrupt.is_cancelled() {
            return Ok(code);
        }
        rules.extend(live.rules());
        spent += report.spend;
        time = time.saturating_add(live.time());
        if let Some(after) = said.after.lock().unwrap_or_else(PoisonError::into_inner).take() {
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
