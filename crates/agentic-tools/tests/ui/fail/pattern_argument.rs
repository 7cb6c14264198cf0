use agentic_tools::tool;

/// Adds.
#[tool(effect = "pure")]
async fn add((a, b): (i32, i32)) -> Result<i32, String> {
    Ok(a + b)
}

fn main() {}
