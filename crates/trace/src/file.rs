//! Triton's trace files.
//!
//! Under a log frequency of n, every n traces make a file of their own: `FILE.0`, `FILE.1` and so on. Traces of a count
//! go into one such file when the last of them has ended. All others are appended to `FILE`. Every file is complete JSON
//! whenever it is looked at.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use trilith_core::trace::Parent;
use trilith_core::{Error, Result};

use crate::identity::Identity;
use crate::json;
use crate::output::{Notice, Output};
use crate::queue::{Delivery, Message, Queue};
use crate::recording::Finished;
use crate::time::Timebase;
use crate::values::Values;

/// Bytes that are kept for one file until all its traces are there. A file of more gets what there is, and the next one
/// the rest, so that a large log frequency does not fill the memory.
const MOST_KEPT: usize = 64 << 20;

/// Traces on their way to files.
pub struct FileOutput {
    path: PathBuf,
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<u64>>>,
}

impl FileOutput {
    /// Writes to that file, and files whose names begin with it, on a thread of its own.
    ///
    /// Fails if the thread cannot be started.
    pub fn start(path: &Path, time: Timebase, notice: Notice) -> io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let (received, own) = (Arc::clone(&queue), path.to_owned());
        let writer = thread::Builder::new()
            .name("trace-file".into())
            .spawn(move || Writer::new(own, time, notice).run(&received))?;
        Ok(Self { path: path.to_owned(), queue, writer: Mutex::new(Some(writer)) })
    }
}

impl Output for FileOutput {
    fn identify(&self, _: Parent<'_>) -> (bool, Identity) {
        (false, Identity::default())
    }

    fn takes_tensors(&self) -> bool {
        true
    }

    fn take(&self, trace: Finished) {
        // A request that was refused before it was asked of a model leaves nothing.
        if trace.records.first().is_some_and(|record| record.subject.is_some()) {
            self.queue.leave_trace(trace);
        }
    }

    fn exhaust(&self, setting: u64) {
        self.queue.leave(Message::Exhausted(setting));
    }

    fn retire(&self, setting: u64, values: &Values) {
        self.queue.leave(Message::Retired(setting, *values));
    }

    fn check(&self) -> Result<()> {
        check(&self.path).map_err(|error| {
            let path = self.path.display();
            Error::internal(format!("the trace file '{path}' cannot be written: {error}"))
        })
    }

    fn close(&self) -> Option<String> {
        self.queue.close();
        let lost = self.writer.lock().take().and_then(|writer| writer.join().ok()).unwrap_or(0);
        (lost > 0).then(|| format!("{lost} traces could not be written"))
    }
}

/// Whether a file can be written; leaves nothing behind, and what is there as it is.
pub fn check(path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return OpenOptions::new().append(true).open(path).map(drop);
    }
    // Not under its own name: traces may be written to it at this moment.
    let probe = beside(path, ".probe");
    File::create(&probe)?;
    fs::remove_file(&probe)
}

/// The path of a file beside another one.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// Traces that are kept for a file.
struct Kept {
    text: String,
    traces: u64,
    values: Values,
}

impl Kept {
    /// Whether they go into a file of their own, once they are complete.
    fn is_numbered(&self) -> bool {
        self.values.log_frequency != 0 || self.values.count.is_some()
    }

    fn is_complete(&self) -> bool {
        let frequency = u64::from(self.values.log_frequency);
        (frequency != 0 && self.traces >= frequency) || self.text.len() > MOST_KEPT
    }
}

struct Writer {
    path: PathBuf,
    time: Timebase,
    notice: Notice,
    /// Whether anything was appended to the file itself.
    has_begun: bool,
    next_number: u64,
    kept: HashMap<u64, Kept>,
    /// Whether the last attempt failed, which people were told.
    is_failing: bool,
    lost: u64,
}

impl Writer {
    fn new(path: PathBuf, time: Timebase, notice: Notice) -> Self {
        let kept = HashMap::new();
        Self { path, time, notice, has_begun: false, next_number: 0, kept, is_failing: false, lost: 0 }
    }

    /// Writes until nothing follows; how many traces were lost.
    fn run(mut self, queue: &Queue) -> u64 {
        loop {
            let Delivery { messages, dropped, is_last } = queue.receive();
            if dropped > 0 {
                self.lost += dropped;
                (self.notice)(format!(
                    "{dropped} traces were dropped: they end faster than they are written"
                ));
            }
            for message in messages {
                self.accept(message);
            }
            self.write_ripe(|kept| !kept.is_numbered());
            if is_last {
                self.write_ripe(|_| true);
                return self.lost;
            }
        }
    }

    fn accept(&mut self, message: Message) {
        match message {
            Message::Trace(trace) => self.keep(&trace),
            Message::Exhausted(setting) => {
                if let Some(kept) = self.kept.remove(&setting) {
                    self.write_numbered(&kept);
                }
            }
            Message::Retired(setting, _) => {
                if let Some(kept) = self.kept.remove(&setting) {
                    self.write_rest(&kept);
                }
            }
        }
    }

    fn keep(&mut self, trace: &Finished) {
        let setting = &trace.setting;
        let fresh = || Kept { text: String::new(), traces: 0, values: setting.values };
        let kept = self.kept.entry(setting.id).or_insert_with(fresh);
        if kept.traces > 0 {
            kept.text.push(',');
        }
        kept.traces += 1;
        json::write(&mut kept.text, trace, &self.time);
        if kept.is_complete()
            && let Some(kept) = self.kept.remove(&setting.id)
        {
            if kept.is_numbered() {
                self.write_numbered(&kept);
            } else {
                self.write_rest(&kept);
            }
        }
    }

    /// Writes what need not wait.
    fn write_ripe(&mut self, is_ripe: impl Fn(&Kept) -> bool) {
        let ripe: Vec<u64> =
            self.kept.iter().filter(|(_, kept)| is_ripe(kept)).map(|(setting, _)| *setting).collect();
        for setting in ripe {
            if let Some(kept) = self.kept.remove(&setting) {
                self.write_rest(&kept);
            }
        }
    }

    /// Writes what will not be completed.
    fn write_rest(&mut self, kept: &Kept) {
        if kept.values.log_frequency != 0 {
            return self.write_numbered(kept);
        }
        let result = self.append(&kept.text);
        self.settle(result, kept.traces);
    }

    fn write_numbered(&mut self, kept: &Kept) {
        let path = beside(&self.path, &format!(".{}", self.next_number));
        self.next_number += 1;
        let result = write_whole(&path, &kept.text);
        self.settle(result, kept.traces);
    }

    fn settle(&mut self, result: io::Result<()>, traces: u64) {
        let was_failing = self.is_failing;
        self.is_failing = result.is_err();
        if let Err(error) = result {
            self.lost += traces;
            if !was_failing {
                let path = self.path.display();
                (self.notice)(format!("the trace file '{path}' cannot be written, traces are lost: {error}"));
            }
        }
    }

    /// Appends to the file itself, over the bracket that ends it. The file of an earlier run gives way.
    fn append(&mut self, text: &str) -> io::Result<()> {
        if !self.path.try_exists()? {
            self.has_begun = true;
            return write_whole(&self.path, text);
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(!std::mem::replace(&mut self.has_begun, true))
            .open(&self.path)?;
        let end = file.seek(SeekFrom::End(0))?;
        let opening = if end == 0 { '[' } else { ',' };
        let place = end.saturating_sub(1);
        let result = write_at(&mut file, place, &format!("{opening}{text}]"));
        if result.is_err() && file.set_len(place).is_ok() && end > 0 {
            // What was there before stays whole.
            let _ = write_at(&mut file, place, "]");
        }
        result
    }
}

fn write_at(file: &mut File, place: u64, text: &str) -> io::Result<()> {
    file.seek(SeekFrom::Start(place))?;
    file.write_all(text.as_bytes())
}

/// Writes a file that appears only when it is complete.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let unfinished = beside(path, ".unfinished");
    fs::write(&unfinished, format!("[{text}]"))?;
    fs::rename(&unfinished, path)
}
