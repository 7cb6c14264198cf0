//! What source files may not hold.

use std::path::Path;

use super::File;
use crate::workspace;

/// The most lines of one source file: one concept a file.
const LINES: usize = 700;

/// Unfinished business. Written in pieces, so that this file does not hold it.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO:"),
    concat!("TO", "DO("),
    concat!("\"TO", "DO\""),
    concat!("FIX", "ME:"),
    concat!("FIX", "ME("),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("#[", "ignore"),
];

/// Names of strangers' crates, and where they may stand: a type of theirs elsewhere would tie everything to them.
const STRANGERS: &[(&str, &[&str])] = &[
    ("llama_cpp_2::", &["crates/agentic-llm/src/adapter/local"]),
    ("llama_cpp_sys_2::", &["crates/agentic-llm/src/adapter/local"]),
    ("ort::", &["crates/agentic-llm/src/adapter/onnx"]),
    ("tokenizers::", &["crates/agentic-llm/src/adapter/onnx"]),
    ("reqwest::", &["crates/agentic-llm/src/catalog/", "crates/agentic-tools/src/builtin/http"]),
    ("hyper::", &["crates/agentic-llm/src/transport"]),
    ("hyper_util::", &["crates/agentic-llm/src/transport"]),
    ("rustls::", &["crates/agentic-llm/src/transport", "crates/agentic-memory/src/backend/postgres/tls.rs"]),
    ("rusqlite::", &["crates/agentic-memory/src/backend/", "crates/agentic-runtime/src/store/"]),
    ("tokio_postgres::", &["crates/agentic-memory/src/backend/", "crates/agentic-runtime/src/store/"]),
    ("deadpool_postgres::", &["crates/agentic-memory/src/backend/", "crates/agentic-runtime/src/store/"]),
    (
        "qdrant_client::",
        &["crates/agentic-memory/src/backend/qdrant", "crates/agentic-testkit/src/qdrant_server"],
    ),
    (
        "qdrant_edge::",
        &["crates/agentic-memory/src/backend/edge", "crates/agentic-testkit/src/qdrant_server"],
    ),
];

/// The only library files that may draw time, ids or randomness from the system: all others take `Sources`.
const CLOCKS: &[&str] =
    &["crates/agentic-runtime/src/sources.rs", "crates/agentic-llm/src/adapter/local/disk.rs"];
const ALLOWS_CLOCK: &str = "allow(clippy::disallowed_methods";

pub(super) fn check(files: &[File]) -> Vec<String> {
    let secrets = of_this_machine();
    let mut problems = Vec::new();
    for File { path, text } in files {
        for (number, line) in text.lines().enumerate() {
            let mut add = |what: &str| problems.push(format!("{path}:{}: {what}", number + 1));
            for word in UNFINISHED.iter().filter(|word| line.contains(**word)) {
                add(&format!("{word}: finish it, or say in the documentation what is not there"));
            }
            for secret in secrets.iter().filter(|secret| line.contains(secret.as_str())) {
                add(&format!("`{secret}` is of this machine alone"));
            }
            if let Some(what) = code(path, line) {
                add(&what);
            }
        }
        let lines = text.lines().count();
        if path.ends_with(".rs") && lines > LINES {
            problems.push(format!("{path}: {lines} lines, at most {LINES}; one concept a file"));
        }
        if path.ends_with("/mod.rs") {
            problems.push(format!("{path}: a module `foo` is `foo.rs` with the folder `foo`"));
        }
    }
    problems
}

/// What is wrong with one line of a library's code.
fn code(path: &str, line: &str) -> Option<String> {
    let line = line.trim_start();
    let library = path.starts_with("crates/") && path.contains("/src/") && path.ends_with(".rs");
    if !library || line.starts_with("//") {
        return None;
    }
    for (name, places) in STRANGERS {
        if names(line, name) && !places.iter().any(|place| path.starts_with(place)) {
            return Some(format!("`{name}` may stand in {} only", places.join(", ")));
        }
    }
    if line.contains(ALLOWS_CLOCK) && !CLOCKS.contains(&path) && !path.contains("/tests") {
        return Some(format!(
            "time, ids and randomness are drawn in {} only; take `Sources`",
            CLOCKS.join(" and ")
        ));
    }
    None
}

/// Whether a line names this crate, and not one whose name ends like it.
fn names(line: &str, name: &str) -> bool {
    let begins = |at: usize| !line[..at].ends_with(|sign: char| sign.is_alphanumeric() || sign == '_');
    line.match_indices(name).any(|(at, _)| begins(at))
}

/// Paths and package hosts of this machine, which no tracked file may name.
fn of_this_machine() -> Vec<String> {
    let mut found = Vec::new();
    let root = workspace::root();
    let home = std::env::home_dir();
    for path in root.parent().into_iter().chain(home.as_deref()) {
        let path = format!("{}/", path.display());
        // `/` and the folder for temporary files are nobody's.
        if path.len() > 4 && Path::new(&path) != std::env::temp_dir() {
            found.push(path);
        }
    }
    for variable in ["PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "NPM_CONFIG_REGISTRY", "GOPROXY"] {
        let host = std::env::var(variable).ok().as_deref().and_then(host);
        found.extend(host.filter(|host| !PUBLIC.contains(&host.as_str())));
    }
    found
}

const PUBLIC: &[&str] = &["pypi.org", "registry.npmjs.org", "proxy.golang.org"];

fn host(url: &str) -> Option<String> {
    let host = url.split_once("://")?.1.split(['/', ':']).next()?;
    let host = host.rsplit('@').next()?;
    (host.contains('.') && !host.starts_with("127.")).then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{LINES, UNFINISHED, check, host};
    use crate::tidy::File;

    fn problems(path: &str, text: &str) -> usize {
        check(&[File { path: path.into(), text: text.into() }]).len()
    }

    #[test]
    fn unfinished_business_is_found_everywhere() {
        for word in UNFINISHED {
            assert_eq!(problems("docs/a.md", &format!("here: {word} later")), 1, "{word}");
        }
    }

    #[test]
    fn strangers_stay_in_their_adapters() {
        let line = "fn client() -> reqwest::Client {";
        assert_eq!(problems("crates/agentic-llm/src/catalog/fetch/http.rs", line), 0);
        assert_eq!(problems("crates/agentic-llm/src/open.rs", line), 1);
        assert_eq!(problems("crates/agentic-llm/src/open.rs", "/// Like reqwest::Client."), 0);
        assert_eq!(problems("crates/agentic-llm/tests/it/server.rs", line), 0);
        assert_eq!(problems("crates/agentic-llm/src/open.rs", "use ort::session::Session;"), 1);
        assert_eq!(problems("crates/agentic-llm/src/open.rs", "use support::Session;"), 0);
    }

    #[test]
    fn only_the_system_sources_read_the_clock() {
        let line = "#[allow(clippy::disallowed_methods)] // why";
        assert_eq!(problems("crates/agentic-runtime/src/sources.rs", line), 0);
        assert_eq!(problems("crates/agentic-tools/src/executor.rs", line), 1);
    }

    #[test]
    fn files_are_short_and_modules_have_names() {
        assert_eq!(problems("crates/a/src/b.rs", &"\n".repeat(LINES)), 0);
        assert_eq!(problems("crates/a/src/b.rs", &"\n".repeat(LINES + 1)), 1);
        assert_eq!(problems("crates/a/src/b/mod.rs", ""), 1);
    }

    #[test]
    fn a_host_is_read_from_an_url() {
        assert_eq!(host("https://user@example.org:8080/simple"), Some("example.org".into()));
        assert_eq!(host("off"), None);
    }
}
