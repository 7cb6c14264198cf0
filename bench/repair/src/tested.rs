//! Whether code passes the tests of its task.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{EffectClass, EffectContext, RunContext, Tool, ToolError, ToolSpec, async_trait, code_in};
use agentic_reflect::ToolReflector;
use agentic_tools::builtin::{CodeLimits, RunCode};
use serde_json::{Value, json};

use crate::Failed;
use crate::tasks::{Task, Test};

/// What the tests print when all of them held. They read it before the code that they test begins, and that finds it nowhere.
const MARK: &str = "all of it held: 4c1d6e0f";

/// `run_code` with tests as its program. What ends before its tests have come to theirs has failed, whatever its exit code:
/// `sys.exit(0)` passes nothing.
#[derive(Debug)]
struct Marked(Arc<dyn Tool>);

#[async_trait]
impl Tool for Marked {
    fn spec(&self) -> &Arc<ToolSpec> {
        self.0.spec()
    }

    fn effect(&self, arguments: &Value) -> EffectClass {
        self.0.effect(arguments)
    }

    async fn call(&self, arguments: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        let mut given = self.0.call(arguments, ecx).await?;
        let printed = given["stdout"].as_str().unwrap_or_default().trim_end();
        match printed.strip_suffix(MARK).map(str::to_owned) {
            Some(rest) => given["stdout"] = rest.into(),
            None if given["exit_code"] == 0 => {
                given["exit_code"] = 1.into();
                given["stderr"] = "the program ended before its tests did; it must not exit\n".into();
            }
            None => {}
        }
        Ok(given)
    }
}

/// The sandbox in which tests run.
///
/// # Errors
/// If there is none here, or no Python: in one line what is missing.
pub(crate) async fn sandbox() -> Result<Arc<dyn Tool>, Failed> {
    // Processor time is the same on a busy machine.
    let limits = CodeLimits::default().with_cpu(Duration::from_secs(5)).with_wall(Duration::from_secs(60));
    let tool = RunCode::new().with_limits(limits);
    tool.ready().await.map_err(|error| format!("the code can't be tested here: {error}"))?;
    Ok(Arc::new(Marked(Arc::new(tool))))
}

/// What is wrong with an answer, by the tests that are told.
pub(crate) fn reflector(sandbox: &Arc<dyn Tool>, task: &'static Task) -> ToolReflector {
    ToolReflector::new(sandbox.clone(), move |_, answer| call(task, task.tests, answer))
}

/// Whether the code in an answer passes these tests.
///
/// # Errors
/// If the sandbox does not run it.
pub(crate) async fn passes(
    sandbox: &Arc<dyn Tool>,
    task: &Task,
    tests: &[Test],
    answer: &str,
    cx: &RunContext,
) -> Result<bool, Failed> {
    Ok(cx.tool(sandbox, call(task, tests, answer)).await?["exit_code"] == 0)
}

/// The arguments of `run_code`: the code is a module of its own, which the tests import.
fn call(task: &Task, tests: &[Test], answer: &str) -> Value {
    let mut program = String::from("import sys\nmark, failed = sys.stdin.read(), []\n");
    program.push_str(&format!("from solution import {}\n", task.name()));
    for (call, wanted) in tests {
        program.push_str(&format!(
            "given = {call}\nif given != ({wanted}):\n    failed.append({call:?} + ' gives ' + repr(given) + ', and has to give ' + {wanted:?})\n"
        ));
    }
    program.push_str("if failed:\n    sys.exit('\\n'.join(failed))\nprint(mark)\n");
    json!({"code": program, "stdin": MARK, "files": {"solution.py": code_in(answer)}})
}

#[cfg(test)]
mod tests {
    use agentic_runtime::RunContextExt as _;

    use super::*;
    use crate::tasks::TASKS;

    const REFERENCES: &str = include_str!("references.py");

    async fn sandbox_or_skip() -> Option<Arc<dyn Tool>> {
        match sandbox().await {
            Ok(sandbox) => Some(sandbox),
            Err(error) => {
                eprintln!("skipped: {error}");
                None
            }
        }
    }

    async fn all(sandbox: &Arc<dyn Tool>, task: &Task, answer: &str) -> (bool, bool) {
        let cx = RunContext::ephemeral();
        let told = passes(sandbox, task, task.tests, answer, &cx).await.unwrap();
        (told, passes(sandbox, task, task.held_out, answer, &cx).await.unwrap())
    }

    #[tokio::test]
    async fn each_task_is_solved_by_its_reference_and_by_nothing_that_only_ends_well() {
        let Some(sandbox) = sandbox_or_skip().await else { return };
        for task in &TASKS {
            assert_eq!(all(&sandbox, task, REFERENCES).await, (true, true), "{}", task.signature);
            let nothing = format!("def {}:\n    return None", task.signature);
            assert_eq!(all(&sandbox, task, &nothing).await, (false, false), "{}", task.signature);
        }
        for wrong in ["", "I would write a loop.", "import sys\nsys.exit(0)", "import os\nos._exit(0)"] {
            assert_eq!(all(&sandbox, &TASKS[0], wrong).await, (false, false), "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_mark_is_not_for_those_who_look_for_it() {
        let Some(sandbox) = sandbox_or_skip().await else { return };
        let looks = "import sys\nprint(open('/sandbox/main.py').read(), sys.stdin.read())\nsys.exit(0)";
        assert_eq!(all(&sandbox, &TASKS[0], looks).await, (false, false));
        let guesses = "def count_vowels(text):\n    import os\n    print('all of it held')\n    os._exit(0)";
        assert_eq!(all(&sandbox, &TASKS[0], guesses).await, (false, false));
    }

    #[tokio::test]
    async fn what_fails_is_told_in_words_that_help() {
        let Some(sandbox) = sandbox_or_skip().await else { return };
        let cx = RunContext::ephemeral();
        let wrong =
            "```python\ndef count_vowels(text):\n    return sum(letter in 'aeiou' for letter in text)\n```";
        let given = cx.tool(&sandbox, call(&TASKS[0], TASKS[0].tests, wrong)).await.unwrap();
        let told = given["stderr"].as_str().unwrap();
        assert!(told.contains("count_vowels('AEIOU xyz') gives 0, and has to give 5"), "{told}");
    }
}
