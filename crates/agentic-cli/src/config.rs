//! Settings: the configuration file, below the environment and the flags.

use std::path::{Path, PathBuf};
use std::time::Duration;

use agentic::core::ApprovalRule;
use agentic::tools::builtin::{self, BUILTINS};
use serde::{Deserialize, Deserializer};

use crate::args::{
    AgentArgs, AgentKind, How, at_least_one, dollars_in_range, duration, temperature_in_range,
};
use crate::exhausted::Exhausted;
use crate::exit::Failure;
use crate::memories::MemoryRecipe;
use crate::{models, rules};

/// What an agent is set to, from all sources.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) model: String,
    pub(crate) agent: AgentKind,
    /// Empty for the default set.
    pub(crate) tools: Vec<String>,
    /// What it remembers.
    pub(crate) memory: Option<MemoryRecipe>,
    pub(crate) workdir: PathBuf,
    pub(crate) max_turns: Option<u64>,
    pub(crate) budget_tokens: Option<u64>,
    pub(crate) budget_usd: Option<f64>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) temperature: Option<f32>,
    pub(crate) seed: Option<u64>,
    /// What answers the questions of its tools before anybody is asked.
    pub(crate) rules: Vec<ApprovalRule>,
    /// Of the file alone: only `agentic run` has the flag.
    pub(crate) when_exhausted: Exhausted,
    pub(crate) yes: bool,
}

/// The file's content: the same names as the flags.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct File {
    model: Option<String>,
    agent: Option<AgentKind>,
    tools: Vec<String>,
    memory: Option<String>,
    memory_scope: Option<String>,
    embedder: Option<String>,
    workdir: Option<PathBuf>,
    #[serde(deserialize_with = "count")]
    max_turns: Option<u64>,
    #[serde(deserialize_with = "count")]
    budget_tokens: Option<u64>,
    #[serde(deserialize_with = "dollars")]
    budget_usd: Option<f64>,
    #[serde(deserialize_with = "time")]
    timeout: Option<Duration>,
    #[serde(deserialize_with = "temperature")]
    temperature: Option<f32>,
    seed: Option<u64>,
    #[serde(deserialize_with = "allowed")]
    allow: Vec<ApprovalRule>,
    #[serde(deserialize_with = "denied")]
    deny: Vec<ApprovalRule>,
    when_exhausted: Exhausted,
}

/// Reads a value and holds it to what the flag of the same name is held to.
fn checked<'de, D: Deserializer<'de>, T: Deserialize<'de>, U>(
    deserializer: D,
    check: impl FnOnce(T) -> Result<U, String>,
) -> Result<Option<U>, D::Error> {
    check(T::deserialize(deserializer)?).map(Some).map_err(serde::de::Error::custom)
}

fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    checked(deserializer, at_least_one)
}

fn dollars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    checked(deserializer, dollars_in_range)
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    checked(deserializer, |text: String| duration(&text).map_err(|why| format!("`{text}` is {why}")))
}

fn temperature<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
    checked(deserializer, temperature_in_range)
}

fn read_rules<'de, D: Deserializer<'de>>(
    deserializer: D,
    rule: fn(&str) -> Result<ApprovalRule, String>,
) -> Result<Vec<ApprovalRule>, D::Error> {
    let texts: Vec<String> = Vec::deserialize(deserializer)?;
    let rule = |text: &String| rule(text).map_err(|why| serde::de::Error::custom(format!("`{text}`: {why}")));
    texts.iter().map(rule).collect()
}

fn allowed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ApprovalRule>, D::Error> {
    read_rules(deserializer, rules::allow)
}

fn denied<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ApprovalRule>, D::Error> {
    read_rules(deserializer, rules::deny)
}

impl Settings {
    /// Flags and environment, which clap has merged, over the file, over the defaults.
    pub(crate) fn of(args: AgentArgs) -> Result<Self, Failure> {
        Self::over(args, path().as_deref())
    }

    fn over(args: AgentArgs, path: Option<&Path>) -> Result<Self, Failure> {
        let file = path.map_or_else(|| Ok(File::default()), read)?;
        let how = file.how(args.memories)?;
        let model = match args.model.or(file.model) {
            Some(model) => model,
            None => models::default_address(path)?,
        };
        let memory = args.memory.or(file.memory).filter(|url| !url.trim().is_empty());
        let memory = memory.map(|url| MemoryRecipe::new(&url, how)).transpose();
        let memory = memory.map_err(|failure| failure.of("--memory"))?;
        let tools = if args.tools.is_empty() { file.tools } else { args.tools };
        // Not those of the file, which may be for tools of other runs.
        rules::check_typed(&args.allow, &args.deny, &tools)?;
        Ok(Self {
            model,
            memory,
            agent: args.agent.or(file.agent).unwrap_or(AgentKind::FunctionCalling),
            tools,
            workdir: args.workdir.or(file.workdir).unwrap_or_else(|| ".".into()),
            max_turns: args.max_turns.or(file.max_turns),
            budget_tokens: args.budget_tokens.or(file.budget_tokens),
            budget_usd: args.budget_usd.or(file.budget_usd),
            timeout: args.timeout.or(file.timeout),
            temperature: args.temperature.or(file.temperature),
            seed: args.seed.or(file.seed),
            // Those of the file hold beside those of the flags: what it denies stays denied.
            rules: [file.allow, file.deny, args.allow, args.deny].concat(),
            when_exhausted: file.when_exhausted,
            yes: args.yes,
        })
    }
}

impl File {
    /// How a memory is used: by these, and where they say nothing by the file.
    fn how(&self, how: How) -> Result<How, Failure> {
        let scope =
            self.memory_scope.as_ref().map(|scope| scope.parse()).transpose().map_err(Failure::usage)?;
        Ok(How { scope: how.scope.or(scope), embedder: how.embedder.or_else(|| self.embedder.clone()) })
    }
}

/// The memory of the file, and how memories are used.
pub(crate) fn memory(how: How) -> Result<(Option<String>, How), Failure> {
    let file = path().as_deref().map_or_else(|| Ok(File::default()), read)?;
    let how = file.how(how)?;
    Ok((file.memory.filter(|url| !url.trim().is_empty()), how))
}

/// Where the file is, whether or not there is one.
pub(crate) fn path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("AGENTIC_CONFIG") {
        return Some(path.into());
    }
    directories::ProjectDirs::from("", "", "agentic").map(|dirs| dirs.config_dir().join("config.toml"))
}

fn read(path: &Path) -> Result<File, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(File::default()),
        Err(error) => return Err(Failure::usage(format!("can't read {}: {error}", path.display()))),
    };
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        Failure::usage(format!("{}, line {line}: {}", path.display(), error.message()))
    })
}

/// The model that `agentic run` uses where no flag names one.
pub(crate) fn model() -> Result<String, Failure> {
    let path = path();
    let file = path.as_deref().map_or_else(|| Ok(File::default()), read)?;
    match std::env::var("AGENTIC_MODEL").ok().or(file.model) {
        Some(model) => Ok(model),
        None => models::default_address(path.as_deref()),
    }
}

/// Checks that the file can be used, for `agentic doctor`; whether there is one.
pub(crate) fn check(path: &Path) -> Result<bool, Failure> {
    let file = read(path)?;
    let how = file.how(How::default())?;
    let memory = file.memory.as_deref().filter(|url| !url.trim().is_empty());
    memory.map(|url| MemoryRecipe::new(url, how)).transpose()?;
    let unknown = file.tools.iter().find(|name| !BUILTINS.iter().any(|known| known.name == name.trim()));
    if let Some(name) = unknown {
        builtin::by_name(name.trim(), &builtin::Settings::new(".")).map_err(Failure::usage)?;
    }
    Ok(path.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(file: &str, args: AgentArgs) -> Result<Settings, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, file).unwrap();
        Settings::over(args, Some(&path))
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_the_defaults() {
        let file = "model = \"openai:x\"\nmax-turns = 7\ntimeout = \"5m\"\ntools = [\"calculator\"]";
        let settings = merged(file, AgentArgs { max_turns: Some(3), ..AgentArgs::default() }).unwrap();
        assert_eq!((settings.model.as_str(), settings.max_turns), ("openai:x", Some(3)));
        assert_eq!(
            (settings.timeout, settings.agent),
            (Some(Duration::from_secs(300)), AgentKind::FunctionCalling)
        );
        assert_eq!(settings.tools, ["calculator"]);
        assert_eq!(merged("", AgentArgs::default()).unwrap().model, "local:qwen2.5-coder-1.5b");
    }

    #[test]
    fn rules_of_the_file_hold_beside_those_of_the_flags() {
        let flag = rules::allow("shell={\"command\":\"ls\"}").unwrap();
        let args = AgentArgs { allow: vec![flag.clone()], ..AgentArgs::default() };
        let settings = merged("deny = [\"shell\"]\ntools = [\"shell\"]", args).unwrap();
        assert_eq!(settings.rules, [rules::deny("shell").unwrap(), flag]);
        let error = merged("seed = 1\nallow = [\"shel\"]", AgentArgs::default()).unwrap_err();
        assert!(error.message().contains("line 2: `shel`: there is no tool"), "{}", error.message());
    }

    #[test]
    fn rules_of_the_file_may_be_for_tools_of_other_runs() {
        let file = "allow = [\"shell\"]\ndeny = [\"shell\"]";
        assert_eq!(merged(file, AgentArgs::default()).unwrap().rules.len(), 2);
        let args = AgentArgs { allow: vec![rules::allow("shell").unwrap()], ..AgentArgs::default() };
        let error = merged(file, args).unwrap_err();
        assert!(error.message().contains("add --tool shell"), "{}", error.message());
    }

    #[test]
    fn a_mistake_in_the_file_is_named_with_its_line() {
        let message = |file| merged(file, AgentArgs::default()).unwrap_err().message().to_owned();
        assert!(
            message("model = \"a\"\nmodle = \"b\"").contains("config.toml, line 2: unknown field `modle`")
        );
        assert!(message("timeout = \"soon\"").contains("line 1: `soon` is not a duration"));
    }

    #[test]
    fn values_are_held_to_what_the_flags_are_held_to() {
        for line in [
            "budget-usd = -1",
            "budget-usd = 0.0",
            "budget-usd = nan",
            "budget-usd = inf",
            "max-turns = 0",
            "budget-tokens = 0",
            "temperature = 9",
            "temperature = nan",
            "timeout = \"0s\"",
            "when-exhausted = \"panic\"",
        ] {
            let error = merged(&format!("seed = 1\n{line}"), AgentArgs::default()).unwrap_err();
            assert!(error.message().contains("config.toml, line 2: "), "{line}: {}", error.message());
        }
        let good = "budget-usd = 1\nmax-turns = 1\ntemperature = 0\nwhen-exhausted = \"openai:small\"";
        let settings = merged(good, AgentArgs::default()).unwrap();
        assert_eq!(settings.budget_usd, Some(1.0));
        assert_eq!(settings.when_exhausted, Exhausted::Degrade("openai:small".into()));
    }
}
