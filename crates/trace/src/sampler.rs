//! Which requests are taken.

/// Takes every so many-th request, until as many as wanted were taken.
#[derive(Clone, Debug)]
pub struct Sampler {
    rate: u32,
    seen: u64,
    left: Option<u32>,
    /// Traces that were begun and have not ended.
    open: u64,
}

impl Sampler {
    /// One of `rate` requests, `count` in all; a rate of 0 takes none by itself.
    pub fn new(rate: u32, count: Option<u32>) -> Self {
        Self { rate, seen: 0, left: count, open: 0 }
    }

    /// Looks at the next request; whether it is traced. One that belongs to a trace already always is, and is not
    /// taken off the count unless its turn had come anyway.
    pub fn take(&mut self, belongs_to_a_trace: bool) -> bool {
        let mut is_taken = belongs_to_a_trace;
        if self.rate != 0 && self.left != Some(0) {
            self.seen += 1;
            if self.seen.is_multiple_of(u64::from(self.rate)) {
                self.left = self.left.map(|left| left - 1);
                is_taken = true;
            }
        }
        self.open += u64::from(is_taken);
        is_taken
    }

    /// Notes that a trace has ended; whether it was the last one that there will be.
    pub fn end(&mut self) -> bool {
        self.open = self.open.saturating_sub(1);
        self.open == 0 && self.is_exhausted()
    }

    /// How many are left to be taken; `None` for no bound.
    pub fn left(&self) -> Option<u32> {
        self.left
    }

    /// Whether it takes no more by itself.
    pub fn is_exhausted(&self) -> bool {
        self.left == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Of n requests, one of every `rate` is taken, up to the count; what is left is the rest of the count.
        #[test]
        fn one_of_so_many_is_taken_up_to_the_count(
            rate in 0_u32..12,
            count in prop::option::of(0_u32..8),
            requests in 0_u32..100,
        ) {
            let mut sampler = Sampler::new(rate, count);
            let taken = (0..requests).filter(|_| sampler.take(false)).count() as u32;
            let due = requests.checked_div(rate).unwrap_or(0);
            prop_assert_eq!(taken, due.min(count.unwrap_or(u32::MAX)));
            prop_assert_eq!(sampler.left(), count.map(|count| count - taken));
        }

        /// A request that belongs to a trace is traced whatever the settings say.
        #[test]
        fn what_belongs_to_a_trace_is_always_taken(rate in 0_u32..12, count in prop::option::of(0_u32..8)) {
            let mut sampler = Sampler::new(rate, count);
            prop_assert!((0..50).all(|_| sampler.take(true)));
        }

        /// The last trace is told once, when all that were begun have ended and no more will come.
        #[test]
        fn the_last_trace_is_told_once(count in 1_u32..8) {
            let mut sampler = Sampler::new(1, Some(count));
            let begun = (0..20).filter(|_| sampler.take(false)).count();
            let told: Vec<bool> = (0..begun).map(|_| sampler.end()).collect();
            prop_assert_eq!(told.iter().filter(|is_last| **is_last).count(), 1);
            prop_assert_eq!(told.last(), Some(&true));
        }
    }
}
