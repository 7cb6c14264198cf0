//! The tools without a world.

use std::sync::Arc;

use agentic_core::{Tool, ToolErrorKind};
use agentic_testkit::conformance;
use agentic_tools::builtin::{Calculator, CurrentTime};
use serde_json::{Value, json};

use crate::support::{call, context, text};

#[tokio::test]
async fn they_keep_the_contract_of_tools() {
    let cases: [(Arc<dyn Tool>, Value); 2] =
        [(Arc::new(Calculator::new()), json!({ "expression": "1 + 1" })), (Arc::new(CurrentTime::new()), json!({}))];
    for (tool, arguments) in cases {
        conformance::tool::all(&context(), &tool, &arguments).await;
    }
}

#[tokio::test]
async fn calculates() {
    let calculate = |expression: &str| call(Calculator::new(), json!({ "expression": expression }));
    assert_eq!(text(calculate("$1,299.99 + 3 × $0.01").await), "1300.02");
    let error = calculate("1/0").await.expect_err("no result");
    assert_eq!(error.message(), "division by zero; there is no result");
    let error = call(Calculator::new(), json!({ "sum": "1" })).await.expect_err("unknown argument");
    assert_eq!(error.kind(), ToolErrorKind::InvalidArguments);
}

/// The run's time is told, in UTC and elsewhere.
#[tokio::test(start_paused = true)]
async fn tells_the_time_of_the_run() {
    let tell = |arguments| call(CurrentTime::new(), arguments);
    assert_eq!(tell(json!({})).await, Ok(json!({ "utc": "2026-01-01T00:00:00Z", "weekday": "Thursday" })));
    assert_eq!(
        tell(json!({ "time_zone": "America/New_York" })).await,
        Ok(json!({
            "time_zone": "America/New_York",
            "time": "2025-12-31T19:00:00-05:00",
            "weekday": "Wednesday",
            "utc": "2026-01-01T00:00:00Z"
        }))
    );
    let error = tell(json!({ "time_zone": "Mars/Olympus" })).await.expect_err("unknown");
    assert_eq!(
        error.message(),
        "there is no time zone `Mars/Olympus`; give an IANA name like \"Europe/Oslo\" or \"UTC\""
    );
}
