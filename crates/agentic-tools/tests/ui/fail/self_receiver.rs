use agentic_tools::tool;

struct Counter;

impl Counter {
    /// Counts.
    #[tool(effect = "pure")]
    async fn count(&self) -> Result<i32, String> {
        Ok(1)
    }
}

fn main() {}
