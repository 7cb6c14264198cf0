use agentic_tools::tool;

/// One.
#[tool(effect = "pure", retries = 3)]
async fn unknown() -> Result<i32, String> {
    Ok(1)
}

/// Two.
#[tool(effect = "pure", timeout = "soon", effect = "pure", approval = true)]
async fn several() -> Result<i32, String> {
    Ok(2)
}

/// Three.
#[tool(effect = "pure", name = "has spaces")]
async fn name() -> Result<i32, String> {
    Ok(3)
}

fn main() {}
