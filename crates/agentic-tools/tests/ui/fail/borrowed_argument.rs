use agentic_tools::tool;

/// Current weather.
#[tool(effect = "pure")]
async fn weather(city: &str) -> Result<String, String> {
    Ok(city.to_owned())
}

fn main() {}
