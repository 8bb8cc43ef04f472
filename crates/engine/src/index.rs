//! Which models there are, in what state.

use std::collections::BTreeMap;
use std::sync::Arc;

use trilith_core::{Error, Result, spelling};

use crate::engine::{IndexEntry, State};
use crate::model::Model;

/// The reason of a version that was unloaded on purpose; it does not make the server unready.
const UNLOADED: &str = "unloaded";

/// One version of a name, or the name alone where no version could be told.
struct Entry {
    state: State,
    reason: String,
    /// What serves.
    model: Option<Arc<Model>>,
}

type Versions = BTreeMap<Option<i64>, Entry>;

/// All names with their versions.
#[derive(Default)]
pub(crate) struct Index {
    names: BTreeMap<String, Versions>,
}

impl Index {
    /// The version that serves; without a version the highest one.
    pub(crate) fn find(&self, name: &str, version: Option<i64>) -> Result<&Arc<Model>> {
        let versions = self.versions(name)?;
        let found = match version {
            Some(_) => versions.get(&version).and_then(|entry| entry.model.as_ref()),
            None => versions.values().rev().find_map(|entry| entry.model.as_ref()),
        };
        found.ok_or_else(|| explain_absence(name, version, versions))
    }

    /// Versions that serve, ascending.
    pub(crate) fn ready_versions(&self, name: &str) -> Result<Vec<i64>> {
        let versions = self.versions(name)?;
        let ready = serving(versions);
        if ready.is_empty() { Err(explain_absence(name, None, versions)) } else { Ok(ready) }
    }

    /// The models that serve: all, those of a name, or one.
    pub(crate) fn select(&self, name: Option<&str>, version: Option<i64>) -> Result<Vec<Arc<Model>>> {
        let Some(name) = name else {
            return Ok(self.names.values().flat_map(models).cloned().collect());
        };
        let found: Vec<_> = self.names.get(name).into_iter().flat_map(models).cloned().collect();
        if found.is_empty() {
            return Err(Error::invalid(format!("requested model '{name}' is not available")));
        }
        let Some(version) = version else { return Ok(found) };
        let one: Vec<_> =
            found.into_iter().filter(|model| model.spec().signature.version == version).collect();
        if one.is_empty() {
            let message = format!("requested version {version} is not available for model '{name}'");
            return Err(Error::invalid(message));
        }
        Ok(one)
    }

    /// The lines of the repository index.
    pub(crate) fn entries(&self, only_ready: bool) -> Vec<IndexEntry> {
        let all = self.names.iter().flat_map(|(name, versions)| {
            versions.iter().map(move |(version, entry)| (name, *version, entry))
        });
        all.filter(|(_, _, entry)| !only_ready || entry.model.is_some())
            .map(|(name, version, entry)| IndexEntry {
                name: name.clone(),
                version,
                state: entry.state,
                reason: entry.reason.clone(),
            })
            .collect()
    }

    /// Whether no model failed to load or is still to come.
    pub(crate) fn is_whole(&self) -> bool {
        self.names.values().flat_map(BTreeMap::values).all(|entry| match entry.state {
            State::Unavailable => entry.reason == UNLOADED,
            State::Loading => entry.model.is_some(),
            State::Unknown | State::Ready | State::Unloading => true,
        })
    }

    pub(crate) fn set_state(&mut self, name: &str, version: Option<i64>, state: State, reason: &str) {
        let entry = self.entry(name, version);
        entry.state = state;
        reason.clone_into(&mut entry.reason);
        self.drop_line_of_name(name, version);
    }

    pub(crate) fn publish(&mut self, model: Arc<Model>) -> Option<Arc<Model>> {
        let signature = &model.spec().signature;
        let (name, version) = (signature.model.clone(), signature.version);
        let entry = self.entry(&name, Some(version));
        entry.state = State::Ready;
        entry.reason.clear();
        let earlier = entry.model.replace(model);
        self.drop_line_of_name(&name, Some(version));
        earlier
    }

    /// Where there is a version, the line that stood for the name alone says nothing any more.
    fn drop_line_of_name(&mut self, name: &str, version: Option<i64>) {
        if version.is_some()
            && let Some(versions) = self.names.get_mut(name)
        {
            versions.remove(&None);
        }
    }

    /// Withdraws a model, if it is the one that serves.
    pub(crate) fn retire(&mut self, model: &Arc<Model>) -> bool {
        let signature = &model.spec().signature;
        let entry =
            self.names.get(&signature.model).and_then(|versions| versions.get(&Some(signature.version)));
        let serves =
            entry.is_some_and(|entry| entry.model.as_ref().is_some_and(|one| Arc::ptr_eq(one, model)));
        serves && self.withdraw(&signature.model, signature.version).is_some()
    }

    pub(crate) fn withdraw(&mut self, name: &str, version: i64) -> Option<Arc<Model>> {
        let entry = self.names.get_mut(name)?.get_mut(&Some(version))?;
        let model = entry.model.take()?;
        entry.state = State::Unloading;
        entry.reason.clear();
        Some(model)
    }

    /// Gives what served under what was forgotten.
    pub(crate) fn forget(&mut self, name: &str, version: Option<i64>) -> Vec<Arc<Model>> {
        let forgotten = if version.is_none() {
            self.names.remove(name).unwrap_or_default()
        } else {
            let versions = self.names.get_mut(name);
            versions.and_then(|versions| versions.remove_entry(&version)).into_iter().collect()
        };
        if self.names.get(name).is_some_and(BTreeMap::is_empty) {
            self.names.remove(name);
        }
        forgotten.into_values().filter_map(|entry| entry.model).collect()
    }

    fn entry(&mut self, name: &str, version: Option<i64>) -> &mut Entry {
        let empty = || Entry { state: State::Unknown, reason: String::new(), model: None };
        self.names.entry(name.to_owned()).or_default().entry(version).or_insert_with(empty)
    }

    fn versions(&self, name: &str) -> Result<&Versions> {
        self.names.get(name).ok_or_else(|| {
            let error = Error::not_found(format!("there is no model '{name}'"));
            match spelling::nearest(name, self.names.keys().map(String::as_str)) {
                Some(nearest) => error.with_hint(format!("did you mean '{nearest}'?")),
                None => error.with_hint("the repository index lists the models there are"),
            }
        })
    }
}

fn models(versions: &Versions) -> impl Iterator<Item = &Arc<Model>> {
    versions.values().filter_map(|entry| entry.model.as_ref())
}

fn serving(versions: &Versions) -> Vec<i64> {
    models(versions).map(|model| model.spec().signature.version).collect()
}

/// Says why a name, or one version of it, does not serve.
fn explain_absence(name: &str, version: Option<i64>, versions: &Versions) -> Error {
    let entry = match version {
        // A line without a version speaks for all of them.
        Some(_) => versions.get(&version).or_else(|| versions.get(&None)),
        None => versions.values().next_back(),
    };
    let title = version
        .map_or_else(|| format!("model '{name}'"), |version| format!("model '{name}' version {version}"));
    let Some(entry) = entry else {
        let ready: Vec<_> = serving(versions).iter().map(ToString::to_string).collect();
        let error = Error::not_found(format!("there is no {title}"));
        return match ready.as_slice() {
            [] => error,
            ready => error.with_hint(format!("ready versions: {}", ready.join(", "))),
        };
    };
    let state = match entry.state {
        State::Unknown => "its state is unknown",
        State::Loading => "it is loading",
        State::Ready => "it does not take requests",
        State::Unloading => "it is unloading",
        State::Unavailable => "it is unavailable",
    };
    if entry.state == State::Unknown && !entry.reason.is_empty() {
        return Error::invalid(format!("{title} cannot be asked for by its name: {}", entry.reason));
    }
    if entry.state == State::Unknown || (entry.state == State::Unavailable && entry.reason == UNLOADED) {
        return Error::not_found(format!("{title} is not loaded"));
    }
    let reason = if entry.reason.is_empty() { String::new() } else { format!(" ({})", entry.reason) };
    let message = format!("{title} is not ready: {state}{reason}");
    match entry.state {
        // Asking again will not help: to clients it is not there, as it is not for Triton's.
        State::Unavailable | State::Unloading => Error::not_found(message),
        _ => Error::unavailable(message),
    }
}
