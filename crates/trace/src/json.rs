//! Traces as Triton writes them.

use std::fmt::{Display, Write};

use half::{bf16, f16};
use trilith_core::DataType;
use trilith_core::trace::Event;

use crate::recording::{Entry, Finished, Record, Seen, Subject};
use crate::time::Timebase;

/// Appends a trace: objects with commas between.
pub fn write(text: &mut String, trace: &Finished, time: &Timebase) {
    let is_timed = trace.setting.values.levels.timestamps;
    let mut is_first = true;
    for record in &trace.records {
        let mut object = |text: &mut String, write: &dyn Fn(&mut String)| {
            if !std::mem::take(&mut is_first) {
                text.push(',');
            }
            let _ = write!(text, "{{\"id\":{}", record.id);
            write(text);
            text.push('}');
        };
        for (position, entry) in record.entries.iter().enumerate() {
            if let Some(subject) = record.subject.as_ref().filter(|_| is_timed && position == record.begun_at)
            {
                object(text, &|text| write_subject(text, subject, record));
            }
            match entry {
                Entry::Mark(event, at) => object(text, &|text| write_mark(text, *event, time.monotonic(*at))),
                Entry::Tensor(activity, seen) => object(text, &|text| {
                    let _ = write!(text, ",\"activity\":\"{}\",\"tensor\":", activity.name());
                    write_tensor(text, seen);
                }),
            }
        }
    }
}

fn write_subject(text: &mut String, subject: &Subject, record: &Record) {
    text.push_str(",\"model_name\":");
    write_string(text, &subject.model);
    let _ = write!(text, ",\"model_version\":{}", subject.version);
    if !subject.request_id.is_empty() {
        text.push_str(",\"request_id\":");
        write_string(text, &subject.request_id);
    }
    if record.parent != 0 {
        let _ = write!(text, ",\"parent_id\":{}", record.parent);
    }
}

fn write_mark(text: &mut String, event: Event, nanoseconds: u64) {
    let _ = write!(text, ",\"timestamps\":[{{\"name\":\"{}\",\"ns\":{nanoseconds}}}]", event.name());
}

fn write_tensor(text: &mut String, seen: &Seen) {
    text.push_str("{\"name\":");
    write_string(text, &seen.name);
    text.push_str(",\"data\":");
    write_string(text, &elements(seen));
    text.push_str(",\"shape\":\"");
    join(text, seen.shape.iter());
    let _ = write!(text, "\",\"dtype\":\"{}\"}}", seen.datatype.name());
}

/// The elements in a row, with commas between; strings stand in quotes.
fn elements(seen: &Seen) -> String {
    let mut text = String::new();
    let content = seen.content.as_slice();
    match seen.datatype {
        DataType::Bool => join(&mut text, content.iter().map(|byte| u8::from(*byte != 0))),
        DataType::Uint8 => join(&mut text, content.iter()),
        DataType::Uint16 => join(&mut text, numbers(content, u16::from_le_bytes)),
        DataType::Uint32 => join(&mut text, numbers(content, u32::from_le_bytes)),
        DataType::Uint64 => join(&mut text, numbers(content, u64::from_le_bytes)),
        DataType::Int8 => join(&mut text, numbers(content, i8::from_le_bytes)),
        DataType::Int16 => join(&mut text, numbers(content, i16::from_le_bytes)),
        DataType::Int32 => join(&mut text, numbers(content, i32::from_le_bytes)),
        DataType::Int64 => join(&mut text, numbers(content, i64::from_le_bytes)),
        DataType::Fp16 => join(&mut text, numbers(content, f16::from_le_bytes)),
        DataType::Bf16 => join(&mut text, numbers(content, bf16::from_le_bytes)),
        DataType::Fp32 => join(&mut text, numbers(content, f32::from_le_bytes)),
        DataType::Fp64 => join(&mut text, numbers(content, f64::from_le_bytes)),
        DataType::Bytes => join(&mut text, strings(content)),
    }
    text
}

fn numbers<const SIZE: usize, T>(content: &[u8], read: fn([u8; SIZE]) -> T) -> impl Iterator<Item = T> {
    content.chunks_exact(SIZE).filter_map(move |chunk| chunk.try_into().ok().map(read))
}

fn strings(content: &[u8]) -> impl Iterator<Item = String> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (element, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        rest = after;
        Some(format!("\"{}\"", String::from_utf8_lossy(element)))
    })
}

fn join<T: Display>(text: &mut String, items: impl Iterator<Item = T>) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push(',');
        }
        let _ = write!(text, "{item}");
    }
}

/// Appends a text as JSON has it.
pub(crate) fn write_string(text: &mut String, content: &str) {
    text.push('"');
    for character in content.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
}
