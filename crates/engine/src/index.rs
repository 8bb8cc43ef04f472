//! Which models there are, in what state.

use std::collections::BTreeMap;
use std::sync::Arc;

use trilith_core::{Error, Result, spelling};

use crate::address::Address;
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

impl Entry {
    /// Whether somebody has asked for it: it serves, is to serve, or could not be loaded.
    fn is_wanted(&self) -> bool {
        match self.state {
            State::Loading => true,
            State::Unavailable => self.reason != UNLOADED,
            State::Unknown | State::Ready | State::Unloading => self.model.is_some(),
        }
    }
}

type Versions = BTreeMap<Option<i64>, Entry>;

/// The models of one name by their namespaces: one, where there are none.
type Spaces = BTreeMap<String, Versions>;

/// All names with their versions.
#[derive(Default)]
pub(crate) struct Index {
    names: BTreeMap<String, Spaces>,
}

impl Index {
    /// The version that serves; without a version the highest one.
    pub(crate) fn find(&self, name: &str, version: Option<i64>) -> Result<&Arc<Model>> {
        choose(name, version, self.versions(name)?)
    }

    /// The same for the model of a namespace, whatever else has its name.
    pub(crate) fn find_in(&self, address: Address<'_>, version: Option<i64>) -> Result<&Arc<Model>> {
        let spaces = self.names.get(address.name);
        let versions = spaces.and_then(|spaces| spaces.get(address.namespace));
        choose(address.name, version, versions.ok_or_else(|| self.unknown(address.name))?)
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
            return Ok(self.all_versions().flat_map(models).cloned().collect());
        };
        let versions = match self.names.get(name) {
            Some(spaces) => Some(sole(name, spaces)?),
            None => None,
        };
        let found: Vec<_> = versions.into_iter().flat_map(models).cloned().collect();
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
        let spaces = self.names.iter().flat_map(|(name, spaces)| {
            spaces.iter().map(move |(namespace, versions)| ((name, namespace), versions))
        });
        let all = spaces.flat_map(|(place, versions)| {
            versions.iter().map(move |(version, entry)| (place, *version, entry))
        });
        all.filter(|(_, _, entry)| !only_ready || entry.model.is_some())
            .map(|((name, namespace), version, entry)| IndexEntry {
                name: name.clone(),
                namespace: namespace.clone(),
                version,
                state: entry.state,
                reason: entry.reason.clone(),
            })
            .collect()
    }

    /// Whether no model failed to load or is still to come.
    pub(crate) fn is_whole(&self) -> bool {
        self.all_versions().flat_map(BTreeMap::values).all(|entry| match entry.state {
            State::Unavailable => entry.reason == UNLOADED,
            State::Loading => entry.model.is_some(),
            State::Unknown | State::Ready | State::Unloading => true,
        })
    }

    pub(crate) fn set_state(
        &mut self,
        address: Address<'_>,
        version: Option<i64>,
        state: State,
        reason: &str,
    ) {
        let entry = self.entry(address, version);
        entry.state = state;
        reason.clone_into(&mut entry.reason);
        self.drop_line_of_name(address, version);
    }

    pub(crate) fn publish(&mut self, model: Arc<Model>) -> Option<Arc<Model>> {
        let version = Some(model.spec().signature.version);
        self.drop_line_of_name(model.address(), version);
        let entry = self.entry(model.address(), version);
        entry.state = State::Ready;
        entry.reason.clear();
        entry.model.replace(model)
    }

    /// Where there is a version, the line that stood for the name alone says nothing any more.
    fn drop_line_of_name(&mut self, address: Address<'_>, version: Option<i64>) {
        if version.is_some()
            && let Some(versions) = self.versions_mut(address)
        {
            versions.remove(&None);
        }
    }

    /// Withdraws a model, if it is the one that serves.
    pub(crate) fn retire(&mut self, model: &Arc<Model>) -> bool {
        let (address, version) = (model.address(), model.spec().signature.version);
        let entry = self.versions_mut(address).and_then(|versions| versions.get(&Some(version)));
        let serves =
            entry.is_some_and(|entry| entry.model.as_ref().is_some_and(|one| Arc::ptr_eq(one, model)));
        serves && self.withdraw(address, version).is_some()
    }

    pub(crate) fn withdraw(&mut self, address: Address<'_>, version: i64) -> Option<Arc<Model>> {
        let entry = self.versions_mut(address)?.get_mut(&Some(version))?;
        let model = entry.model.take()?;
        entry.state = State::Unloading;
        entry.reason.clear();
        Some(model)
    }

    /// Gives what served under what was forgotten.
    pub(crate) fn forget(&mut self, address: Address<'_>, version: Option<i64>) -> Vec<Arc<Model>> {
        let Some(spaces) = self.names.get_mut(address.name) else { return Vec::new() };
        let mut forgotten = Versions::new();
        if let Some(versions) = spaces.get_mut(address.namespace) {
            match version {
                None => forgotten = std::mem::take(versions),
                Some(_) => forgotten.extend(versions.remove_entry(&version)),
            }
        }
        spaces.retain(|_, versions| !versions.is_empty());
        if spaces.is_empty() {
            self.names.remove(address.name);
        }
        forgotten.into_values().filter_map(|entry| entry.model).collect()
    }

    fn entry(&mut self, address: Address<'_>, version: Option<i64>) -> &mut Entry {
        let empty = || Entry { state: State::Unknown, reason: String::new(), model: None };
        let spaces = self.names.entry(address.name.to_owned()).or_default();
        let versions = spaces.entry(address.namespace.to_owned()).or_default();
        versions.entry(version).or_insert_with(empty)
    }

    fn all_versions(&self) -> impl Iterator<Item = &Versions> {
        self.names.values().flat_map(BTreeMap::values)
    }

    fn versions_mut(&mut self, address: Address<'_>) -> Option<&mut Versions> {
        self.names.get_mut(address.name)?.get_mut(address.namespace)
    }

    /// What a name stands for.
    fn versions(&self, name: &str) -> Result<&Versions> {
        sole(name, self.names.get(name).ok_or_else(|| self.unknown(name))?)
    }

    fn unknown(&self, name: &str) -> Error {
        let error = Error::not_found(format!("there is no model '{name}'"));
        match spelling::nearest(name, self.names.keys().map(String::as_str)) {
            Some(nearest) => error.with_hint(format!("did you mean '{nearest}'?")),
            None => error.with_hint("the repository index lists the models there are"),
        }
    }
}

/// The one model of a name, or the one of them that somebody has asked for.
fn sole<'a>(name: &str, spaces: &'a Spaces) -> Result<&'a Versions> {
    let mut listed = spaces.values();
    if let (Some(only), None) = (listed.next(), listed.next()) {
        return Ok(only);
    }
    let is_wanted = |versions: &Versions| versions.values().any(Entry::is_wanted);
    let wanted: Vec<_> = spaces.iter().filter(|(_, versions)| is_wanted(versions)).collect();
    match wanted.as_slice() {
        // Not loaded, all of them: what is said of one is true for the others.
        [] => spaces.values().next().ok_or_else(|| Error::not_found(format!("there is no model '{name}'"))),
        [(_, only)] => Ok(only),
        several => {
            let places: Vec<_> = several.iter().map(|(namespace, _)| namespace.as_str()).collect();
            let count = places.len();
            let message =
                format!("'{name}' is the name of {count} models, in the repositories {}", places.join(", "));
            let hint = "clients reach models whose names are unique; the steps of an ensemble reach that of its own \
                        repository";
            Err(Error::invalid(message).with_hint(hint))
        }
    }
}

/// The version that serves; without a version the highest one.
fn choose<'a>(name: &str, version: Option<i64>, versions: &'a Versions) -> Result<&'a Arc<Model>> {
    let found = match version {
        Some(_) => versions.get(&version).and_then(|entry| entry.model.as_ref()),
        None => versions.values().rev().find_map(|entry| entry.model.as_ref()),
    };
    found.ok_or_else(|| explain_absence(name, version, versions))
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
