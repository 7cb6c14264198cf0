use agentic_tools::tool;

/// A struct.
#[tool(effect = "pure")]
struct Weather;

fn main() {}
