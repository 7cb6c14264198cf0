//! An agent that calls one tool, without a model.

use std::sync::Arc;

use agentic_core::{Agent as _, AgentError, Goal, Reason, StepError, ToolErrorKind, ToolPolicy};
use agentic_runtime::{ApproveAll, DenyAll, Ephemeral};
use agentic_tools::ToolAgent;
use serde_json::json;

use super::Canned;
use crate::support::context;

#[tokio::test]
async fn a_tool_is_called_with_the_inputs_of_the_goal() {
    let tool = Canned::new("tool", [json!({"rows": [1, 2]})]);
    let agent = ToolAgent::new(Arc::new(tool.clone())).unwrap();
    let goal = Goal::new("look").with_input("input", "x").with_input("other", 1);
    let outcome = agent.run(goal, &context()).await.unwrap();
    assert_eq!((agent.name(), outcome.output), ("tool", json!({"rows": [1, 2]})));
    assert_eq!((outcome.spend.tool_calls, tool.calls()), (1, vec![json!({"input": "x"})]));
}

#[tokio::test]
async fn what_a_model_could_not_do_it_can_not_do_either() {
    let tool = Canned::new("tool", [json!("y"), json!("z")]);
    let agent = ToolAgent::new(Arc::new(tool.clone())).unwrap();
    let error = agent.run(Goal::new("look").with_input("input", 7), &context()).await.unwrap_err();
    assert!(
        matches!(&error, AgentError::Step { error: StepError::Tool(error), .. } if error.kind() == ToolErrorKind::InvalidArguments),
        "{error:?}"
    );
    let mut policy = ToolPolicy::default();
    policy.approval = true;
    let asks = ToolAgent::new(Arc::new(tool.clone().with_policy(policy))).unwrap();
    let goal = || Goal::new("look").with_input("input", "x");
    let denied = Ephemeral::new().approver(DenyAll).run(&asks, goal()).await;
    assert_eq!((denied.reason, tool.calls().len()), (Some(Reason::ToolError), 0));
    let allowed = Ephemeral::new().approver(ApproveAll).run(&asks, goal()).await;
    assert_eq!((allowed.result.unwrap().output, tool.calls().len()), (json!("y"), 1));
}
