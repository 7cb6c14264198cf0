use agentic_tools::tool;

/// Adds.
#[tool]
async fn add(a: i32, b: i32) -> Result<i32, String> {
    Ok(a + b)
}

fn main() {
    // Named here, and yet there is one message only.
    let _ = add();
}
