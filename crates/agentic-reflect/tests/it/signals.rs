//! What something outside says.

use std::sync::Arc;

use agentic_core::{
    EffectClass, EffectContext, Goal, GoalVerdict, Reflector as _, RunContext, Tool, ToolError,
    ToolErrorKind, ToolPolicy, ToolSpec, async_trait,
};
use agentic_reflect::{LlmReflector, SchemaReflector, SelfCorrectionAgent, ToolReflector};
use agentic_runtime::{ApproveAll, DenyAll, Ephemeral, RunContextExt as _};
use agentic_testkit::ScriptedModel;
use serde_json::{Value, json};

use crate::actors::{Gives, answer};

/// Runs "code": what says `right` ends with 0, what says `broken` does not run at all, what says `forever` never ends.
#[derive(Debug)]
struct Runs(Arc<ToolSpec>);

#[async_trait]
impl Tool for Runs {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.0
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, arguments: Value, _: EffectContext) -> Result<Value, ToolError> {
        match arguments["code"].as_str().unwrap() {
            code if code.contains("broken") => Err(ToolError::failed("no interpreter")),
            code if code.contains("forever") => {
                Err(ToolError::new(ToolErrorKind::TimedOut, "stopped after 10 s"))
            }
            code if code.contains("killed") => Ok(json!({"exit_code": null, "stderr": "out of memory"})),
            code => {
                let code = i32::from(!code.contains("right"));
                Ok(json!({"exit_code": code, "stdout": "1 test\n", "stderr": "AssertionError: 5 != 4\n"}))
            }
        }
    }
}

fn tests() -> ToolReflector {
    let spec = ToolSpec::new("run", "Runs code.", json!({"type": "object"}));
    ToolReflector::new(Arc::new(Runs(Arc::new(spec))), |_, code| json!({"code": format!("{code}\ntests")}))
}

#[tokio::test]
async fn an_exit_code_says_whether_to_try_again_and_the_output_why() {
    let reflect =
        async |code| tests().reflect(&Goal::new("g"), code, "", &RunContext::ephemeral()).await.unwrap();
    let wrong = reflect("wrong").await;
    assert!(wrong.should_retry && !wrong.made_progress);
    assert_eq!(wrong.improvement.unwrap(), "`run` says: 1 test\nAssertionError: 5 != 4");
    let right = reflect("right").await;
    assert_eq!((right.should_retry, right.made_progress, right.improvement), (false, true, None));
    assert_eq!(reflect("killed").await.improvement.unwrap(), "`run` says: out of memory");
    assert!(reflect("broken").await.improvement.unwrap().contains("no interpreter"));
    let forever = reflect("forever").await;
    assert!(forever.should_retry && forever.improvement.unwrap().contains("stopped after 10 s"));
}

#[tokio::test]
async fn a_program_that_ends_itself_passes_no_tests_where_a_mark_is_wanted() {
    let reflect = async |reflector: ToolReflector| {
        reflector.reflect(&Goal::new("g"), "right", "", &RunContext::ephemeral()).await.unwrap().should_retry
    };
    assert!(!reflect(tests().gives(json!({"exit_code": 0, "stdout": "1 test\n"}))).await);
    assert!(reflect(tests().gives(json!({"exit_code": 0, "stdout": "passed\n"}))).await);
}

#[tokio::test]
async fn a_tool_that_wants_approval_is_asked_for() {
    let spec = ToolSpec::new("run", "Runs code.", json!({"type": "object"}))
        .with_policy(ToolPolicy::default().ask_first());
    let tool: Arc<dyn Tool> = Arc::new(Runs(Arc::new(spec)));
    let asking = ToolReflector::new(tool, |_, code| json!({"code": code}));
    let reflects = async |run: Ephemeral| asking.reflect(&Goal::new("g"), "right", "", &run.context()).await;
    assert!(!reflects(Ephemeral::new().approver(ApproveAll)).await.unwrap().should_retry);
    let error = reflects(Ephemeral::new().approver(DenyAll)).await.unwrap_err();
    assert!(error.to_string().contains("not allowed: "), "{error}");
}

#[tokio::test]
async fn arguments_that_are_none_of_the_tool_are_an_error() {
    let parameters =
        json!({"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]});
    let tool: Arc<dyn Tool> = Arc::new(Runs(Arc::new(ToolSpec::new("run", "Runs code.", parameters))));
    let wrong = ToolReflector::new(tool, |_, code| json!({"cod": code}));
    let error = wrong.reflect(&Goal::new("g"), "right", "", &RunContext::ephemeral()).await.unwrap_err();
    assert!(error.to_string().contains("these are no arguments of `run`"), "{error}");
}

#[tokio::test]
async fn a_schema_says_what_is_wrong() {
    let schema = json!({"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}});
    let reflector = SchemaReflector::new(&schema).unwrap();
    let reflect =
        async |text| reflector.reflect(&Goal::new("g"), text, "", &RunContext::ephemeral()).await.unwrap();
    assert!(!reflect("```json\n{\"city\": \"Oslo\"}\n```").await.should_retry);
    let wrong = reflect("{\"town\": \"Oslo\"}").await;
    assert!(wrong.should_retry && wrong.assessment.contains("city"), "{wrong:?}");
    assert!(SchemaReflector::new(&json!({"type": 7})).is_err());
}

#[tokio::test]
async fn a_model_reflects_on_what_the_tests_say_and_only_when_they_fail() {
    let reflection = json!({
        "assessment": "it adds one", "made_progress": true, "should_retry": false, "improvement": "do not add one"
    });
    let model = ScriptedModel::new().says(reflection.to_string());
    let coder = Gives::new([answer("wrong"), answer("right")]);
    let agent = SelfCorrectionAgent::new(coder.clone(), LlmReflector::new(model.clone()).knowing(tests()));
    let corrected = agent.correct(Goal::new("add"), &RunContext::ephemeral()).await;
    let outcome = corrected.result.unwrap();
    assert_eq!((outcome.output.as_str(), outcome.verdict), (Some("right"), GoalVerdict::Unverified));
    assert_eq!(model.left(), 0);
    let asked = model.requests()[0].messages.last().unwrap().text();
    assert!(asked.contains("<action>\nwrong\n") && asked.contains("AssertionError: 5 != 4"), "{asked}");
    let first = corrected.tries[0].reflection.clone().unwrap();
    assert!(first.should_retry, "the tests decide, not the model");
    assert!(coder.asked()[1].text.contains("do not add one"));
}

#[tokio::test]
async fn a_model_that_writes_no_reflection_is_asked_again_and_then_given_up() {
    let good = json!({"assessment": "fine", "made_progress": true, "should_retry": false, "improvement": ""});
    let model = ScriptedModel::new().says("Well done!").says(good.to_string());
    let reflect = |model| async move {
        LlmReflector::new(model)
            .attempts(2)
            .reflect(&Goal::new("g"), "a", "b", &RunContext::ephemeral())
            .await
    };
    let reflection = reflect(model).await.unwrap();
    assert_eq!((reflection.assessment.as_str(), reflection.improvement), ("fine", None));
    let error = reflect(ScriptedModel::new().says("Well done!").says("Really!")).await.unwrap_err();
    assert!(error.to_string().contains("no valid value in 2 attempts"), "{error}");
}
