//! Spans as OTLP says them: `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest` in protobuf.
//!
//! Numbers of fields are those of <https://github.com/open-telemetry/opentelemetry-proto>, `v1`.

use crate::spans::{Span, Value};

/// Every span is the server's side of something.
const SERVER: u64 = 2;

/// What the spans are said to come from.
const SCOPE: &str = "triton-server";

/// One message for spans of a server with these attributes.
pub fn encode(resource: &[(String, String)], spans: &[Span]) -> Vec<u8> {
    let resource = message(|out| {
        for (key, value) in resource {
            put(out, 1, &attribute(key, &Value::Text(value.clone())));
        }
    });
    let scope = message(|out| put(out, 1, SCOPE.as_bytes()));
    let scope_spans = message(|out| {
        put(out, 1, &scope);
        for one in spans {
            put(out, 2, &span(one));
        }
    });
    let resource_spans = message(|out| {
        put(out, 1, &resource);
        put(out, 2, &scope_spans);
    });
    message(|out| put(out, 1, &resource_spans))
}

fn span(span: &Span) -> Vec<u8> {
    message(|out| {
        put(out, 1, &span.trace);
        put(out, 2, &span.id);
        if !span.state.is_empty() {
            put(out, 3, span.state.as_bytes());
        }
        if let Some(parent) = &span.parent {
            put(out, 4, parent);
        }
        put(out, 5, span.name.as_bytes());
        put_number(out, 6, SERVER);
        put_fixed(out, 7, span.start);
        put_fixed(out, 8, span.end);
        span.attributes.iter().for_each(|(key, value)| put(out, 9, &attribute(key, value)));
        for (name, at) in &span.events {
            put(
                out,
                11,
                &message(|out| {
                    put_fixed(out, 1, *at);
                    put(out, 2, name.as_bytes());
                }),
            );
        }
    })
}

fn attribute(key: &str, value: &Value) -> Vec<u8> {
    let value = message(|out| match value {
        Value::Text(text) => put(out, 1, text.as_bytes()),
        Value::Number(number) => put_number(out, 3, *number as u64),
    });
    message(|out| {
        put(out, 1, key.as_bytes());
        put(out, 2, &value);
    })
}

fn message(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn put(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, content.len() as u64);
    out.extend_from_slice(content);
}

fn put_number(out: &mut Vec<u8>, field: u64, number: u64) {
    put_varint(out, field << 3);
    put_varint(out, number);
}

fn put_fixed(out: &mut Vec<u8>, field: u64, number: u64) {
    put_varint(out, field << 3 | 1);
    out.extend_from_slice(&number.to_le_bytes());
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}
