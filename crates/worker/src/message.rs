//! What travels over the socket, encoded by `postcard`.
//!
//! Both ends come from one build of this crate, so that no version is negotiated.

use serde::{Deserialize, Serialize};

/// From the server to the worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker<'a> {
    /// Run this.
    Batch {
        /// Counts up by one with each batch.
        id: u64,
        /// Ranges of the worker's segment that the server has let go.
        freed: Vec<u64>,
        /// The requests, in the order of the batch.
        #[serde(borrow)]
        requests: Vec<RequestMessage<'a>>,
        /// Whether the server's thread has nothing else to do than to wait for the answer.
        is_single: bool,
    },
    /// Nobody waits any more for the answer to one request.
    Cancel {
        /// Its batch.
        batch: u64,
        /// Its position in that.
        index: u32,
    },
    /// So many of the answers to one request were read, counted from its first one.
    Read {
        /// Its batch.
        batch: u64,
        /// Its position in that.
        index: u32,
        /// How many answers.
        answers: u64,
        /// Bytes of their tensors.
        bytes: u64,
    },
    /// Ranges of the worker's segment that the server has let go.
    Freed(Vec<u64>),
    /// No other batch will come; the worker lets go of its model and ends the channel.
    Finish,
    /// An answer to a request that the worker's model made of another.
    Reply {
        /// The worker's number for that request.
        call: u64,
        /// Ranges of the worker's segment that the server has let go.
        freed: Vec<u64>,
        /// The answer; `None` where the answers end without another one.
        #[serde(borrow)]
        answer: Option<AnswerMessage<'a>>,
        /// Whether no other answer follows.
        is_final: bool,
    },
}

/// From the worker to the server.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToServer<'a> {
    /// The answers to a whole batch; the worker takes the next one.
    Answers {
        /// The batch.
        batch: u64,
        /// Ranges of the server's segment that the worker has let go.
        freed: Vec<u64>,
        /// One answer for each request, with the request's position in the batch.
        #[serde(borrow)]
        answers: Vec<(u32, AnswerMessage<'a>)>,
    },
    /// One answer to one request of a batch that is answered piece by piece.
    Answer {
        /// The batch.
        batch: u64,
        /// Position of the request in it.
        index: u32,
        /// Ranges of the server's segment that the worker has let go.
        freed: Vec<u64>,
        /// The answer; `None` where the answers end without another one.
        #[serde(borrow)]
        answer: Option<AnswerMessage<'a>>,
        /// Whether no other answer follows.
        is_final: bool,
    },
    /// The worker takes the next batch, whatever is left to be answered of this one.
    Returned {
        /// The batch.
        batch: u64,
    },
    /// A request that the worker's model makes of another.
    Call {
        /// The worker's number for it.
        call: u64,
        /// Ranges of the server's segment that the worker has let go.
        freed: Vec<u64>,
        /// Whether the batch that the worker runs waits for the answer.
        is_waited_for: bool,
        /// Whether the caller takes any number of answers.
        takes_many: bool,
        /// The model that is to answer.
        model: &'a str,
        /// Its version, where the caller names one.
        version: Option<i64>,
        /// The request.
        #[serde(borrow)]
        request: RequestMessage<'a>,
    },
    /// Nobody waits any more for the answer to such a request.
    CancelCall {
        /// The worker's number for it.
        call: u64,
    },
    /// Asks whether a model takes requests; the reply is an answer without outputs, or says why it does not.
    IsReady {
        /// The worker's number for this question.
        call: u64,
        /// The model.
        model: &'a str,
        /// Its version, where the caller names one.
        version: Option<i64>,
    },
    /// The worker has loaded its model, or could not; in words of those who started it.
    Loaded(&'a str),
    /// What the worker's model counts.
    Metric(#[serde(borrow)] MetricMessage<'a>),
    /// The worker's model wants another one loaded or unloaded; the reply is an answer without outputs.
    Change {
        /// The worker's number for it.
        call: u64,
        /// `load` or `unload`.
        kind: &'a str,
        /// The other model.
        model: &'a str,
        /// What else is said.
        #[serde(borrow)]
        parameters: Vec<(&'a str, GivenMessage<'a>)>,
    },
}

/// What a worker's model counts. Families and series have numbers that the worker gives.
#[derive(Debug, Serialize, Deserialize)]
pub enum MetricMessage<'a> {
    /// Opens a family; the reply is an answer without outputs.
    Open {
        /// The worker's number for this question.
        call: u64,
        /// Number of the family.
        family: u64,
        /// Its name.
        name: &'a str,
        /// What it counts, in words.
        help: &'a str,
        /// Name of its kind.
        kind: &'a str,
    },
    /// Lets go of a family and its series.
    Close {
        /// Number of the family.
        family: u64,
    },
    /// Opens a series of a family; the reply is an answer without outputs.
    Series {
        /// The worker's number for this question.
        call: u64,
        /// Number of the family.
        family: u64,
        /// Number of the series.
        series: u64,
        /// Names and values.
        #[serde(borrow)]
        labels: Vec<(&'a str, &'a str)>,
        /// Upper bounds of a histogram's buckets.
        buckets: Option<Vec<f64>>,
    },
    /// Counts; there is no reply.
    Count {
        /// Number of the series.
        series: u64,
        /// What is done to it.
        act: ActMessage,
        /// By how much.
        value: f64,
    },
    /// Asks for the value of a series; the reply carries it as the parameter `value`.
    Read {
        /// The worker's number for this question.
        call: u64,
        /// Number of the series.
        series: u64,
    },
}

/// What is done to a series.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum ActMessage {
    /// Add to it.
    Increment,
    /// Put a value in its place.
    Set,
    /// Count an observation.
    Observe,
}

/// A value that comes with a change.
#[derive(Debug, Serialize, Deserialize)]
pub enum GivenMessage<'a> {
    /// true or false
    Bool(bool),
    /// a text
    Text(&'a str),
    /// the content of a file
    Bytes(#[serde(borrow, with = "serde_bytes")] &'a [u8]),
}

/// A request.
#[derive(Debug, Serialize, Deserialize)]
pub struct RequestMessage<'a> {
    /// The client's own name for it.
    pub id: &'a str,
    /// The sequence it belongs to.
    #[serde(borrow)]
    pub correlation: CorrelationMessage<'a>,
    /// Sequence flags.
    pub flags: u32,
    /// Priority level as the client gave it.
    pub priority: u64,
    /// Queue timeout in microseconds as the client gave it.
    pub timeout: u64,
    /// Values that ride along.
    #[serde(borrow)]
    pub parameters: Vec<(&'a str, ParameterMessage<'a>)>,
    /// Inputs.
    #[serde(borrow)]
    pub inputs: Vec<TensorMessage<'a>>,
    /// Whether the answers that may wait for their reader are bounded.
    pub is_bounded: bool,
    /// Names of the outputs wanted; empty for all.
    #[serde(borrow)]
    pub outputs: Vec<&'a str>,
}

/// Names a sequence.
#[derive(Debug, Serialize, Deserialize)]
pub enum CorrelationMessage<'a> {
    /// By number.
    Number(u64),
    /// By text.
    Text(&'a str),
}

/// A value that rides along.
#[derive(Debug, Serialize, Deserialize)]
pub enum ParameterMessage<'a> {
    /// true or false
    Bool(bool),
    /// a signed integer
    Int(i64),
    /// an unsigned integer
    Uint(u64),
    /// a floating-point number
    Double(f64),
    /// a text
    String(&'a str),
}

/// A tensor.
#[derive(Debug, Serialize, Deserialize)]
pub struct TensorMessage<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its datatype, by the number of the model configuration.
    pub datatype: i32,
    /// Extents.
    pub shape: Vec<i64>,
    /// Where its bytes are.
    #[serde(borrow)]
    pub place: Place<'a>,
}

/// Where a tensor's bytes are.
#[derive(Debug, Serialize, Deserialize)]
pub enum Place<'a> {
    /// In this message.
    Inline(#[serde(borrow, with = "serde_bytes")] &'a [u8]),
    /// In the sender's segment.
    Shared {
        /// Where they begin.
        offset: u64,
        /// How many they are.
        length: u64,
    },
}

/// An answer.
#[derive(Debug, Serialize, Deserialize)]
pub enum AnswerMessage<'a> {
    /// Outputs and values that ride along.
    Outputs(#[serde(borrow)] Vec<TensorMessage<'a>>, #[serde(borrow)] Vec<(&'a str, ParameterMessage<'a>)>),
    /// The model failed, or refused the request.
    Failed {
        /// Whether the model itself gave this error as its answer.
        refused: bool,
        /// Name of the error code.
        code: &'a str,
        /// What happened.
        message: &'a str,
    },
    /// The model wants to run the request again.
    HandedBack,
}
