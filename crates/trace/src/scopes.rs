//! Whose settings are what: a model's own fall back to the server's, and these to what it was started with.

use std::collections::BTreeMap;

use crate::change::Changes;
use crate::values::{Own, Values};

/// What was set for the server and for single models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    start: Values,
    server: Own,
    models: BTreeMap<String, Own>,
}

/// What a change comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What is set after it.
    pub scopes: Scopes,
    /// Settings that begin anew, the server's (`None`) first.
    pub renewed: Vec<(Option<String>, Values)>,
    /// A model that has none of its own any more.
    pub removed: Option<String>,
}

impl Scopes {
    /// What the server was started with holds for all.
    pub fn new(start: Values) -> Self {
        Self { start, ..Self::default() }
    }

    /// Changes the settings of a model, or of the server.
    ///
    /// `left` says how many traces are left in one's settings: counts go on from there. Settings that fall back are
    /// renewed with what they fall back to; those that do not, go on.
    pub fn change(
        &self,
        model: Option<&str>,
        changes: &Changes,
        left: impl Fn(Option<&str>) -> Option<u32>,
    ) -> Outcome {
        let mut scopes = self.clone();
        let going_on = |name: Option<&str>, own: &Own| Own { count: own.count.map(|_| left(name)), ..*own };
        if let Some(name) = model {
            let server = Values { count: left(None), ..self.server.over(&self.start) };
            let before = self.models.get(name).map(|own| going_on(model, own)).unwrap_or_default();
            let own = changes.apply(&before);
            if own.is_empty() {
                scopes.models.remove(name);
                return Outcome { scopes, renewed: Vec::new(), removed: Some(name.to_owned()) };
            }
            scopes.models.insert(name.to_owned(), own);
            return Outcome {
                scopes,
                renewed: vec![(Some(name.to_owned()), own.over(&server))],
                removed: None,
            };
        }
        scopes.server = changes.apply(&going_on(None, &self.server));
        let server = scopes.server.over(&self.start);
        let mut renewed = vec![(None, server)];
        for (name, own) in scopes.models.iter_mut().filter(|(_, own)| !own.is_whole()) {
            *own = going_on(Some(name), own);
            renewed.push((Some(name.clone()), own.over(&server)));
        }
        Outcome { scopes, renewed, removed: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trilith_core::trace::Change;

    use super::*;

    const MODELS: [Option<&str>; 3] = [None, Some("a"), Some("b")];

    fn change(name: &str, value: Option<u32>) -> Change {
        (name.to_owned(), value.map(|value| vec![value.to_string()]))
    }

    fn apply(scopes: &Scopes, model: Option<&str>, name: &str, value: Option<u32>) -> Outcome {
        let changes = Changes::read(vec![change(name, value)], &[]).unwrap();
        scopes.change(model, &changes, |_| None)
    }

    proptest! {
        /// After any number of changes, a model's rate is its own if it has one, else the server's, else the start's.
        #[test]
        fn what_is_not_ones_own_falls_back(
            changes in prop::collection::vec((0_usize..3, prop::option::of(1_u32..9)), 0..20),
        ) {
            let start = Values { rate: 100, ..Values::default() };
            let mut scopes = Scopes::new(start);
            let mut expected: [Option<u32>; 3] = [None; 3];
            let mut effective = [100; 3];
            for (scope, rate) in changes {
                let outcome = apply(&scopes, MODELS[scope], "trace_rate", rate);
                expected[scope] = rate;
                for (name, values) in &outcome.renewed {
                    let position = MODELS.iter().position(|model| *model == name.as_deref()).unwrap();
                    effective[position] = values.rate;
                }
                scopes = outcome.scopes;
                let server = expected[0].unwrap_or(100);
                prop_assert_eq!(effective[0], server);
                for (own, seen) in expected[1..].iter().zip(&effective[1..]) {
                    if let Some(own) = own {
                        prop_assert_eq!(*seen, *own);
                    }
                }
            }
        }
    }

    #[test]
    fn a_model_that_sets_everything_goes_on_when_the_server_changes() {
        let mut scopes = Scopes::new(Values::default());
        let all =
            [change("trace_rate", Some(1)), change("trace_count", Some(5)), change("log_frequency", Some(0))];
        let mut all = all.to_vec();
        all.push(("trace_level".into(), Some(vec!["TENSORS".into()])));
        scopes = scopes.change(Some("a"), &Changes::read(all, &[]).unwrap(), |_| None).scopes;
        scopes = apply(&scopes, Some("b"), "trace_rate", Some(2)).scopes;
        let outcome = apply(&scopes, None, "trace_rate", Some(7));
        let names: Vec<_> = outcome.renewed.iter().map(|(name, _)| name.as_deref()).collect();
        assert_eq!(names, [None, Some("b")]);
    }

    #[test]
    fn a_count_goes_on_from_what_is_left_of_it() {
        let scopes = apply(&Scopes::new(Values::default()), None, "trace_count", Some(10)).scopes;
        let changes = Changes::read(vec![change("trace_rate", Some(3))], &[]).unwrap();
        let outcome = scopes.change(None, &changes, |_| Some(4));
        assert_eq!(outcome.renewed[0].1, Values { rate: 3, count: Some(4), ..Values::default() });
        let cleared = apply(&outcome.scopes, None, "trace_count", None);
        assert_eq!(cleared.renewed[0].1.count, None);
    }

    #[test]
    fn a_model_that_has_nothing_of_its_own_is_forgotten() {
        let scopes = apply(&Scopes::new(Values::default()), Some("a"), "trace_rate", Some(3)).scopes;
        let outcome = apply(&scopes, Some("a"), "trace_rate", None);
        assert_eq!((outcome.removed.as_deref(), outcome.scopes), (Some("a"), Scopes::new(Values::default())));
    }
}
