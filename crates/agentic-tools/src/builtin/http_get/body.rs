//! A body as text: which content types are read, in which encoding, and HTML without its tags.

use agentic_core::{ToolError, ToolErrorKind};
use encoding_rs::{Encoding, UTF_8};
use reqwest::header::{CONTENT_TYPE, HeaderMap};

/// Columns of the text that is made of HTML.
const WIDTH: usize = 100;

/// What a body is.
#[derive(Debug, PartialEq)]
pub(super) struct Kind {
    is_html: bool,
    encoding: &'static Encoding,
}

impl Kind {
    /// What the header says; text if it says nothing.
    ///
    /// # Errors
    /// `unsupported` if it is no text.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ToolError> {
        let header = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("text/plain");
        let mut parts = header.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        let is_html = matches!(&*media, "text/html" | "application/xhtml+xml");
        let is_text = media.starts_with("text/")
            || media.ends_with("+json")
            || media.ends_with("+xml")
            || matches!(&*media, "" | "application/json" | "application/xml" | "application/javascript" | "application/yaml" | "application/x-ndjson");
        if !is_text {
            let message = format!("the document is `{media}`; this tool reads text, HTML, JSON and XML only");
            return Err(ToolError::new(ToolErrorKind::Unsupported, message));
        }
        let charset = parts.find_map(|part| part.strip_prefix("charset=").or_else(|| part.strip_prefix("Charset=")));
        let encoding = charset.and_then(|label| Encoding::for_label(label.trim_matches('"').as_bytes()));
        Ok(Self { is_html, encoding: encoding.unwrap_or(UTF_8) })
    }
}

/// The body as text.
pub(super) fn text(bytes: &[u8], kind: &Kind) -> String {
    let (text, ..) = kind.encoding.decode(bytes);
    if !kind.is_html {
        return text.into_owned();
    }
    // What can't be made sense of is shown as it is.
    html2text::from_read(text.as_bytes(), WIDTH).unwrap_or_else(|_| text.into_owned())
}
