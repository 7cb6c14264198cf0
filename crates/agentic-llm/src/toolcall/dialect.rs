//! The dialects, as data.

/// How a model's reasoning is marked in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Thinking {
    /// The model does not think aloud: the tags are ordinary text.
    Plain,
    /// Reasoning begins with the opening tag at the beginning of a line.
    Tagged,
    /// The prompt ended with the opening tag, so the text begins inside the reasoning.
    Open,
}

/// How a model writes its calls. Each constructor names the model families that write so.
#[derive(Debug, Clone)]
pub struct Dialect {
    pub(super) thinking: Thinking,
    pub(super) think_open: &'static str,
    pub(super) think_close: &'static str,
    /// With [`Thinking::Open`]: an opening tag at the very beginning is not part of the reasoning.
    pub(super) strip_open: bool,
    pub(super) markers: &'static [Marker],
    /// JSON without tags and code fences around calls are understood.
    pub(super) bare_json: bool,
}

/// A tag that begins a call or means nothing.
#[derive(Debug)]
pub(super) struct Marker {
    pub(super) open: &'static str,
    pub(super) kind: Kind,
}

/// What follows a [`Marker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A call up to this closing tag.
    Until(&'static str),
    /// A call that includes the marker itself, up to and including this closing tag.
    Including(&'static str),
    /// A call that ends where its JSON value ends.
    Json,
    /// The marker is dropped.
    Drop,
    /// The marker is dropped directly after a call; else it is text.
    DropAfterCall,
}

const TOOL_CALL: Marker = Marker { open: "<tool_call>", kind: Kind::Until("</tool_call>") };
const STRAY_CLOSE: Marker = Marker { open: "</tool_call>", kind: Kind::DropAfterCall };
const FUNCTION: Marker = Marker { open: "<function=", kind: Kind::Including("</function>") };
const MISTRAL: Marker = Marker { open: "[TOOL_CALLS]", kind: Kind::Json };
const LLAMA: Marker = Marker { open: "<|python_tag|>", kind: Kind::Json };
const OLMO: Marker = Marker { open: "<function_calls>", kind: Kind::Until("</function_calls>") };
const LFM: Marker = Marker { open: "<|tool_call_start|>", kind: Kind::Until("<|tool_call_end|>") };
const DEEPSEEK: Marker =
    Marker { open: "<｜tool▁call▁begin｜>", kind: Kind::Until("<｜tool▁call▁end｜>") };
const DEEPSEEK_BEGIN: Marker = Marker { open: "<｜tool▁calls▁begin｜>", kind: Kind::Drop };
const DEEPSEEK_END: Marker = Marker { open: "<｜tool▁calls▁end｜>", kind: Kind::Drop };
const DEEPSEEK_OUT: Marker = Marker { open: "<｜tool▁output▁begin｜>", kind: Kind::Drop };
const DEEPSEEK_OUT_END: Marker = Marker { open: "<｜tool▁output▁end｜>", kind: Kind::Drop };

/// A dialect's name, and what makes it.
type Named = (&'static str, fn() -> Dialect);

/// The dialects by name.
const NAMED: &[Named] = &[
    ("any", Dialect::any),
    ("hermes", Dialect::hermes),
    ("qwen3-coder", Dialect::qwen3_coder),
    ("qwen3-vl", Dialect::qwen3_vl),
    ("qwen3-vl-thinking", Dialect::qwen3_vl_thinking),
    ("mistral", Dialect::mistral),
    ("llama", Dialect::llama),
    ("glm", Dialect::glm),
    ("deepseek", Dialect::deepseek),
    ("python", Dialect::python_like),
];

impl Dialect {
    /// The dialect of a name, as addresses of models have it.
    pub fn named(name: &str) -> Option<Self> {
        NAMED.iter().find(|(known, _)| *known == name).map(|(_, dialect)| dialect())
    }

    /// The names that [`named`](Self::named) knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name)
    }

    const fn new(thinking: Thinking, markers: &'static [Marker]) -> Self {
        Self {
            thinking,
            think_open: "<think>",
            think_close: "</think>",
            strip_open: true,
            markers,
            bare_json: false,
        }
    }

    /// Qwen 2.5, Qwen 3, Hermes and their relatives: `<tool_call>{json}</tool_call>`, tags sometimes left out.
    pub fn hermes() -> Self {
        Self { bare_json: true, ..Self::new(Thinking::Tagged, &[TOOL_CALL, STRAY_CLOSE]) }
    }

    /// Qwen 3 Coder: `<tool_call><function=name><parameter=x>…`; the outer tag is sometimes left out.
    pub fn qwen3_coder() -> Self {
        Self::new(Thinking::Plain, &[TOOL_CALL, FUNCTION, STRAY_CLOSE])
    }

    /// Qwen 3 VL without thinking: `<tool_call>{json}</tool_call>`, and nothing but that.
    pub fn qwen3_vl() -> Self {
        Self::new(Thinking::Plain, &[TOOL_CALL])
    }

    /// Qwen 3 VL, thinking: as [`qwen3_vl`](Self::qwen3_vl), beginning inside the reasoning.
    pub fn qwen3_vl_thinking() -> Self {
        Self { strip_open: false, ..Self::new(Thinking::Open, &[TOOL_CALL]) }
    }

    /// Mistral and Ministral: `[TOOL_CALLS]name[ARGS]{json}` and `[TOOL_CALLS][{json}, …]`.
    pub fn mistral() -> Self {
        Self { think_open: "[THINK]", think_close: "[/THINK]", ..Self::new(Thinking::Plain, &[MISTRAL]) }
    }

    /// Llama 3: `<|python_tag|>{json}`, mostly without the tag.
    pub fn llama() -> Self {
        Self { bare_json: true, ..Self::new(Thinking::Plain, &[LLAMA]) }
    }

    /// GLM 4: `<tool_call>name<arg_key>x</arg_key><arg_value>…</arg_value></tool_call>`.
    pub fn glm() -> Self {
        Self::new(Thinking::Tagged, &[TOOL_CALL])
    }

    /// DeepSeek 3: a name, a separator and JSON between tags of its own.
    pub fn deepseek() -> Self {
        Self::new(Thinking::Plain, &[DEEPSEEK, DEEPSEEK_BEGIN, DEEPSEEK_END, DEEPSEEK_OUT, DEEPSEEK_OUT_END])
    }

    /// Olmo 3 and LFM 2: Python-like calls between `<function_calls>` or `<|tool_call_start|>` tags.
    pub fn python_like() -> Self {
        Self::new(Thinking::Plain, &[OLMO, LFM])
    }

    /// Any of them, for a model whose dialect is not known.
    pub fn any() -> Self {
        Self {
            bare_json: true,
            ..Self::new(
                Thinking::Tagged,
                &[
                    TOOL_CALL,
                    FUNCTION,
                    STRAY_CLOSE,
                    MISTRAL,
                    LLAMA,
                    OLMO,
                    LFM,
                    DEEPSEEK,
                    DEEPSEEK_BEGIN,
                    DEEPSEEK_END,
                ],
            )
        }
    }

    /// The same dialect with reasoning marked in another way.
    #[must_use]
    pub fn with_thinking(mut self, thinking: Thinking) -> Self {
        self.thinking = thinking;
        self
    }
}
