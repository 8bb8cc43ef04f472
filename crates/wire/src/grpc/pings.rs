//! Which pings are sent and taken, by the rules of gRPC's C-core.
//!
//! Looked after only where an option says so: then the heads of all frames are read on their way in and out.

use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Three bytes of length, type, flags, four bytes of stream.
const HEAD: usize = 9;
/// Head and content of a ping.
pub(super) const PING_SIZE: usize = HEAD + 8;
/// What the head of a ping that wants an answer looks like.
const PING_HEAD: [u8; HEAD] = [0, 0, 8, PING, 0, 0, 0, 0, 0];
/// The content by which h2 finds out which calls its client still sent when a connection is to end.
const ENDING: [u8; 8] = [0x0b, 0x7b, 0xa2, 0xf0, 0x8b, 0x9b, 0xfe, 0x54];

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
/// Of a ping: it is an answer. Of headers and data: nothing follows on that stream.
const LAST: u8 = 1;
const ENHANCE_YOUR_CALM: u32 = 11;

/// Between two pings of a client while no call is open, unless they are permitted: what TCP keep-alive waits.
const IDLE_INTERVAL: Duration = Duration::from_secs(2 * 3600);
/// Between two pings of a client, where nothing else is said.
const MIN_INTERVAL: Duration = Duration::from_secs(300);
/// Pings that may come too soon, where nothing else is said.
const MAX_STRIKES: u32 = 2;

/// The rules of one endpoint; what is `None` was left open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PingOptions {
    /// Whether connections without calls are probed, and may probe (`--grpc-keepalive-permit-without-calls`).
    pub permit_without_calls: Option<bool>,
    /// Probes that are sent at most while no data is; 0 for no bound (`--grpc-http2-max-pings-without-data`).
    pub max_without_data: Option<u32>,
    /// Least time between pings of a client while no data is sent to it
    /// (`--grpc-http2-min-recv-ping-interval-without-data`).
    pub min_interval: Option<Duration>,
    /// Pings that may come too soon before the connection is ended; 0 for no bound (`--grpc-http2-max-ping-strikes`).
    pub max_strikes: Option<u32>,
}

impl PingOptions {
    /// Whether anything has to be looked after.
    pub(super) fn is_watchful(&self) -> bool {
        *self != Self::default()
    }

    fn counts_strikes(&self) -> bool {
        self.min_interval.is_some() || self.max_strikes.is_some()
    }
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    kind: u8,
    flags: u8,
    stream: u32,
}

/// Finds the heads of frames in what passes, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    head: [u8; HEAD],
    seen: usize,
    /// What is left of the present frame's content.
    left: usize,
}

impl Scanner {
    /// Whether what passed ends with a frame.
    pub(super) fn is_between_frames(&self) -> bool {
        self.seen == 0 && self.left == 0
    }

    /// Looks at the next piece.
    pub(super) fn scan(&mut self, mut piece: &[u8], mut found: impl FnMut(Head)) {
        loop {
            let skipped = self.left.min(piece.len());
            self.left -= skipped;
            piece = &piece[skipped..];
            if piece.is_empty() {
                return;
            }
            let taken = (HEAD - self.seen).min(piece.len());
            self.head[self.seen..self.seen + taken].copy_from_slice(&piece[..taken]);
            self.seen += taken;
            piece = &piece[taken..];
            if self.seen == HEAD {
                let [one, two, three, kind, flags, stream @ ..] = self.head;
                self.left = u32::from_be_bytes([0, one, two, three]) as usize;
                self.seen = 0;
                found(Head { kind, flags, stream: u32::from_be_bytes(stream) & !(1 << 31) });
            }
        }
    }
}

/// What the rules have to know of one connection.
#[derive(Debug)]
pub(super) struct Rules {
    options: PingOptions,
    /// Calls that neither side has ended.
    open: HashSet<u32>,
    /// The highest call that was opened.
    highest: u32,
    /// When the last ping came, unless data was sent since.
    last_ping: Option<Instant>,
    strikes: u32,
    /// Probes that were sent since the last data.
    probes: u32,
}

impl Rules {
    /// Of a connection that begins.
    pub(super) fn new(options: PingOptions) -> Self {
        Self { options, open: HashSet::new(), highest: 0, last_ping: None, strikes: 0, probes: 0 }
    }

    /// Takes note of a frame that has come; whether the client has pinged once too often.
    pub(super) fn note_received(&mut self, head: Head, now: Instant) -> bool {
        match head.kind {
            HEADERS if head.stream > self.highest => {
                self.highest = head.stream;
                self.open.insert(head.stream);
            }
            RST_STREAM => {
                self.open.remove(&head.stream);
            }
            PING if head.flags & LAST == 0 && self.options.counts_strikes() => return self.strike(now),
            _ => {}
        }
        false
    }

    fn strike(&mut self, now: Instant) -> bool {
        let is_idle = self.open.is_empty() && self.options.permit_without_calls != Some(true);
        let interval =
            if is_idle { IDLE_INTERVAL } else { self.options.min_interval.unwrap_or(MIN_INTERVAL) };
        let before = self.last_ping.replace(now);
        if before.is_none_or(|before| now.saturating_duration_since(before) >= interval) {
            return false;
        }
        self.strikes += 1;
        let most = self.options.max_strikes.unwrap_or(MAX_STRIKES);
        most != 0 && self.strikes > most
    }

    /// Takes note of a frame that is sent.
    pub(super) fn note_sent(&mut self, head: Head) {
        let ends = match head.kind {
            DATA | HEADERS => head.flags & LAST != 0,
            RST_STREAM => true,
            PING if head.flags & LAST == 0 => {
                self.probes += 1;
                return;
            }
            WINDOW_UPDATE => false,
            _ => return,
        };
        if ends {
            self.open.remove(&head.stream);
        }
        if head.kind != RST_STREAM {
            (self.last_ping, self.strikes, self.probes) = (None, 0, 0);
        }
    }

    /// Whether the client may be probed now.
    pub(super) fn may_probe(&self) -> bool {
        let most = self.options.max_without_data.unwrap_or(0);
        let is_idle = self.open.is_empty() && self.options.permit_without_calls == Some(false);
        !is_idle && (most == 0 || self.probes < most)
    }

    /// What ends the connection of a client that pings too often.
    pub(super) fn farewell(&self) -> Vec<u8> {
        let text = b"too_many_pings";
        let mut frame = vec![0, 0, 8 + text.len() as u8, GOAWAY, 0, 0, 0, 0, 0];
        frame.extend(self.highest.to_be_bytes());
        frame.extend(ENHANCE_YOUR_CALM.to_be_bytes());
        frame.extend(text);
        frame
    }
}

/// The answer to a probe that begins with these bytes; `None` where none does, or a special one.
pub(super) fn answer_probe(bytes: &[u8]) -> Option<[u8; PING_SIZE]> {
    let frame: &[u8; PING_SIZE] = bytes.first_chunk()?;
    let (head, content) = frame.split_at(HEAD);
    if head != PING_HEAD || content == ENDING {
        return None;
    }
    let mut answer = *frame;
    answer[4] = LAST;
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(kind: u8, flags: u8, stream: u32) -> Head {
        Head { kind, flags, stream }
    }

    fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
        let mut bytes = (content.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(content);
        bytes
    }

    fn rules(change: impl FnOnce(&mut PingOptions)) -> Rules {
        let mut options = PingOptions::default();
        change(&mut options);
        Rules::new(options)
    }

    /// How many of these pings, so many seconds apart, are taken.
    fn taken(rules: &mut Rules, seconds: u64) -> usize {
        let start = Instant::now();
        let ping = |turn: u64| start + Duration::from_secs(turn * seconds);
        (0..100).take_while(|turn| !rules.note_received(head(PING, 0, 0), ping(*turn))).count()
    }

    #[test]
    fn a_ping_too_soon_is_a_strike_and_one_strike_too_many_the_end() {
        assert_eq!(taken(&mut rules(|options| options.max_strikes = Some(2)), 1), 3);
        assert_eq!(taken(&mut rules(|options| options.max_strikes = Some(0)), 1), 100);
        assert_eq!(taken(&mut rules(|options| options.max_strikes = Some(2)), 2 * 3600), 100);
        assert_eq!(taken(&mut rules(|_| {}), 0), 100, "nobody asked to count");
    }

    #[test]
    fn while_a_call_is_open_or_where_it_is_permitted_the_interval_is_the_one_that_was_set() {
        let set = |options: &mut PingOptions| options.min_interval = Some(Duration::from_secs(10));
        assert_eq!(taken(&mut rules(set), 10), 3, "no call is open");
        let mut in_call = rules(set);
        in_call.note_received(head(HEADERS, 0, 1), Instant::now());
        assert_eq!(taken(&mut in_call, 10), 100);
        in_call.note_sent(head(DATA, 0, 1));
        assert_eq!(taken(&mut in_call, 9), 3);
        let mut permitted = rules(set);
        permitted.options.permit_without_calls = Some(true);
        assert_eq!(taken(&mut permitted, 10), 100);
    }

    #[test]
    fn data_that_is_sent_takes_strikes_back() {
        let mut rules = rules(|options| options.max_strikes = Some(1));
        for _ in 0..10 {
            assert_eq!(taken(&mut rules, 0), 2);
            rules.note_sent(head(DATA, 0, 1));
        }
    }

    #[test]
    fn a_connection_is_probed_while_calls_are_open_and_so_often_without_data() {
        let mut rules = rules(|options| {
            options.permit_without_calls = Some(false);
            options.max_without_data = Some(2);
        });
        assert!(!rules.may_probe());
        rules.note_received(head(HEADERS, LAST, 1), Instant::now());
        for _ in 0..2 {
            assert!(rules.may_probe());
            rules.note_sent(head(PING, 0, 0));
        }
        assert!(!rules.may_probe());
        rules.note_sent(head(DATA, 0, 1));
        assert!(rules.may_probe());
        rules.note_sent(head(HEADERS, LAST, 1));
        assert!(!rules.may_probe(), "the call has ended");
        rules.note_received(head(HEADERS, LAST, 3), Instant::now());
        rules.note_received(head(RST_STREAM, 0, 3), Instant::now());
        assert!(!rules.may_probe(), "the client took its call back");
    }

    #[test]
    fn probes_are_answered_and_what_only_looks_like_one_is_not() {
        let probe = frame(PING, 0, 0, b"12345678");
        let answered = answer_probe(&[probe.clone(), vec![1, 2]].concat());
        assert_eq!(answered.map(Vec::from), Some(frame(PING, LAST, 0, b"12345678")));
        assert_eq!(answer_probe(&frame(PING, LAST, 0, b"12345678")), None);
        assert_eq!(answer_probe(&frame(PING, 0, 0, &ENDING)), None);
        assert_eq!(answer_probe(&probe[..16]), None);
    }

    proptest! {
        /// However frames are cut, the same heads are found, and the end is known as one.
        #[test]
        fn cuts_make_no_difference(
            frames in prop::collection::vec((0_u8..10, any::<u8>(), 0_u32..9, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            size in 1_usize..30,
        ) {
            let bytes: Vec<u8> =
                frames.iter().flat_map(|(kind, flags, stream, content)| frame(*kind, *flags, *stream, content)).collect();
            let (mut scanner, mut found) = (Scanner::default(), Vec::new());
            for piece in bytes.chunks(size) {
                scanner.scan(piece, |head| found.push(head));
            }
            let expected: Vec<Head> =
                frames.iter().map(|(kind, flags, stream, _)| head(*kind, *flags, *stream)).collect();
            prop_assert_eq!(found, expected);
            prop_assert!(scanner.is_between_frames());
        }
    }
}
