use agentic_tools::tool;

/// Sends.
#[tool(effect = "checkable")]
async fn send(text: String) -> Result<String, String> {
    Ok(text)
}

async fn was_sent(_: String) -> Result<Option<String>, String> {
    Ok(None)
}

/// Sends.
#[tool(effect = "unsafe", check = was_sent)]
async fn send_too(text: String) -> Result<String, String> {
    Ok(text)
}

/// Sends.
#[tool(effect = "keyed")]
async fn send_by_key(text: String) -> Result<String, String> {
    Ok(text)
}

fn main() {}
