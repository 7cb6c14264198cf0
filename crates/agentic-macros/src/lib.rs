#![doc = include_str!("../README.md")]

mod tool;

/// Makes a tool of an async function.
///
/// `async fn weather(city: String) -> Result<Report, ToolError>` becomes `fn weather() -> Arc<dyn Tool>`: a plain
/// function that gives the tool. All such functions have one type, so an array of them is a list of tools.
///
/// # The function
/// - Its **doc comment** is the description that a model reads. It is required.
/// - Its **arguments** are plain names with owned types that implement `serde::Deserialize` and
///   `schemars::JsonSchema`. Their doc comments are their descriptions. An `Option` may be left out by the caller;
///   so may an argument with `#[default(expression)]`, which then has that value.
/// - One argument may be **`&EffectContext`**, at any place; the model does not see it.
/// - It **returns** `Result<T, E>`: `T` implements `serde::Serialize`; `E` is a `ToolError`, converts into one, or
///   is anything with `Display`, which then is the message of a `failed` error.
///
/// # The settings
/// - `effect = "…"`, required: what a call does to the world.
///   `pure` (changes nothing), `idempotent` (twice is like once), `keyed` (takes `ecx.key()` as an idempotency
///   key), `checkable` (can be asked whether it happened), `unsafe` (none of these).
/// - `check = path`, with `checkable` only: an async function with the same arguments that returns
///   `Result<Option<T>, E>`: the result if the call happened, `None` if it certainly did not.
/// - `name = "…"`: the name that a model sees; the function's name if not given.
/// - `timeout = "30s"`: how long one call may take (`ms`, `s`, `m` or `h`); 60 s if not given.
/// - `max_output_bytes = 1000`: how much of a result a model gets to read.
/// - `approval`: a person is asked before each call.
/// - `sequential`: calls of one turn run one after the other.
#[proc_macro_attribute]
pub fn tool(
    settings: proc_macro::TokenStream,
    function: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    tool::expand(settings.into(), function.into()).into()
}
