//! A subscriber that keeps what it gets, and agents to watch.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use agentic_core::{Agent, AgentError, Goal, Outcome, RunContext, Spend, async_trait};
use futures_util::future::BoxFuture;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// A span or an event.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) name: String,
    /// The `otel.name` of the span around it.
    pub(super) parent: Option<String>,
    pub(super) fields: BTreeMap<&'static str, String>,
    /// Fields that were written twice: OpenTelemetry would have them twice.
    pub(super) twice: Vec<&'static str>,
}

impl Seen {
    pub(super) fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }
}

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Capture(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    opened: usize,
    closed: Vec<Seen>,
    events: Vec<Seen>,
}

impl Capture {
    /// Keeps what happens on this thread until the guard is dropped.
    pub(super) fn on_this_thread(&self) -> tracing::subscriber::DefaultGuard {
        tracing::subscriber::set_default(Registry::default().with(self.clone()))
    }

    /// The spans that have ended, in the order in which they did.
    pub(super) fn spans(&self) -> Vec<Seen> {
        self.0.lock().unwrap().closed.clone()
    }

    /// The one span with this name for OpenTelemetry.
    pub(super) fn span(&self, name: &str) -> Seen {
        let mut found: Vec<_> =
            self.spans().into_iter().filter(|span| span.get("otel.name") == name).collect();
        assert_eq!(found.len(), 1, "spans `{name}`: {found:#?} of {:#?}", self.names());
        found.remove(0)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.spans().iter().map(|span| span.get("otel.name").to_owned()).collect()
    }

    pub(super) fn events(&self) -> Vec<Seen> {
        self.0.lock().unwrap().events.clone()
    }

    /// Spans that were opened and have not ended.
    pub(super) fn open(&self) -> usize {
        let inner = self.0.lock().unwrap();
        inner.opened - inner.closed.len()
    }

    /// Everything, as text.
    pub(super) fn text(&self) -> String {
        format!("{:?}", self.0.lock().unwrap())
    }
}

struct Fields<'a>(&'a mut Seen);

impl Fields<'_> {
    fn put(&mut self, field: &tracing::field::Field, value: String) {
        if self.0.fields.insert(field.name(), value).is_some() {
            self.0.twice.push(field.name());
        }
    }
}

impl tracing::field::Visit for Fields<'_> {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Capture {
    fn on_new_span(&self, attrs: &tracing::span::Attributes<'_>, id: &tracing::span::Id, cx: Context<'_, S>) {
        let span = cx.span(id).unwrap();
        let parent = span.parent().map(|parent| {
            parent.extensions().get::<Seen>().map_or_else(
                || parent.name().to_owned(),
                |seen| match seen.get("otel.name") {
                    "" => seen.name.clone(),
                    name => name.to_owned(),
                },
            )
        });
        let mut seen = Seen { name: span.name().into(), parent, ..Seen::default() };
        attrs.record(&mut Fields(&mut seen));
        span.extensions_mut().insert(seen);
        self.0.lock().unwrap().opened += 1;
    }

    fn on_record(&self, id: &tracing::span::Id, values: &tracing::span::Record<'_>, cx: Context<'_, S>) {
        let span = cx.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        values.record(&mut Fields(extensions.get_mut::<Seen>().unwrap()));
    }

    fn on_event(&self, event: &tracing::Event<'_>, cx: Context<'_, S>) {
        let parent = cx
            .event_span(event)
            .and_then(|span| span.extensions().get::<Seen>().map(|seen| seen.get("otel.name").to_owned()));
        let mut seen = Seen { parent, ..Seen::default() };
        event.record(&mut Fields(&mut seen));
        seen.name = seen.fields.remove("message").unwrap_or_default();
        self.0.lock().unwrap().events.push(seen);
    }

    fn on_close(&self, id: tracing::span::Id, cx: Context<'_, S>) {
        let span = cx.span(&id).unwrap();
        let seen = span.extensions_mut().remove::<Seen>().unwrap();
        self.0.lock().unwrap().closed.push(seen);
    }
}

type Body = dyn Fn(String, RunContext) -> BoxFuture<'static, Result<String, AgentError>> + Send + Sync;

/// An agent with a name that is a closure of its goal's text.
pub(super) struct Named(pub(super) &'static str, pub(super) Box<Body>);

impl fmt::Debug for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[async_trait]
impl Agent for Named {
    fn name(&self) -> &str {
        self.0
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        Ok(Outcome::new((self.1)(goal.text, cx.clone()).await?, Spend::default()))
    }
}

pub(super) fn named<F>(
    name: &'static str,
    body: impl Fn(String, RunContext) -> F + Send + Sync + 'static,
) -> Named
where
    F: Future<Output = Result<String, AgentError>> + Send + 'static,
{
    Named(name, Box::new(move |goal, cx| Box::pin(body(goal, cx))))
}
