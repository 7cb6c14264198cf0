//! Rules in runs that are not recorded.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::{Approval, ApprovalRule, Decision, EventKind, RunContext, StepError, StepId, async_trait};
use agentic_runtime::{Answer, ApproveAll, Approver, Ephemeral};
use agentic_testkit::EventLog;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{agent, run};

/// Asks for a tool with each of these arguments, all at once.
pub(crate) async fn ask(cx: &RunContext, tool: &str, each: &[Value]) -> Result<Vec<Decision>, StepError> {
    let asked = each.iter().enumerate().map(|(n, arguments)| {
        cx.keyed("ask", format!("{tool}{n}")).approve(Approval::of_tool(tool, arguments.clone()))
    });
    join_all(asked.collect::<Vec<_>>()).await.into_iter().collect()
}

pub(crate) fn no(reason: &str) -> Decision {
    Decision::Deny { reason: reason.into() }
}

/// Gives these answers, one after the other, and notes what it was asked.
#[derive(Clone, Debug, Default)]
struct Person(Arc<Mutex<(Vec<Answer>, Vec<Approval>)>>);

impl Person {
    fn answering(answers: impl IntoIterator<Item = Answer>) -> Self {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        Self(Arc::new(Mutex::new((answers, Vec::new()))))
    }

    fn asked(&self) -> Vec<Approval> {
        self.0.lock().unwrap().1.clone()
    }
}

#[async_trait]
impl Approver for Person {
    async fn decide(&self, _: &StepId, approval: &Approval) -> Answer {
        let answer = {
            let mut noted = self.0.lock().unwrap();
            noted.1.push(approval.clone());
            noted.0.pop()
        };
        match answer {
            Some(answer) => answer,
            // It thinks for ever.
            None => std::future::pending().await,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_answers_before_anybody_is_asked() {
    let (ephemeral, log) = run();
    let (ls, person) = (json!({"command": "ls"}), Person::answering([no("not that one").into()]));
    let rules = [
        ApprovalRule::allow("shell").exactly(ls.as_object().unwrap().clone()),
        ApprovalRule::deny("mail", "no mail"),
    ];
    let ephemeral = rules.iter().cloned().fold(ephemeral, Ephemeral::rule).approver(person.clone());
    let asks = agent(move |cx| {
        let ls = ls.clone();
        async move {
            let mut said = ask(&cx, "shell", &[ls, json!({"command": "rm"})]).await?;
            said.extend(ask(&cx, "mail", &[json!({})]).await?);
            Ok(format!("{said:?}"))
        }
    });
    let report = ephemeral.run(&asks, "go").await;
    let expected = [Decision::Approve, no("not that one"), no("no mail")];
    assert_eq!(report.result.unwrap().text(), format!("{expected:?}"));
    assert_eq!(person.asked(), [Approval::of_tool("shell", json!({"command": "rm"}))]);
    log.assert_gap_free();
    let kinds = log.kinds();
    assert!(matches!(&kinds[0], EventKind::RunStarted { rules: told, .. } if *told == rules), "{kinds:?}");
    let mut by: Vec<_> = kinds
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::ApprovalDecided { by, .. } => Some(by),
            _ => None,
        })
        .collect();
    by.sort();
    let first = r#"rule: allow `shell` with exactly {"command":"ls"}"#;
    assert_eq!(by, [None, Some(first.into()), Some("rule: deny `mail`: no mail".into())]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_bring_a_rule_for_what_is_open_and_what_comes() {
    let (ephemeral, log) = run();
    let first = no("only this");
    let rule = ApprovalRule::allow("shell");
    let person = Person::answering([Answer { decision: first.clone(), rule: Some(rule.clone()) }]);
    let asks = agent(|cx| async move {
        let open = ask(&cx.scope("open"), "shell", &[json!({"n": 1}), json!({"n": 2}), json!({})]).await?;
        let later = ask(&cx.scope("later"), "shell", &[json!({"n": 4})]).await?;
        Ok(format!("{open:?} {later:?}"))
    });
    let report = ephemeral.approver(person.clone()).run(&asks, "go").await;
    let yes = Decision::Approve;
    let expected = ([first, yes.clone(), yes.clone()], [yes]);
    assert_eq!(report.result.unwrap().text(), format!("{:?} {:?}", expected.0, expected.1));
    assert!(person.asked().iter().all(|asked| asked.arguments != json!({"n": 4})), "later ones never");
    log.assert_gap_free();
    let given =
        log.kinds().into_iter().filter(|kind| *kind == EventKind::RuleGiven { rule: rule.clone(), by: None });
    assert_eq!(given.count(), 1);
}

/// A person answers a question that another one's rule has answered: neither the answer nor its rule counts any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_comes_with_an_answer_that_counts_and_no_other() {
    #[derive(Debug)]
    struct AtOnce(Arc<EventLog>);
    #[async_trait]
    impl Approver for AtOnce {
        async fn decide(&self, _: &StepId, asked: &Approval) -> Answer {
            if asked.tool.as_deref() == Some("mail") {
                return no("not by a rule").into();
            }
            if asked.arguments == json!({"n": 1}) {
                let rule = Some(ApprovalRule::deny("shell", "enough"));
                return Answer { decision: Decision::Approve, rule };
            }
            // Not to be stopped while it looks, so it answers in any case.
            let is_given = |kind: &EventKind| matches!(kind, EventKind::RuleGiven { .. });
            while !self.0.kinds().iter().any(is_given) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Answer { decision: Decision::Approve, rule: Some(ApprovalRule::allow("mail")) }
        }
    }
    let log = Arc::new(EventLog::new());
    let cx = Ephemeral::new().events(log.clone()).approver(AtOnce(log.clone())).context();
    let said = ask(&cx, "shell", &[json!({"n": 1}), json!({"n": 2})]).await.unwrap();
    assert_eq!(said, [Decision::Approve, no("enough")]);
    assert_eq!(ask(&cx, "mail", &[json!({})]).await.unwrap(), [no("not by a rule")]);
}

#[tokio::test(start_paused = true)]
async fn no_rule_answers_what_is_no_tools() {
    let cx = Ephemeral::new().rule(ApprovalRule::allow("shell")).context();
    let asked = Approval::new("Call `shell` with {}?");
    assert_eq!(cx.approve(asked).await.unwrap(), no("nobody is there to approve it"));
    assert_eq!(ask(&cx, "shell", &[json!({})]).await.unwrap(), [Decision::Approve]);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_denies_holds_where_everything_is_approved() {
    let rules = [ApprovalRule::deny("shell", "never"), ApprovalRule::allow("shell")];
    let ephemeral = rules.into_iter().fold(Ephemeral::new(), Ephemeral::rule).approver(ApproveAll);
    let cx = ephemeral.context();
    assert_eq!(ask(&cx, "shell", &[json!({})]).await.unwrap(), [no("never")]);
    assert_eq!(ask(&cx, "mail", &[json!({})]).await.unwrap(), [Decision::Approve]);
}
