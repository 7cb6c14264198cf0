//! Chat completions and embeddings, as OpenAI defined them and most servers speak them.

mod assembly;
mod builder;
mod connection;
mod embeddings;
mod exchange;
mod origin;
mod quirks;
mod reader;
mod request;
mod retry_after;
mod strict;
mod text;
mod tools;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    ChatModel, Messages, ModelContext, ModelError, ModelErrorKind as Kind, ModelEvent, ModelInfo,
    ModelRequest, ModelStream,
};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream;
use http::header::CONTENT_TYPE;

pub(crate) use builder::open;
pub use builder::{OpenAiBuilder, OpenAiError};
pub(crate) use embeddings::open_embedder;
pub use embeddings::{OpenAiEmbedder, OpenAiEmbedderBuilder};
pub use quirks::Quirks;

use origin::Origin;
use reader::Reader;
use tools::ToolCache;

use crate::transport::{Endpoint, Response};

/// A model behind an endpoint for chat completions.
///
/// Streams if somebody watches the run, else asks for the whole answer at once; the answer is the same. Tool
/// calls that come without an id get one that is unique in the conversation. An answer that breaks off is an
/// error ([`ModelErrorKind::Interrupted`](agentic_core::ModelErrorKind::Interrupted)), never a shorter answer.
///
/// Proxies are taken from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), else from the
/// system's settings on macOS and Windows; they may be of the kinds `http`, `https`, `socks5` and `socks5h`.
///
/// ```
/// use agentic_llm::adapter::openai::OpenAi;
///
/// let model = OpenAi::builder("qwen2.5:7b").base_url("http://127.0.0.1:11434/v1").build()?;
/// # Ok::<(), agentic_llm::adapter::openai::OpenAiError>(())
/// ```
#[derive(Clone)]
pub struct OpenAi(Arc<Inner>);

struct Inner {
    endpoint: Endpoint,
    /// The name that the server knows the model by.
    model: String,
    info: ModelInfo,
    quirks: Quirks,
    origin: Arc<Origin>,
    tools: ToolCache,
}

impl OpenAi {
    /// A model of this name, as its server knows it, at OpenAI's own endpoint unless said otherwise.
    pub fn builder(model: impl Into<String>) -> OpenAiBuilder {
        OpenAiBuilder::new(model.into())
    }
}

impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { info, origin, quirks, .. } = &*self.0;
        let mut shown = f.debug_struct("OpenAi");
        shown.field("id", &info.id).field("host", &origin.host).field("key", &origin.key);
        shown.field("quirks", quirks).finish_non_exhaustive()
    }
}

#[async_trait]
impl ChatModel for OpenAi {
    fn info(&self) -> &ModelInfo {
        &self.0.info
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        let watched = mcx.wants_deltas();
        let response = self.0.send(&request, watched, &mcx).await?;
        let reader = Reader::new(self.0.origin.clone(), &content_type(&response), watched, watched);
        let mut answer = Box::new(Answer {
            origin: self.0.origin.clone(),
            response,
            history: request.messages,
            state: State::Reading(Box::new(reader)),
        });
        if !watched {
            // Nobody waits for pieces, so the whole answer is read here and now.
            let event = answer.next().await;
            return Ok(stream::iter(event).boxed());
        }
        let events = stream::unfold(answer, |mut answer| async {
            let event = answer.next().await?;
            Some((event, answer))
        });
        Ok(events.boxed())
    }
}

impl Inner {
    async fn send(
        &self,
        request: &ModelRequest,
        stream: bool,
        mcx: &ModelContext,
    ) -> Result<Response, ModelError> {
        let tools = self.tools.render(&request.tools).map_err(|error| {
            let message = format!("the tools can't be written as JSON: {error}");
            self.origin.error(Kind::InvalidRequest, message)
        })?;
        let body =
            request::write(&self.model, request, tools.as_deref(), stream, &self.quirks, &self.origin)?;
        exchange::send(&self.endpoint, body, &self.origin, mcx).await
    }
}

fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_ascii_lowercase()
}

/// An answer on its way.
struct Answer {
    origin: Arc<Origin>,
    response: Response,
    history: Messages,
    state: State,
}

enum State {
    Reading(Box<Reader>),
    /// The body is read; what is left to tell.
    Ending(std::vec::IntoIter<ModelEvent>),
    Over,
}

/// Once a stream said that it is over, its connection gets this long to say so too, so that it can be used again.
const LAST_WORD: Duration = Duration::from_millis(100);

impl Answer {
    async fn next(&mut self) -> Option<Result<ModelEvent, ModelError>> {
        loop {
            let reader = match &mut self.state {
                State::Reading(reader) => reader,
                State::Ending(events) => return events.next().map(Ok),
                State::Over => return None,
            };
            if let Some(delta) = reader.next_delta() {
                return Some(Ok(ModelEvent::Delta(delta)));
            }
            let read = if reader.is_done() {
                let rest = async { while let Ok(Some(_)) = self.response.chunk().await {} };
                let _ = tokio::time::timeout(LAST_WORD, rest).await;
                Ok(None)
            } else {
                self.response.chunk().await
            };
            let result = match read {
                Ok(Some(bytes)) => reader.push(&bytes).map(|()| None),
                // All that matters came before the connection failed.
                Err(_) if reader.is_whole() => self.end().map(Some),
                Err(error) => Err(self.origin.transport(error)),
                Ok(None) => self.end().map(Some),
            };
            match result {
                Ok(None) => {}
                Ok(Some(ending)) => self.state = ending,
                Err(error) => {
                    self.state = State::Over;
                    return Some(Err(error));
                }
            }
        }
    }

    fn end(&mut self) -> Result<State, ModelError> {
        let State::Reading(reader) = std::mem::replace(&mut self.state, State::Over) else {
            return Ok(State::Over);
        };
        let (response, left) = reader.finish(&self.history)?;
        let mut events: Vec<_> = left.into_iter().map(ModelEvent::Delta).collect();
        events.push(ModelEvent::Finished(Box::new(response)));
        Ok(State::Ending(events.into_iter()))
    }
}

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;
