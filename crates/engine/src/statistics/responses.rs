//! The responses of decoupled models, counted one by one.

use crate::clock::Nanos;
use crate::statistics::ResponseStatistics;

/// Indices that are counted apart. A model may answer one request for as long as it runs, and every index would take
/// memory until the model goes; what lies beyond is added to the last one.
pub(crate) const MOST_INDICES: usize = 1024;

/// What came of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Outputs.
    Whole,
    /// No outputs, or nothing but the end of the request.
    Empty,
    /// An error.
    Failed,
    /// The end of a cancelled request.
    Cancelled,
}

/// When one response was made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course {
    /// When the model could begin with it.
    pub began: Nanos,
    /// When the model had its outputs ready, if it gave any.
    pub outputs: Option<Nanos>,
    /// When it was on its way.
    pub ended: Nanos,
}

/// Adds one response.
pub(crate) fn add(responses: &mut Vec<ResponseStatistics>, index: u32, came: Came, course: &Course) {
    let place = (index as usize).min(MOST_INDICES - 1);
    if responses.len() <= place {
        responses.resize(place + 1, ResponseStatistics::default());
    }
    responses[place].add(came, course);
}

impl ResponseStatistics {
    fn add(&mut self, came: Came, course: &Course) {
        let whole = course.ended.saturating_sub(course.began);
        let sum = match came {
            Came::Whole => &mut self.success,
            Came::Empty => &mut self.empty_response,
            Came::Failed => &mut self.fail,
            // The time of a cancelled one is what it took to end it, and nothing was computed.
            Came::Cancelled => return self.cancel.add(1, whole),
        };
        sum.add(1, whole);
        self.compute_infer.add(1, course.outputs.unwrap_or(course.ended).saturating_sub(course.began));
        if let Some(outputs) = course.outputs {
            self.compute_output.add(1, course.ended.saturating_sub(outputs));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_response() -> impl Strategy<Value = (u32, Came, Course)> {
        let came =
            prop_oneof![Just(Came::Whole), Just(Came::Empty), Just(Came::Failed), Just(Came::Cancelled)];
        (0..2 * MOST_INDICES as u32, came, 0..1000_u64, 0..1000_u64, 0..1000_u64).prop_map(
            |(index, came, began, infer, output)| {
                let outputs = (came == Came::Whole).then_some(began + infer);
                (index, came, Course { began, outputs, ended: began + infer + output })
            },
        )
    }

    proptest! {
        /// Each response is counted once as what it came to, its time is the sum of its parts, and indices are bounded.
        #[test]
        fn every_response_is_counted_once(given in prop::collection::vec(any_response(), 0..200)) {
            let mut responses = Vec::new();
            for (index, came, course) in &given {
                add(&mut responses, *index, *came, course);
            }
            prop_assert!(responses.len() <= MOST_INDICES);
            let mut counted = 0;
            for sums in &responses {
                let computed = sums.success.count + sums.fail.count + sums.empty_response.count;
                let took =
                    sums.success.nanoseconds + sums.fail.nanoseconds + sums.empty_response.nanoseconds;
                prop_assert_eq!(sums.compute_infer.count, computed);
                prop_assert_eq!(sums.compute_output.count, sums.success.count);
                prop_assert_eq!(sums.compute_infer.nanoseconds + sums.compute_output.nanoseconds, took);
                counted += computed + sums.cancel.count;
            }
            prop_assert_eq!(counted, given.len() as u64);
        }
    }
}
