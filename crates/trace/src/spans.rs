//! Traces as the spans of OpenTelemetry, by Triton's names.

use trilith_core::trace::{Event, Instant};

use crate::identity::{Names, SpanId, TraceId};
use crate::recording::{Entry, Finished, Record};

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// A stretch of a request's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Its own name.
    pub id: SpanId,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    /// What other systems want to be handed on.
    pub state: String,
    /// What people call it.
    pub name: String,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// Nanoseconds since 1970.
    pub end: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Value)>,
    /// Points in it, in the order of time.
    pub events: Vec<(&'static str, u64)>,
}

/// How many spans [`spans`] gives, at most.
pub fn count(trace: &Finished) -> usize {
    1 + 2 * trace.records.len()
}

/// The spans of a trace; `offset` is added to the engine's time for nanoseconds since 1970.
pub fn spans(trace: &Finished, offset: u64) -> Vec<Span> {
    let mut spans = Vec::with_capacity(count(trace));
    for (position, record) in trace.records.iter().enumerate() {
        let Some(names) = record.identity.names() else { continue };
        if position == 0 {
            spans.extend(endpoint_span(names, record, offset));
        }
        spans.extend(request_span(names, record, offset));
        spans.extend(compute_span(names, record, offset));
    }
    spans
}

fn endpoint_span(names: &Names, record: &Record, offset: u64) -> Option<Span> {
    let is_endpoint = |event| !is_request(event) && !is_compute(event);
    let mut span = make_span(names, (names.endpoint, names.caller), &marks(record, is_endpoint), offset)?;
    span.name = "InferRequest".into();
    Some(span)
}

fn request_span(names: &Names, record: &Record, offset: u64) -> Option<Span> {
    let subject = record.subject.as_ref()?;
    let mut span = make_span(names, (names.own, Some(names.endpoint)), &marks(record, is_request), offset)?;
    span.name.clone_from(&subject.model);
    span.attributes = vec![
        ("triton.model_name", Value::Text(subject.model.clone())),
        ("triton.model_version", Value::Number(subject.version)),
        ("triton.trace_id", Value::Number(record.id as i64)),
        ("triton.trace_parent_id", Value::Number(record.parent as i64)),
    ];
    if !subject.request_id.is_empty() {
        span.attributes.push(("triton.request_id", Value::Text(subject.request_id.clone())));
    }
    Some(span)
}

fn compute_span(names: &Names, record: &Record, offset: u64) -> Option<Span> {
    let id = crate::identity::make_span_id();
    let mut span = make_span(names, (id, Some(names.own)), &marks(record, is_compute), offset)?;
    span.name = "compute".into();
    Some(span)
}

fn make_span(
    names: &Names,
    (id, parent): (SpanId, Option<SpanId>),
    marks: &[(Event, Instant)],
    offset: u64,
) -> Option<Span> {
    let (start, end) = (marks.first()?.1, marks.last()?.1);
    Some(Span {
        trace: names.trace,
        id,
        parent,
        state: names.state.clone(),
        name: String::new(),
        start: start + offset,
        end: end + offset,
        attributes: Vec::new(),
        events: marks.iter().map(|(event, at)| (event.name(), at + offset)).collect(),
    })
}

/// The points of a kind, in the order of time.
fn marks(record: &Record, is_wanted: impl Fn(Event) -> bool) -> Vec<(Event, Instant)> {
    let mut marks: Vec<_> = record
        .entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Mark(event, at) if is_wanted(*event) => Some((*event, *at)),
            _ => None,
        })
        .collect();
    marks.sort_by_key(|(_, at)| *at);
    marks
}

fn is_request(event: Event) -> bool {
    matches!(event, Event::RequestStart | Event::QueueStart | Event::RequestEnd)
}

fn is_compute(event: Event) -> bool {
    matches!(
        event,
        Event::ComputeStart | Event::ComputeInputEnd | Event::ComputeOutputStart | Event::ComputeEnd
    )
}
