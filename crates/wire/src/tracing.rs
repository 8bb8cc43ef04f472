//! What endpoints note of requests that are traced. Of the others they note nothing, and read no clock.

use std::sync::Arc;

use trilith_core::trace::{Change, Event, Instant, Parent, Settings, Trace, Tracing};
use trilith_core::{Error, Result};
use trilith_engine::{Answer, Engine, Reply};

use crate::context::Context;

/// What a request said when it came in, kept only while requests are traced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrival {
    /// Since when the message is waited for.
    pub(crate) at: Instant,
    traceparent: Option<String>,
    tracestate: Option<String>,
}

#[cfg_attr(not(feature = "grpc"), expect(dead_code, reason = "HTTP names the model in the same breath"))]
impl Arrival {
    /// Notes a call whose headers have come, if any request may be traced.
    pub(crate) fn note<'h>(
        context: &Context,
        header: impl Fn(&'static str) -> Option<&'h [u8]>,
    ) -> Option<Box<Self>> {
        context.tracing.is_active().then(|| {
            let text =
                |name| header(name).and_then(|value| std::str::from_utf8(value).ok()).map(str::to_owned);
            Box::new(Self {
                at: context.engine.clock().now(),
                traceparent: text("traceparent"),
                tracestate: text("tracestate"),
            })
        })
    }

    /// A call of which only the time is known.
    pub(crate) fn since(at: Instant) -> Self {
        Self { at, ..Self::default() }
    }

    /// A trace for the message that has come, if it is to be traced.
    pub(crate) fn sample(&self, tracing: &Tracing, model: &str) -> Option<Arc<dyn Trace>> {
        let parent =
            Parent { traceparent: self.traceparent.as_deref(), tracestate: self.tracestate.as_deref() };
        let trace = tracing.sample(model, parent)?;
        trace.mark_at(Event::GrpcWaitReadStart, self.at);
        trace.mark(Event::GrpcWaitReadEnd);
        Some(trace)
    }
}

/// Notes the answers that come back, where the request is traced.
pub(crate) fn noting(reply: Box<dyn Reply>, trace: Option<&Arc<dyn Trace>>) -> Box<dyn Reply> {
    match trace {
        None => reply,
        Some(trace) => Box::new(Noting { reply, trace: Arc::clone(trace) }),
    }
}

struct Noting {
    reply: Box<dyn Reply>,
    trace: Arc<dyn Trace>,
}

impl Reply for Noting {
    fn send(&mut self, answer: Answer) {
        if answer.result.is_some() {
            self.trace.mark(Event::ResponseComplete);
        }
        self.reply.send(answer);
    }

    fn begin(&mut self, port: u64) {
        self.reply.begin(port);
    }

    fn hand_back(&mut self) -> bool {
        self.reply.hand_back()
    }
}

/// An answer that is being sent, until this is dropped.
#[cfg_attr(not(any(feature = "http", feature = "grpc")), expect(dead_code, reason = "nothing is sent"))]
#[derive(Debug)]
pub(crate) struct Sending {
    trace: Arc<dyn Trace>,
    end: Event,
}

#[cfg_attr(not(any(feature = "http", feature = "grpc")), expect(dead_code, reason = "nothing is sent"))]
impl Sending {
    /// Begins now; what is noted then, and at the end.
    pub(crate) fn begin(trace: Arc<dyn Trace>, (start, end): (Event, Event)) -> Self {
        trace.mark(start);
        Self { trace, end }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.trace.mark(self.end);
    }
}

/// Settings of one model, or of the server, after changing what is to be changed.
pub(crate) fn settings(context: &Context, model: Option<&str>, changes: Vec<Change>) -> Result<Settings> {
    let tracer = context.tracing.tracer()?;
    if let Some(name) = model {
        check_model(&context.engine, name)?;
    }
    tracer.update(model, changes)?;
    Ok(tracer.settings(model))
}

fn check_model(engine: &Engine, name: &str) -> Result<()> {
    match engine.model(name, None) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::invalid(format!("Request for unknown model : {name}"))
            .with_hint(error.full_text().into_owned())),
    }
}
