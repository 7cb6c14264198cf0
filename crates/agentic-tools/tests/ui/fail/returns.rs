use agentic_tools::tool;

/// Returns nothing.
#[tool(effect = "pure")]
async fn nothing() {}

/// Returns what is no result.
#[tool(effect = "pure")]
async fn plain() -> i32 {
    5
}

struct Report;

/// Returns what has no JSON form.
#[tool(effect = "pure")]
async fn report() -> Result<Report, String> {
    Ok(Report)
}

struct Silent;

/// Fails without words.
#[tool(effect = "pure")]
async fn silent() -> Result<i32, Silent> {
    Err(Silent)
}

fn main() {}
