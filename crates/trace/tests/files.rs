//! Traces in files, from the sample to what stands on the disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trilith_core::trace::{Activity, Event, Parent, Trace, Tracer as _};
use trilith_core::{DataType, Signature, Tensor};
use trilith_trace::file::{FileOutput, check};
use trilith_trace::queue::{MOST_BYTES, Queue};
use trilith_trace::recording::Finished;
use trilith_trace::tracer::Setting;
use trilith_trace::{Levels, Mode, NoOutput, Output, Timebase, Tracer, Values};

/// A folder of one test, removed with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("trilith-trace-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("trace.json")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

type Notices = Arc<Mutex<Vec<String>>>;

fn start(path: &Path, values: Values) -> (Tracer, Arc<dyn Output>, Notices) {
    let notices = Notices::default();
    let kept = Arc::clone(&notices);
    let time = || Timebase::with_beginning(|| 7, 1000);
    let notice = Box::new(move |message| kept.lock().unwrap().push(message));
    let output: Arc<dyn Output> = Arc::new(FileOutput::start(path, time(), notice).unwrap());
    let mode = Mode::Triton { file: path.to_str().unwrap().into() };
    (Tracer::new(mode, values, Arc::clone(&output), time()), output, notices)
}

fn both(rate: u32, count: Option<u32>, log_frequency: u32) -> Values {
    Values { levels: Levels { timestamps: true, tensors: true }, rate, count, log_frequency }
}

fn signature(model: &str) -> Signature {
    Signature { model: model.into(), version: 3, ..Signature::default() }
}

/// A request from its beginning to its end; whether it was traced.
fn ask(tracer: &Tracer, model: &str) -> bool {
    let Some(trace) = tracer.sample(model, Parent::default()) else { return false };
    trace.mark_at(Event::HttpReceiveStart, 1);
    run(trace.as_ref(), model);
    true
}

fn run(trace: &dyn Trace, model: &str) {
    trace.begin(&signature(model), "a \"name\"", 2);
    trace.mark_at(Event::RequestStart, 2);
    let tensor =
        Tensor::new("IN", DataType::Fp32, &[1, 2], [1.5_f32, f32::NAN].map(f32::to_le_bytes).concat());
    trace.note_tensors(Activity::QueueInput, &[tensor]);
    trace.mark(Event::RequestEnd);
}

fn read(path: &Path) -> Vec<Value> {
    serde_json::from_slice::<Vec<Value>>(&fs::read(path).unwrap()).unwrap()
}

fn traces(path: &Path) -> usize {
    read(path).iter().filter(|entry| entry.get("model_name").is_some()).count()
}

#[test]
fn a_trace_is_written_as_triton_writes_it() {
    let folder = Folder::new();
    let (tracer, output, notices) = start(&folder.file(), both(1, None, 0));
    let trace = tracer.sample("outer", Parent::default()).unwrap();
    let id = trace.id();
    trace.mark_at(Event::HttpReceiveStart, 1);
    run(trace.as_ref(), "outer");
    let inner = trace.child();
    inner.begin(&signature("inner"), "", 3);
    inner.mark_at(Event::RequestStart, 3);
    let child = inner.id();
    drop((trace, inner));
    assert_eq!(output.close(), None);
    let mark = |id: u64, name: &str, ns: u64| json!({"id": id, "timestamps": [{"name": name, "ns": ns}]});
    let tensor = json!({"name": "IN", "data": "1.5,NaN", "shape": "1,2", "dtype": "FP32"});
    assert_eq!(
        read(&folder.file()),
        [
            mark(id, "HTTP_RECV_START", 1001),
            json!({"id": id, "model_name": "outer", "model_version": 3, "request_id": "a \"name\""}),
            mark(id, "REQUEST_START", 1002),
            json!({"id": id, "activity": "TENSOR_QUEUE_INPUT", "tensor": tensor}),
            mark(id, "REQUEST_END", 1007),
            json!({"id": child, "model_name": "inner", "model_version": 3, "parent_id": id}),
            mark(child, "REQUEST_START", 1003),
        ]
    );
    assert!(notices.lock().unwrap().is_empty());
}

#[test]
fn the_file_appears_whole_and_stays_whoever_asks_whether_it_can_be_written() {
    for _ in 0..100 {
        let folder = Folder::new();
        let (tracer, output, _) = start(&folder.file(), both(1, None, 0));
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    output.check().unwrap();
                }
            });
            ask(&tracer, "m");
            let end = Instant::now() + Duration::from_secs(30);
            while !folder.file().exists() && Instant::now() < end {
                thread::yield_now();
            }
            let found = fs::read_to_string(folder.file());
            is_over.store(true, Ordering::Relaxed);
            assert!(found.unwrap().ends_with(']'));
        });
        assert_eq!(output.close(), None);
        assert_eq!((folder.names(), traces(&folder.file())), (vec!["trace.json".to_owned()], 1));
    }
}

#[test]
fn every_so_many_traces_make_a_file_and_the_rest_makes_the_last() {
    let folder = Folder::new();
    let (tracer, output, _) = start(&folder.file(), both(2, None, 2));
    assert_eq!((0..10).filter(|_| ask(&tracer, "m")).count(), 5);
    output.close();
    assert_eq!(folder.names(), ["trace.json.0", "trace.json.1", "trace.json.2"]);
    let counts = [0, 1, 2].map(|number| traces(&folder.0.join(format!("trace.json.{number}"))));
    assert_eq!(counts, [2, 2, 1]);
}

#[test]
fn traces_of_a_count_make_one_file_when_the_last_has_ended() {
    let folder = Folder::new();
    let (tracer, output, _) = start(&folder.file(), both(1, Some(3), 0));
    let is_active = tracer.is_active();
    assert!(is_active.load(Ordering::Relaxed));
    assert_eq!((0..10).filter(|_| ask(&tracer, "m")).count(), 3);
    assert!(!is_active.load(Ordering::Relaxed), "nobody is asked any more once the count is used up");
    output.close();
    assert_eq!(folder.names(), ["trace.json.0"]);
    assert_eq!(traces(&folder.0.join("trace.json.0")), 3);
}

#[test]
fn a_model_has_its_own_rate_until_that_is_cleared() {
    let folder = Folder::new();
    let (tracer, output, _) = start(&folder.file(), both(1, None, 0));
    let set = |value: Option<&str>| {
        let values = value.map(|value| vec![value.to_owned()]);
        tracer.update(Some("slow"), vec![("trace_rate".into(), values)])
    };
    set(Some("5")).unwrap();
    assert_eq!((0..10).filter(|_| ask(&tracer, "slow")).count(), 2);
    assert_eq!((0..10).filter(|_| ask(&tracer, "other")).count(), 10);
    set(None).unwrap();
    assert_eq!((0..10).filter(|_| ask(&tracer, "slow")).count(), 10);
    output.close();
    assert_eq!(traces(&folder.file()), 22);
}

#[test]
fn a_request_that_no_model_was_asked_for_leaves_nothing() {
    let folder = Folder::new();
    let (tracer, output, _) = start(&folder.file(), both(1, None, 0));
    tracer.sample("m", Parent::default()).unwrap().mark(Event::HttpReceiveStart);
    output.close();
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_file_that_cannot_be_written_is_said_and_counted() {
    let folder = Folder::new();
    let path = folder.0.join("gone/trace.json");
    let (tracer, output, notices) = start(&path, both(1, None, 0));
    let error = output.check().unwrap_err();
    assert!(error.message.contains("gone/trace.json' cannot be written"), "{error}");
    let change = vec![("trace_rate".to_owned(), Some(vec!["3".to_owned()]))];
    assert!(tracer.update(None, change).is_err());
    ask(&tracer, "m");
    assert_eq!(output.close().as_deref(), Some("1 traces could not be written"));
    assert_eq!(notices.lock().unwrap().len(), 1);
}

#[test]
fn looking_whether_a_file_can_be_written_leaves_it_as_it_is() {
    let folder = Folder::new();
    check(&folder.file()).unwrap();
    assert_eq!(folder.names(), [""; 0]);
    fs::write(folder.file(), "kept").unwrap();
    check(&folder.file()).unwrap();
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), "kept");
}

#[test]
fn without_a_file_tracing_cannot_be_switched_on() {
    let mode = Mode::Triton { file: String::new() };
    let time = Timebase::with_beginning(|| 0, 0);
    let tracer = Tracer::new(mode, Values::default(), Arc::new(NoOutput), time);
    let on = vec![("trace_level".to_owned(), Some(vec!["TIMESTAMPS".to_owned()]))];
    let error = tracer.update(None, on).unwrap_err();
    assert!(error.message.contains("trace file name is not given"), "{error}");
    assert!(tracer.sample("m", Parent::default()).is_none());
}

#[test]
fn what_waits_to_be_written_is_bounded_and_what_is_dropped_is_counted() {
    let queue = Queue::default();
    let setting = Setting::new(both(1, None, 0), Arc::new(NoOutput));
    let trace = |bytes: usize| {
        let seen = trilith_trace::recording::Seen {
            name: "IN".into(),
            datatype: DataType::Uint8,
            shape: trilith_core::tensor::Shape::from_slice(&[bytes as i64]),
            content: vec![0; bytes],
        };
        let entries = vec![trilith_trace::recording::Entry::Tensor(Activity::QueueInput, seen)];
        let record = trilith_trace::recording::Record { entries, ..Default::default() };
        Finished { setting: Arc::clone(&setting), records: vec![record] }
    };
    for _ in 0..5 {
        queue.leave_trace(trace(MOST_BYTES / 3));
    }
    let delivery = queue.receive();
    assert_eq!((delivery.messages.len(), delivery.dropped), (2, 3));
    queue.leave_trace(trace(MOST_BYTES + 1));
    assert_eq!(queue.receive().dropped, 0, "one trace alone may be larger");
}
