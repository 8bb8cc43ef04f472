//! Metrics that models define: families of series, each with the labels that tell it from the others.
//!
//! A family is there as long as somebody holds it, and its series as long as the family that made them: instances of a
//! model that open the same family with the same labels count into one series. Who counts touches no lock but that of
//! a histogram.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use trilith_core::{Error, Result};

/// Beginnings of names that the server gives to its own families: two families of one name cannot be told apart.
const OWN_PREFIXES: [&str; 6] =
    ["nv_inference_", "nv_cpu_", "nv_gpu_", "nv_energy_", "nv_cache_", "nv_pinned_memory_"];

/// The label by which a histogram's buckets are told apart.
const BUCKET_LABEL: &str = "le";

/// What a family's series count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A sum that only grows.
    Counter,
    /// A value that goes up and down.
    Gauge,
    /// How many observations were at most so large.
    Histogram,
}

impl MetricKind {
    const NAMES: [(Self, &'static str); 3] =
        [(Self::Counter, "counter"), (Self::Gauge, "gauge"), (Self::Histogram, "histogram")];

    /// Its name, as the text format has it.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|row| row.0 == self).map_or("untyped", |row| row.1)
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

/// What can be done to a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Add to it.
    Increment,
    /// Put a value in its place.
    Set,
    /// Count an observation.
    Observe,
}

impl Act {
    /// Refuses what a kind cannot do.
    pub fn check(self, kind: MetricKind, value: f64) -> Result<()> {
        let name = kind.name();
        match (self, kind) {
            (Self::Increment, MetricKind::Counter) if value.is_nan() || value < 0.0 => {
                let message = format!("a counter only grows: it cannot be incremented by {value}");
                Err(Error::invalid(message).with_hint("a value that goes up and down is a gauge"))
            }
            (Self::Increment, MetricKind::Histogram) => Err(unsupported(name, "increment", "observe")),
            (Self::Set, MetricKind::Counter) => Err(unsupported(name, "set", "increment")),
            (Self::Set, MetricKind::Histogram) => Err(unsupported(name, "set", "observe")),
            (Self::Observe, MetricKind::Counter) => Err(unsupported(name, "observe", "increment")),
            (Self::Observe, MetricKind::Gauge) => Err(unsupported(name, "observe", "set")),
            _ => Ok(()),
        }
    }
}

fn unsupported(kind: &str, act: &str, instead: &str) -> Error {
    let message = format!("a {kind} does not support '{act}'");
    Error::new(trilith_core::Code::Unimplemented, trilith_core::Fault::Client, message)
        .with_hint(format!("use '{instead}'"))
}

/// Names and values, sorted by name.
pub type Labels = Vec<(String, String)>;

/// All families of a server.
#[derive(Debug, Default)]
pub struct MetricRegistry(Mutex<BTreeMap<String, Weak<Family>>>);

impl MetricRegistry {
    /// Opens a family; one that is there already is shared, with the description that it has.
    ///
    /// Fails for a name that is none, is the server's own, or is that of a family of another kind.
    pub fn open(&self, name: &str, help: &str, kind: MetricKind) -> Result<FamilyHandle> {
        check_name(name)?;
        let mut families = self.0.lock();
        families.retain(|_, family| family.strong_count() > 0);
        if let Some(family) = families.get(name).and_then(Weak::upgrade) {
            if family.kind != kind {
                let message = format!(
                    "Family name already exists with different type: '{name}' is a {}, not a {}",
                    family.kind.name(),
                    kind.name()
                );
                return Err(Error::invalid(message));
            }
            return Ok(FamilyHandle { family, held: Mutex::default() });
        }
        let family = Arc::new(Family { help: help.to_owned(), kind, series: Mutex::default() });
        families.insert(name.to_owned(), Arc::downgrade(&family));
        Ok(FamilyHandle { family, held: Mutex::default() })
    }

    /// Every family that has series, by name.
    pub fn snapshot(&self) -> Vec<FamilyReading> {
        let families: Vec<_> = {
            let families = self.0.lock();
            families.iter().filter_map(|(name, family)| Some((name.clone(), family.upgrade()?))).collect()
        };
        families
            .into_iter()
            .map(|(name, family)| family.read(name))
            .filter(|one| !one.series.is_empty())
            .collect()
    }
}

fn check_name(name: &str) -> Result<()> {
    let is_start = |character: char| character.is_ascii_alphabetic() || matches!(character, '_' | ':');
    let is_name = name.starts_with(is_start)
        && name.chars().all(|character| is_start(character) || character.is_ascii_digit());
    if !is_name {
        let message = format!("Invalid metric name '{name}'");
        return Err(
            Error::invalid(message).with_hint("letters, digits, '_' and ':' are allowed, no digit first")
        );
    }
    if OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        let message = format!("'{name}' is a name of the server's own metrics");
        return Err(Error::invalid(message).with_hint("give the family another name"));
    }
    Ok(())
}

/// One family.
#[derive(Debug)]
struct Family {
    help: String,
    kind: MetricKind,
    series: Mutex<BTreeMap<Labels, Weak<Series>>>,
}

impl Family {
    fn read(&self, name: String) -> FamilyReading {
        let series = self.series.lock();
        let series = series
            .iter()
            .filter_map(|(labels, series)| Some((labels.clone(), series.upgrade()?.read())))
            .collect();
        FamilyReading { name, help: self.help.clone(), kind: self.kind, series }
    }
}

/// A family as it stood at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyReading {
    /// Its name.
    pub name: String,
    /// What it counts, in words.
    pub help: String,
    /// Its kind.
    pub kind: MetricKind,
    /// Its series by their labels.
    pub series: Vec<(Labels, Reading)>,
}

/// What a series has counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// Of a counter or a gauge.
    Value(f64),
    /// Of a histogram.
    Buckets {
        /// Upper bound of each bucket, and how many observations were at most so large.
        bounds: Vec<(f64, u64)>,
        /// How many observations there were.
        count: u64,
        /// Their sum.
        sum: f64,
    },
}

/// Holds a family and the series that were made through this handle.
#[derive(Debug)]
pub struct FamilyHandle {
    family: Arc<Family>,
    held: Mutex<Vec<Arc<Series>>>,
}

impl FamilyHandle {
    /// The family's kind.
    pub fn kind(&self) -> MetricKind {
        self.family.kind
    }

    /// Holds what another handle of the same family holds; one of another family is given back.
    pub fn take_over(&self, other: Self) -> Option<Self> {
        if !Arc::ptr_eq(&self.family, &other.family) {
            return Some(other);
        }
        let mut held = self.held.lock();
        for series in other.held.into_inner() {
            if !held.iter().any(|own| Arc::ptr_eq(own, &series)) {
                held.push(series);
            }
        }
        None
    }

    /// A series of that family; one with the same labels that is there already is shared, with the buckets that it has.
    ///
    /// Fails for labels that are none, and for buckets that are missing, too many or not ascending.
    pub fn series(&self, mut labels: Labels, buckets: Option<&[f64]>) -> Result<Arc<Series>> {
        check_labels(&labels, self.family.kind)?;
        check_buckets(buckets, self.family.kind)?;
        labels.sort();
        let mut known = self.family.series.lock();
        known.retain(|_, series| series.strong_count() > 0);
        let found = known.get(&labels).and_then(Weak::upgrade);
        let series = found.unwrap_or_else(|| Arc::new(Series::new(buckets)));
        known.insert(labels, Arc::downgrade(&series));
        self.held.lock().push(Arc::clone(&series));
        Ok(series)
    }
}

fn check_labels(labels: &[(String, String)], kind: MetricKind) -> Result<()> {
    let is_start = |character: char| character.is_ascii_alphabetic() || character == '_';
    for (name, _) in labels {
        let is_name = name.starts_with(is_start)
            && !name.starts_with("__")
            && name.chars().all(|character| is_start(character) || character.is_ascii_digit());
        let is_taken = kind == MetricKind::Histogram && name == BUCKET_LABEL;
        if !is_name || is_taken {
            let hint =
                "letters, digits and '_' are allowed, no digit and no '__' first; 'le' is a histogram's own";
            return Err(Error::invalid(format!("Invalid label name '{name}'")).with_hint(hint));
        }
    }
    Ok(())
}

fn check_buckets(buckets: Option<&[f64]>, kind: MetricKind) -> Result<()> {
    match (buckets, kind) {
        (None, MetricKind::Histogram) => Err(Error::invalid("Missing required buckets")),
        (Some(_), MetricKind::Counter | MetricKind::Gauge) => Err(Error::invalid("Unexpected buckets found")),
        (Some(bounds), MetricKind::Histogram)
            if bounds.iter().any(|bound| bound.is_nan())
                || !bounds.is_sorted_by(|one, other| one < other) =>
        {
            Err(Error::invalid(format!("Bucket Boundaries must be strictly sorted, ascending: {bounds:?}")))
        }
        _ => Ok(()),
    }
}

/// What is counted under one set of labels.
#[derive(Debug)]
pub enum Series {
    /// Of a counter or a gauge: the bits of a floating-point number.
    Number(AtomicU64),
    /// Of a histogram.
    Histogram(Mutex<Histogram>),
}

/// Observations by size.
#[derive(Debug)]
pub struct Histogram {
    bounds: Vec<f64>,
    /// Observations in each bucket; one more than bounds, for what is larger than all of them.
    counts: Vec<u64>,
    sum: f64,
}

impl Series {
    fn new(buckets: Option<&[f64]>) -> Self {
        match buckets {
            None => Self::Number(AtomicU64::new(0.0_f64.to_bits())),
            Some(bounds) => Self::Histogram(Mutex::new(Histogram {
                bounds: bounds.to_vec(),
                counts: vec![0; bounds.len() + 1],
                sum: 0.0,
            })),
        }
    }

    /// Counts. What the kind cannot do, which [`Act::check`] tells beforehand, is left undone.
    pub fn apply(&self, act: Act, value: f64) {
        match (self, act) {
            (Self::Number(bits), Act::Increment) => {
                let add = |bits: u64| Some((f64::from_bits(bits) + value).to_bits());
                // The function gives a value each time, so this cannot fail.
                let _ = bits.fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
            }
            (Self::Number(bits), Act::Set) => bits.store(value.to_bits(), Ordering::Release),
            (Self::Histogram(histogram), Act::Observe) => histogram.lock().observe(value),
            (Self::Number(_), Act::Observe) | (Self::Histogram(_), Act::Increment | Act::Set) => {}
        }
    }

    /// The value of a counter or a gauge.
    ///
    /// Fails for a histogram, which has no single one.
    pub fn value(&self) -> Result<f64> {
        match self {
            Self::Number(bits) => Ok(f64::from_bits(bits.load(Ordering::Acquire))),
            Self::Histogram(_) => Err(unsupported("histogram", "value", "observe, and read /metrics")),
        }
    }

    fn read(&self) -> Reading {
        match self {
            Self::Number(bits) => Reading::Value(f64::from_bits(bits.load(Ordering::Acquire))),
            Self::Histogram(histogram) => histogram.lock().read(),
        }
    }
}

impl Histogram {
    fn observe(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum += value;
    }

    fn read(&self) -> Reading {
        let mut count = 0;
        let cumulative = |(bound, own): (&f64, &u64)| {
            count += own;
            (*bound, count)
        };
        let bounds = self.bounds.iter().zip(&self.counts).map(cumulative).collect();
        Reading::Buckets { bounds, count: self.counts.iter().sum(), sum: self.sum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn who_opens_the_same_family_and_labels_counts_into_one_series() {
        let registry = MetricRegistry::default();
        let one = registry.open("words", "seen", MetricKind::Counter).unwrap();
        let other = registry.open("words", "otherwise", MetricKind::Counter).unwrap();
        one.series(labels(&[("b", "2"), ("a", "1")]), None).unwrap().apply(Act::Increment, 2.0);
        let series = other.series(labels(&[("a", "1"), ("b", "2")]), None).unwrap();
        series.apply(Act::Increment, 0.5);
        assert_eq!(series.value().unwrap().to_bits(), 2.5_f64.to_bits());
        let shown = registry.snapshot();
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0].help, "seen");
        assert_eq!(shown[0].series, [(labels(&[("a", "1"), ("b", "2")]), Reading::Value(2.5))]);
    }

    #[test]
    fn what_nobody_holds_is_gone_and_its_name_is_free() {
        let registry = MetricRegistry::default();
        let family = registry.open("words", "", MetricKind::Counter).unwrap();
        let shared = registry.open("words", "", MetricKind::Counter).unwrap();
        family.series(Labels::new(), None).unwrap().apply(Act::Increment, 1.0);
        drop(family);
        assert!(registry.snapshot().is_empty());
        assert!(registry.open("words", "", MetricKind::Gauge).is_err());
        drop(shared);
        assert!(registry.open("words", "", MetricKind::Gauge).is_ok());
    }

    #[test]
    fn names_labels_and_buckets_that_are_none_are_refused() {
        let registry = MetricRegistry::default();
        for name in ["", "0a", "a b", "a-b", "\u{e9}", "nv_inference_count"] {
            assert!(registry.open(name, "", MetricKind::Gauge).is_err(), "{name}");
        }
        let gauge = registry.open("a:b_9", "", MetricKind::Gauge).unwrap();
        let histogram = registry.open("h", "", MetricKind::Histogram).unwrap();
        for name in ["", "0", "__a", "a:b", "a b"] {
            assert!(gauge.series(labels(&[(name, "x")]), None).is_err(), "{name}");
        }
        assert!(gauge.series(Labels::new(), Some(&[1.0])).is_err());
        assert!(gauge.series(labels(&[("le", "x")]), None).is_ok());
        assert!(histogram.series(labels(&[("le", "x")]), Some(&[1.0])).is_err());
        for buckets in [&[2.0, 1.0][..], &[1.0, 1.0], &[f64::NAN]] {
            assert!(histogram.series(Labels::new(), Some(buckets)).is_err(), "{buckets:?}");
        }
        assert!(histogram.series(Labels::new(), None).is_err());
        assert!(histogram.series(Labels::new(), Some(&[])).is_ok());
    }

    #[test]
    fn a_kind_does_what_it_can_and_nothing_else() {
        let can = |act: Act, kind| act.check(kind, 1.0).is_ok();
        for kind in [MetricKind::Counter, MetricKind::Gauge, MetricKind::Histogram] {
            assert_eq!(can(Act::Increment, kind), kind != MetricKind::Histogram);
            assert_eq!(can(Act::Set, kind), kind == MetricKind::Gauge);
            assert_eq!(can(Act::Observe, kind), kind == MetricKind::Histogram);
        }
        assert!(Act::Increment.check(MetricKind::Counter, -1.0).is_err());
        assert!(Act::Increment.check(MetricKind::Counter, f64::NAN).is_err());
        assert!(Act::Increment.check(MetricKind::Gauge, -1.0).is_ok());
    }

    proptest! {
        /// Each bucket counts the observations that are at most as large as its bound; the sum is theirs.
        #[test]
        fn buckets_count_what_is_at_most_as_large(
            mut bounds in prop::collection::vec(-8_i32..8, 0..6),
            values in prop::collection::vec(-10_i32..10, 0..40),
        ) {
            bounds.sort_unstable();
            bounds.dedup();
            let limits: Vec<f64> = bounds.iter().map(|bound| f64::from(*bound)).collect();
            let series = Series::new(Some(&limits));
            for value in &values {
                series.apply(Act::Observe, f64::from(*value));
            }
            let at_most = |bound: i32| values.iter().filter(|value| **value <= bound).count() as u64;
            let expected = Reading::Buckets {
                bounds: bounds.iter().map(|bound| (f64::from(*bound), at_most(*bound))).collect(),
                count: values.len() as u64,
                sum: f64::from(values.iter().sum::<i32>()),
            };
            prop_assert_eq!(series.read(), expected);
        }
    }
}
