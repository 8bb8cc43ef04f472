//! Latencies beside the counters: quantiles over the recent window, and histograms.

use crate::clock::Nanos;
use crate::statistics::{LatencyOptions, LatencyStatistics};

/// Slices of the window and their length: together the 60 seconds over which Triton's summaries look back.
const SLICES: usize = 5;
const SLICE: Nanos = 12_000_000_000;

/// Values below `2^FINE_BITS` are kept exactly, larger ones within `2^-FINE_BITS` of themselves: finer than the
/// narrowest error that Triton allows by default can tell apart at these counts.
const FINE_BITS: u32 = 7;

/// Quantiles where none were asked for: Triton's.
const QUANTILES: [f64; 5] = [0.5, 0.9, 0.95, 0.99, 0.999];

/// Upper bounds in milliseconds of the histogram of first responses: Triton's.
const BOUNDS: [f64; 4] = [100.0, 500.0, 2000.0, 5000.0];

/// Microseconds in each part of one request's way.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Parts {
    pub request: u64,
    pub queue: u64,
    pub compute_input: u64,
    pub compute_infer: u64,
    pub compute_output: u64,
}

/// The latencies of one model version, as far as they are switched on.
pub(crate) struct Latencies {
    summaries: Option<[Summary; 5]>,
    /// Look-ups in the response cache: those that found something, and those that did not with the storing after them.
    cache: Option<[Summary; 2]>,
    quantiles: Vec<f64>,
    histogram: Option<Histogram>,
}

impl Latencies {
    /// `None` where nothing is switched on; look-ups in the response cache count for models that use it.
    pub(crate) fn new(options: &LatencyOptions, cached: bool) -> Option<Self> {
        let asked: Vec<f64> = options.quantiles.iter().map(|(quantile, _)| *quantile).collect();
        let quantiles = if asked.is_empty() { QUANTILES.to_vec() } else { asked };
        (options.summaries || options.histograms).then(|| Self {
            summaries: options.summaries.then(Default::default),
            cache: (options.summaries && cached).then(Default::default),
            quantiles,
            histogram: options.histograms.then(Histogram::default),
        })
    }

    /// Takes in a request that was answered well.
    pub(crate) fn observe(&mut self, now: Nanos, parts: &Parts) {
        if let Some(summaries) = &mut self.summaries {
            let values =
                [parts.request, parts.queue, parts.compute_input, parts.compute_infer, parts.compute_output];
            summaries.iter_mut().zip(values).for_each(|(summary, value)| summary.observe(now, value));
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.observe(parts.request);
        }
    }

    /// Takes in a request that was answered from the cache.
    pub(crate) fn observe_hit(&mut self, now: Nanos, request: u64, looked_up: u64) {
        if let Some([of_request, of_queue, ..]) = &mut self.summaries {
            of_request.observe(now, request);
            of_queue.observe(now, 0);
        }
        if let Some([hits, _]) = &mut self.cache {
            hits.observe(now, looked_up);
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.observe(request);
        }
    }

    /// Takes in a look-up that found nothing.
    pub(crate) fn observe_miss(&mut self, now: Nanos, took: u64) {
        if let Some([_, misses]) = &mut self.cache {
            misses.observe(now, took);
        }
    }

    /// A copy for showing.
    pub(crate) fn snapshot(&self, now: Nanos) -> Vec<LatencyStatistics> {
        const KINDS: [&str; 7] = [
            "request",
            "queue",
            "compute_input",
            "compute_infer",
            "compute_output",
            "cache_hit",
            "cache_miss",
        ];
        let of_cache = self.cache.iter().flatten();
        let summaries = self.summaries.iter().flatten().chain(of_cache).zip(KINDS).map(|(summary, kind)| {
            LatencyStatistics {
                kind,
                count: summary.count,
                sum_microseconds: summary.sum as f64,
                quantiles: summary.quantiles(now, &self.quantiles),
                buckets: Vec::new(),
            }
        });
        let histogram = self.histogram.iter().map(|histogram| LatencyStatistics {
            kind: "first_response",
            count: histogram.count,
            sum_microseconds: histogram.sum as f64,
            quantiles: Vec::new(),
            buckets: BOUNDS.into_iter().zip(histogram.counts).collect(),
        });
        summaries.chain(histogram).collect()
    }
}

/// Counts of values by size, in a few slices of time.
#[derive(Default)]
struct Summary {
    count: u64,
    sum: u64,
    slices: [Slice; SLICES],
}

#[derive(Default)]
struct Slice {
    /// Which stretch of time it holds, counted from the clock's beginning.
    stretch: u64,
    counts: Vec<u32>,
}

impl Summary {
    fn observe(&mut self, now: Nanos, value: u64) {
        self.count += 1;
        self.sum += value;
        let stretch = now / SLICE;
        let slice = &mut self.slices[stretch as usize % SLICES];
        if slice.stretch != stretch {
            slice.stretch = stretch;
            slice.counts.clear();
        }
        let cell = cell_of(value);
        if slice.counts.len() <= cell {
            slice.counts.resize(cell + 1, 0);
        }
        slice.counts[cell] = slice.counts[cell].saturating_add(1);
    }

    /// Values at those quantiles of the window; not a number where the window is empty.
    fn quantiles(&self, now: Nanos, quantiles: &[f64]) -> Vec<(f64, f64)> {
        let oldest = (now / SLICE + 1).saturating_sub(SLICES as u64);
        let mut cells: Vec<u64> = Vec::new();
        for slice in self.slices.iter().filter(|slice| slice.stretch >= oldest) {
            cells.resize(cells.len().max(slice.counts.len()), 0);
            cells.iter_mut().zip(&slice.counts).for_each(|(sum, count)| *sum += u64::from(*count));
        }
        let total: u64 = cells.iter().sum();
        quantiles.iter().map(|quantile| (*quantile, value_at(&cells, total, *quantile))).collect()
    }
}

fn value_at(cells: &[u64], total: u64, quantile: f64) -> f64 {
    if total == 0 {
        return f64::NAN;
    }
    let rank = ((quantile * total as f64).ceil() as u64).clamp(1, total);
    let mut seen = 0;
    let cell = cells.iter().position(|count| {
        seen += count;
        seen >= rank
    });
    cell.map_or(f64::NAN, |cell| value_of(cell) as f64)
}

/// The cell of a value: linear below `2^FINE_BITS`, then as many cells for each doubling.
fn cell_of(value: u64) -> usize {
    let doublings = (u64::BITS - value.leading_zeros()).saturating_sub(FINE_BITS + 1);
    ((u64::from(doublings) << FINE_BITS) + (value >> doublings)) as usize
}

/// The smallest value of a cell.
fn value_of(cell: usize) -> u64 {
    let doublings = (cell as u64 >> FINE_BITS).saturating_sub(1);
    (cell as u64 - (doublings << FINE_BITS)) << doublings
}

/// Cumulative counts under the bounds.
#[derive(Default)]
struct Histogram {
    count: u64,
    sum: u64,
    counts: [u64; BOUNDS.len()],
}

impl Histogram {
    fn observe(&mut self, microseconds: u64) {
        // Whole milliseconds, as Triton observes them.
        let milliseconds = (microseconds / 1000) as f64;
        self.count += 1;
        self.sum += microseconds;
        for (count, bound) in self.counts.iter_mut().zip(BOUNDS) {
            *count += u64::from(milliseconds <= bound);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A value lies in the cell that starts at or below it, by less than one part in 128.
        #[test]
        fn cells_keep_values_closely(value in 0..u64::MAX / 2) {
            let kept = value_of(cell_of(value));
            prop_assert!(kept <= value);
            prop_assert!(value - kept <= value >> FINE_BITS);
            prop_assert_eq!(value_of(cell_of(value) + 1).min(value + 1), value + 1);
        }
    }

    #[test]
    fn quantiles_forget_what_is_older_than_a_minute() {
        let mut summary = Summary::default();
        (0..100).for_each(|value| summary.observe(0, value));
        assert_eq!(summary.quantiles(0, &[0.5, 0.99]), [(0.5, 49.0), (0.99, 98.0)]);
        assert_eq!(summary.quantiles(59_000_000_000, &[0.5]), [(0.5, 49.0)]);
        assert!(summary.quantiles(60_000_000_000, &[0.5])[0].1.is_nan());
        summary.observe(60_000_000_000, 7);
        assert_eq!(summary.quantiles(60_000_000_000, &[0.5]), [(0.5, 7.0)]);
        assert_eq!((summary.count, summary.sum), (101, 4957));
    }

    #[test]
    fn histograms_are_cumulative() {
        let mut histogram = Histogram::default();
        for value in [50_000, 100_900, 101_000, 9_000_000] {
            histogram.observe(value);
        }
        assert_eq!((histogram.count, histogram.counts), (4, [2, 3, 3, 3]));
    }
}
