use agentic_core::EffectContext;
use agentic_tools::tool;

/// Current weather.
#[tool(effect = "pure")]
async fn weather(one: &EffectContext, two: &EffectContext) -> Result<String, String> {
    Ok(format!("{one:?} {two:?}"))
}

fn main() {}
