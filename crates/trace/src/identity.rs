//! Who a request is among the traces of other systems, by W3C Trace Context.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use trilith_core::trace::Parent;

/// Names a trace.
pub type TraceId = [u8; 16];

/// Names a span of a trace.
pub type SpanId = [u8; 8];

/// Longest `tracestate` that is handed on; more must not be expected to survive.
const LONGEST_STATE: usize = 512;

/// Who a request is. Traces in files are nobody's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity(Option<Arc<Names>>);

/// The names of a request that is somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The trace.
    pub trace: TraceId,
    /// The span of another system that the request came out of.
    pub caller: Option<SpanId>,
    /// The span of the endpoint; of a request that a model makes, the one of the request it answers.
    pub endpoint: SpanId,
    /// The request's own span.
    pub own: SpanId,
    /// What other systems want to be handed on.
    pub state: String,
}

impl Identity {
    /// Somebody new, or whoever the headers say; whether they say so.
    pub fn of(parent: Parent<'_>) -> (bool, Self) {
        let read = parent.traceparent.and_then(read_traceparent);
        let state = parent.tracestate.filter(|state| read.is_some() && state.len() <= LONGEST_STATE);
        let names = Names {
            trace: read.map_or_else(make_trace_id, |(trace, _)| trace),
            caller: read.map(|(_, caller)| caller),
            endpoint: make_span_id(),
            own: make_span_id(),
            state: state.unwrap_or_default().to_owned(),
        };
        (read.is_some(), Self(Some(Arc::new(names))))
    }

    /// Its names, if it has any.
    pub fn names(&self) -> Option<&Names> {
        self.0.as_deref()
    }

    /// That of a request which is made for this one's sake.
    pub fn child(&self) -> Self {
        let child =
            |names: &Arc<Names>| Names { endpoint: names.own, own: make_span_id(), ..(**names).clone() };
        Self(self.0.as_ref().map(child).map(Arc::new))
    }

    /// The headers by which another system continues it, as a JSON object.
    pub fn context(&self) -> Option<String> {
        let names = self.names()?;
        let (trace, own) = (u128::from_be_bytes(names.trace), u64::from_be_bytes(names.own));
        let mut text = format!("{{\"traceparent\":\"00-{trace:032x}-{own:016x}-01\"");
        if !names.state.is_empty() {
            text.push_str(",\"tracestate\":");
            crate::json::write_string(&mut text, &names.state);
        }
        text.push('}');
        Some(text)
    }
}

/// Reads `00-TRACE-SPAN-FLAGS`, lower-case hex; later versions may go on behind it.
fn read_traceparent(text: &str) -> Option<(TraceId, SpanId)> {
    let text = text.trim();
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let [version] = read_hex::<1>(version)?;
    read_hex::<1>(flags)?;
    if version == 0xff || (version == 0 && parts.next().is_some()) {
        return None;
    }
    let (trace, span) = (read_hex::<16>(trace)?, read_hex::<8>(span)?);
    (trace != [0; 16] && span != [0; 8]).then_some((trace, span))
}

fn read_hex<const SIZE: usize>(text: &str) -> Option<[u8; SIZE]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * SIZE || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; SIZE];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Numbers that nobody else has: a count under the hash that the process was given to be unpredictable.
fn make_number() -> u64 {
    static HASH: OnceLock<RandomState> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = HASH.get_or_init(RandomState::new).hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    // All zeros name nothing.
    number.max(1)
}

/// A name for a span.
pub(crate) fn make_span_id() -> SpanId {
    make_number().to_be_bytes()
}

fn make_trace_id() -> TraceId {
    (u128::from(make_number()) << 64 | u128::from(make_number())).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn of(traceparent: &str) -> (bool, Identity) {
        Identity::of(Parent { traceparent: Some(traceparent), tracestate: Some("a=\"b\"") })
    }

    #[test]
    fn a_request_continues_the_trace_that_its_headers_name() {
        let (belongs, identity) = of(PARENT);
        let names = identity.names().unwrap();
        assert!(belongs);
        assert_eq!(names.caller.map(u64::from_be_bytes), Some(0xb7ad_6b71_6920_3331));
        let context = identity.context().unwrap();
        assert!(context.starts_with("{\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-"), "{context}");
        assert!(context.ends_with("-01\",\"tracestate\":\"a=\\\"b\\\"\"}"), "{context}");
        let child = identity.child();
        assert_eq!(child.names().unwrap().endpoint, names.own);
        assert_eq!(child.names().unwrap().trace, names.trace);
    }

    #[test]
    fn headers_that_are_no_trace_context_begin_a_new_trace() {
        for text in [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-é7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            let (belongs, identity) = of(text);
            assert!(!belongs, "{text}");
            assert_eq!(identity.names().unwrap().caller, None);
            assert_eq!(identity.names().unwrap().state, "");
        }
        assert!(of("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more").0);
    }

    proptest! {
        /// What is handed on is read as what it says.
        #[test]
        fn a_context_is_read_as_it_was_written(depth in 0_usize..4) {
            let mut identity = Identity::of(Parent::default()).1;
            for _ in 0..depth {
                identity = identity.child();
            }
            let context = identity.context().unwrap();
            let traceparent = context.split('"').nth(3).unwrap();
            let names = identity.names().unwrap();
            prop_assert_eq!(read_traceparent(traceparent), Some((names.trace, names.own)));
        }

        /// Whatever stands in the header, reading it ends well.
        #[test]
        fn any_header_is_read_or_passed_over(text in ".{0,80}") {
            let _ = read_traceparent(&text);
        }
    }
}
