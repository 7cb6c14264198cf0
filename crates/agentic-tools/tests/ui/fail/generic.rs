use agentic_tools::tool;

/// Shows.
#[tool(effect = "pure")]
async fn show<T: ToString>(value: T) -> Result<String, String> {
    Ok(value.to_string())
}

/// Shows.
#[tool(effect = "pure")]
async fn show_too(value: impl ToString) -> Result<String, String> {
    Ok(value.to_string())
}

fn main() {}
