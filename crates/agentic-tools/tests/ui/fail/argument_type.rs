use agentic_tools::tool;

struct City(String);

/// Current weather.
#[tool(effect = "pure")]
async fn weather(city: City) -> Result<String, String> {
    Ok(city.0)
}

fn main() {}
