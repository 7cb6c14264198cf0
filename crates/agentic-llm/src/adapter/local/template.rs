//! The model's own chat template: the Jinja text in its file, rendered by minijinja.

use minijinja::value::{Kwargs, Value as JinjaValue};
use minijinja::{Environment, ErrorKind};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::error::EngineError;

const NAME: &str = "chat";

/// A message as chat templates see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ChatMessage {
    /// `system`, `user`, `assistant` or `tool`.
    pub(crate) role: &'static str,
    pub(crate) content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tool_calls: Vec<ChatCall>,
    /// Of a tool message: the name of the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

impl ChatMessage {
    pub(crate) fn new(role: &'static str, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new(), name: None }
    }
}

/// A tool call as chat templates see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ChatCall {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) function: ChatFunction,
}

/// The function of a tool call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ChatFunction {
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// A compiled chat template.
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    /// Whether the template itself describes tools to the model.
    pub(crate) knows_tools: bool,
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatTemplate").field("knows_tools", &self.knows_tools).finish_non_exhaustive()
    }
}

impl ChatTemplate {
    /// Compiles `source` the way the template's authors expect: Python methods, trimmed blocks, Python's JSON.
    pub(crate) fn new(source: String, bos: String, eos: String) -> Result<Self, EngineError> {
        let knows_tools = source.contains("tools");
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", |message: String| -> Result<String, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        // A template is somebody's program: it may not run for ever.
        environment.set_fuel(Some(50_000_000));
        environment.add_template_owned(NAME, source).map_err(|error| failed(&error))?;
        Ok(Self { environment, bos, eos, knows_tools })
    }

    /// Renders `messages`; `tools` in the form `{"type": "function", "function": {…}}`.
    pub(crate) fn render(
        &self,
        messages: &[ChatMessage],
        tools: &[Value],
        add_generation_prompt: bool,
    ) -> Result<String, EngineError> {
        let template = self.environment.get_template(NAME).map_err(|error| failed(&error))?;
        let tools = if tools.is_empty() { JinjaValue::from(()) } else { JinjaValue::from_serialize(tools) };
        template
            .render(minijinja::context! {
                messages => JinjaValue::from_serialize(messages),
                tools,
                add_generation_prompt,
                bos_token => self.bos,
                eos_token => self.eos,
            })
            .map_err(|error| failed(&error))
    }
}

fn failed(error: &minijinja::Error) -> EngineError {
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    let detail = error.detail().unwrap_or("no details");
    EngineError::Template { reason: format!("{}: {detail}{line}", error.kind()) }
}

/// `tojson` as templates for `transformers` expect it: like Python's `json.dumps(ensure_ascii=False)`.
fn to_json(value: &JinjaValue, options: Kwargs) -> Result<JinjaValue, minijinja::Error> {
    let indent: Option<usize> = options.get("indent")?;
    // Accepted and ignored: they change nothing that matters here.
    let _: Option<bool> = options.get("ensure_ascii")?;
    let _: Option<JinjaValue> = options.get("separators")?;
    let _: Option<bool> = options.get("sort_keys")?;
    options.assert_all_used()?;
    let text = match indent {
        Some(width) => dump(value, PrettyFormatter::with_indent(" ".repeat(width.min(16)).as_bytes())),
        None => dump(value, Spaced(CompactFormatter)),
    };
    text.map(JinjaValue::from_safe_string)
        .map_err(|error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// JSON in the layout of Python's `json.dumps`: one space after `,` and `:`.
pub(crate) fn python_json(value: &Value) -> String {
    dump(value, Spaced(CompactFormatter)).unwrap_or_default()
}

fn dump<F: Formatter>(value: &impl Serialize, formatter: F) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, formatter))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

struct Spaced(CompactFormatter);

impl Formatter for Spaced {
    fn begin_array_value<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + std::io::Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + std::io::Write>(&mut self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn render(source: &str, messages: &[ChatMessage], tools: &[Value]) -> Result<String, EngineError> {
        ChatTemplate::new(source.into(), "<s>".into(), "</s>".into())?.render(messages, tools, true)
    }

    #[test]
    fn json_has_pythons_layout_and_is_not_escaped_for_html() {
        let tools = [json!({"name": "grüße", "list": [1, 2.5, "<a & 'b'>"], "empty": {}, "none": null})];
        assert_eq!(
            render("{{ tools[0] | tojson }}", &[], &tools).unwrap(),
            r#"{"name": "grüße", "list": [1, 2.5, "<a & 'b'>"], "empty": {}, "none": null}"#
        );
        assert_eq!(render("{{ tools | tojson(indent=2) }}", &[], &[json!(1)]).unwrap(), "[\n  1\n]");
        assert_eq!(python_json(&json!({"a": [1, {"b": "c"}]})), r#"{"a": [1, {"b": "c"}]}"#);
    }

    #[test]
    fn templates_may_use_python_and_trimmed_blocks() {
        let source = "{%- for m in messages %}\n  {% if m.role.startswith('u') %}\n{{ m.content.strip() | upper }};\n  {% endif %}\n{%- endfor %}{{ bos_token }}{{ eos_token }}{% if tools %}T{% endif %}{% if add_generation_prompt %}>{% endif %}";
        let messages = [ChatMessage::new("user", " a "), ChatMessage::new("assistant", "b")];
        assert_eq!(render(source, &messages, &[]).unwrap().replace(['\n', ' '], ""), "A;<s></s>>");
    }

    #[test]
    fn a_failing_template_gives_one_line_with_its_reason() {
        for (source, reason) in [
            ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
            ("{% if %}", "line 1"),
            ("{% for i in range(9999) %}{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}", "fuel"),
        ] {
            let message = render(source, &[], &[]).unwrap_err().to_string();
            assert!(message.contains(reason) && !message.contains('\n'), "{message}");
        }
    }
}
