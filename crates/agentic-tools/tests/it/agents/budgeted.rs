//! Budgets of agents: what is left of their work, and who pays.

use std::sync::Arc;

use agentic_core::{
    Agent, AgentError, Budget, Budgeted, ChatModel, NanoUsd, Part, Price, Reason, RunContext, ScopedTool,
    StepError, Tool, ToolCall, ToolSpec, Usage, WhenExhausted, async_trait,
};
use agentic_runtime::{Ephemeral, RunError, RunReport};
use agentic_testkit::{FakeSources, ScriptedModel};
use agentic_tools::FunctionCallingAgent;
use serde_json::{Value, json};

use super::Canned;

/// A model with a price of so many dollars for a million tokens of any kind.
fn priced(name: &str, dollars: f64) -> ScriptedModel {
    let each = NanoUsd::from_dollars(dollars).unwrap();
    ScriptedModel::new().with_info(|info| {
        info.id = name.into();
        info.price = Some(Price { input: each, cached_input: each, output: each });
        info.max_output_tokens = Some(100);
    })
}

/// An answer takes 100 tokens.
fn usage() -> Usage {
    Usage { input_tokens: 60, output_tokens: 40, ..Usage::default() }
}

/// Says what it is about to do, and does it.
fn looks(model: ScriptedModel) -> ScriptedModel {
    let call = ToolCall::new("call_1", "tool", &json!({"input": "x"}));
    model.answers(vec![Part::Text { text: "I look.".into() }, Part::ToolCall(call)]).using(usage())
}

fn agent(model: impl ChatModel, name: &str) -> FunctionCallingAgent {
    let tool = Canned::new("tool", [json!("y")]);
    let builder = FunctionCallingAgent::builder().model(model).tool(tool).name(name).instructions("Work.");
    builder.build().unwrap()
}

async fn runs(agent: &dyn Agent, budget: Budget) -> RunReport {
    Ephemeral::new().sources(FakeSources::seeded(1)).budget(budget).run(agent, "go").await
}

#[tokio::test(start_paused = true)]
async fn who_is_stopped_keeps_what_it_has() {
    let worker = || agent(looks(priced("test:large", 10.0)), "worker");
    let said: [Box<dyn Agent>; 2] =
        [Box::new(worker()), Box::new(Budgeted::new(worker(), WhenExhausted::stop()))];
    for agent in said {
        let report = runs(&*agent, Budget::unlimited().with_model_calls(1)).await;
        assert_eq!(report.reason, Some(Reason::BudgetExhausted));
        let Err(RunError::Agent(AgentError::Budget { partial, .. })) = report.result else {
            panic!("{report:?}")
        };
        assert_eq!((partial.text.as_str(), partial.spend), ("I look.", report.spend));
        assert_eq!(partial.spend.cost, NanoUsd(1_000_000));
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_degraded_pays_each_model_by_its_price() {
    // So much that nothing is left for a second turn of the large one.
    let much = Usage { input_tokens: 500, output_tokens: 100, ..Usage::default() };
    let large = looks(priced("test:large", 10.0)).using(much);
    let small = priced("test:small", 1.0).says("Done.").using(usage());
    let agent = Budgeted::new(agent(large, "worker"), WhenExhausted::degrade_to(small.clone()));
    let report = runs(&agent, Budget::unlimited().with_cost(NanoUsd(9_000_000))).await;
    let outcome = report.result.unwrap();
    assert_eq!(outcome.text(), "Done.");
    assert_eq!(small.requests().len(), 1, "the second turn is the small one's");
    assert_eq!(outcome.spend.cost, NanoUsd(6_000_000 + 100_000));
    assert_eq!(outcome.spend, report.spend, "what the agent says is what the ledger has");
}

#[tokio::test(start_paused = true)]
async fn what_a_called_agent_spends_reaches_the_ledger_and_the_outcome_of_its_caller() {
    let helper = looks(priced("test:helper", 1.0)).says("42").using(usage());
    let model = priced("test:large", 10.0).calls("helper", json!({"goal": "help"})).using(usage());
    let model = model.says("It is 42.").using(usage());
    let agent = FunctionCallingAgent::builder().model(model).agent(agent(helper, "helper"), "Helps.").build();
    let report = runs(&agent.unwrap(), Budget::unlimited()).await;
    let outcome = report.result.unwrap();
    assert_eq!(outcome.text(), "It is 42.");
    assert_eq!(outcome.spend, report.spend, "what the agent says is what the ledger has");
    assert_eq!(report.spend.cost, NanoUsd(2 * 1_000_000 + 2 * 100_000));
    let calls = (report.spend.model_calls, report.spend.tool_calls, report.spend.turns);
    assert_eq!((calls, report.spend.tokens()), ((4, 1, 4), 400));
}

#[tokio::test(start_paused = true)]
async fn a_called_agent_is_stopped_by_the_budget_of_its_caller() {
    let helper = looks(priced("test:helper", 1.0)).says("never").using(usage());
    let model = priced("test:large", 10.0).calls("helper", json!({"goal": "help"})).using(usage());
    let agent = FunctionCallingAgent::builder().model(model).agent(agent(helper.clone(), "helper"), "Helps.");
    let report = runs(&agent.build().unwrap(), Budget::unlimited().with_model_calls(2)).await;
    let Err(RunError::Agent(AgentError::Budget { partial, .. })) = report.result else {
        panic!("{report:?}")
    };
    assert_eq!(partial.spend, report.spend, "the stopped one's part is in it");
    assert_eq!(helper.left(), 1);
}

/// A tool of steps, which sets a call apart for itself and needs more.
#[derive(Clone, Debug)]
struct Sparing(Canned);

#[async_trait]
impl ScopedTool for Sparing {
    fn spec(&self) -> &Arc<ToolSpec> {
        self.0.spec()
    }

    async fn call(&self, arguments: Value, cx: &RunContext) -> Result<Value, StepError> {
        let tool: Arc<dyn Tool> = Arc::new(self.0.clone());
        let part = cx.limited("part", Budget::unlimited().with_tool_calls(1));
        part.tool(&tool, arguments.clone()).await?;
        part.tool(&tool, arguments).await
    }
}

#[tokio::test]
async fn what_a_tool_has_set_apart_for_itself_is_not_the_end_of_its_caller() {
    let model = looks(ScriptedModel::new()).says("It has not enough.").using(usage());
    let tool = Sparing(Canned::new("tool", [json!("y"), json!("never")]));
    let agent = FunctionCallingAgent::builder().model(model.clone()).scoped_tool(tool).build().unwrap();
    let report = Ephemeral::new().run(&agent, "look").await;
    let outcome = report.result.unwrap();
    assert_eq!(outcome.text(), "It has not enough.");
    let read = format!("{:?}", model.requests()[1].messages.last());
    assert!(read.contains("budget of 1 tool calls for") && read.contains("give it more"), "{read}");
    assert_eq!(
        (outcome.spend.tool_calls, report.spend.tool_calls),
        (1, 1),
        "what its steps took is the agent's too"
    );
}
