//! `current_time`: the time, in UTC and in a time zone.

use std::sync::Arc;

use agentic_core::{EffectClass, EffectContext, Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec, async_trait};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::support::{arguments, spec};

pub(super) const NAME: &str = "current_time";
pub(super) const DESCRIPTION: &str = "Get the current date, time and weekday. \
    Examples: {}, {\"time_zone\": \"Europe/Oslo\"}";

/// Tells the time: the run's time, not the system's, so that a replayed run hears the same.
#[derive(Clone, Debug)]
pub struct CurrentTime {
    spec: Arc<ToolSpec>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The time zone by its IANA name, like "Europe/Oslo" or "America/New_York". Default: UTC.
    time_zone: Option<String>,
}

impl CurrentTime {
    /// A tool that tells the time.
    pub fn new() -> Self {
        Self { spec: spec::<Arguments>(NAME, DESCRIPTION, ToolPolicy::default()) }
    }
}

impl Default for CurrentTime {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Tool for CurrentTime {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, given: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        let Arguments { time_zone } = arguments(NAME, given)?;
        let millis = i64::try_from(ecx.now().as_millis()).unwrap_or(i64::MAX);
        let now = Timestamp::from_millisecond(millis).map_err(|error| {
            let message = "the run's clock shows a time that no calendar has";
            ToolError::new(ToolErrorKind::Unavailable, message).with_source(error)
        })?;
        let mut answer = json!({ "utc": show(&now.to_zoned(TimeZone::UTC)), "weekday": weekday(&now.to_zoned(TimeZone::UTC)) });
        if let Some(name) = time_zone.as_deref().map(str::trim).filter(|name| !name.is_empty()) {
            let there = now.to_zoned(zone(name)?);
            answer = json!({ "time_zone": name, "time": show(&there), "weekday": weekday(&there), "utc": answer["utc"] });
        }
        Ok(answer)
    }
}

fn zone(name: &str) -> Result<TimeZone, ToolError> {
    TimeZone::get(name).map_err(|error| {
        let message = format!("there is no time zone `{name}`; give an IANA name like \"Europe/Oslo\" or \"UTC\"");
        ToolError::invalid(message).with_source(error)
    })
}

/// RFC 3339, whole seconds.
fn show(time: &Zoned) -> String {
    let format = if time.offset().is_zero() { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" };
    time.strftime(format).to_string()
}

fn weekday(time: &Zoned) -> String {
    time.strftime("%A").to_string()
}
