"""All models of a server: what is asked for, what is served, what is on its way out."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from trilith import config
from trilith.contract import ConfigurationError, ErrorCode, LoadError, ModelConfiguration
from trilith.repository import Inventory, ModelFolder
from trilith.repository.changes import Fingerprint, take
from trilith.repository.dependencies import Needs, find_way, load_order, unload_order
from trilith.repository.names import is_name, resolve, split_key, with_name
from trilith.repository.overrides import Override, remove_files, write_files
from trilith.runtime.announcer import Announcer
from trilith.runtime.blueprint import read_draft
from trilith.runtime.departures import Departures
from trilith.runtime.ensembles import choose_version, explain_choice, is_stale, refuse_circle
from trilith.runtime.life import ModelLife, Settings, explain
from trilith.runtime.listing import Listing
from trilith.runtime.loader import Loader
from trilith.runtime.records import (
    Asker,
    Done,
    Gathering,
    Place,
    Record,
    Refusal,
    is_current,
    is_same,
    needs_among,
    needs_of_life,
    path_inside,
)

if TYPE_CHECKING:
    from trilith import native
    from trilith.runtime.bricks import Catalogue

log = logging.getLogger(__name__)


class Registry:
    """Loads, reloads and unloads models.

    It knows each by its key, which is its name where repositories are no namespaces. Who asks for something
    asks by name: it is done to every model of that name.

    What is asked for about one model is done in the order in which it was asked for; models do not wait for
    each other. A model that is loaded again serves all the while: the new one is published in its place, and
    the one before finishes its requests.
    """

    def __init__(
        self,
        server: "native.Server",
        catalogue: "Catalogue",
        settings: Settings,
        place: Place,
        loader: Loader,
    ) -> None:
        """Load nothing yet."""
        self._server = server
        self._catalogue = catalogue
        self._settings = replace(settings, find_served=self._find_served)
        self._place = place
        self._loader = loader
        self._announcer = Announcer(server)
        self._departures = Departures()
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}
        self._kept: set[str] = set()
        self._suspended: dict[str, Override] = {}
        self._listing = Listing(server)
        self._arriving: set[ModelLife] = set()
        self._polled: set[str] = set()

    def lives(self) -> list[ModelLife]:
        """Return what is served or being loaded for the first time."""
        with self._lock:
            return [record.life for record in self._records.values()]

    def departing(self) -> list[ModelLife]:
        """Return what finishes its last requests."""
        return self._departures.lives()

    def load_all(self, folders: Iterable[ModelFolder], done: Callable[[str], None]) -> int:
        """Load models as the server starts; ``done`` is called with each key. Returns how many there are."""
        found = {folder.key: folder for folder in folders}
        for folder in found.values():
            self._set_record(folder.key, Record(self._new_life(folder, None), None))
        order = dict.fromkeys(
            name for first in found for name in load_order(first, partial(needs_among, found))
        )
        for name in order:
            names = [name, *needs_among(found, name)]
            self._loader.load(names, name, partial(self._load_first, found[name], done))
        return len(order)

    def load_named(self, name: str, done: Callable[[str], None]) -> None:
        """Load a model by name as the server starts; what is wrong with it is logged."""
        self.load(name, Override(), lambda _refusal: done(name))

    def load(self, name: str, override: Override, done: Done, asker: Asker | None = None) -> None:
        """Load a model, or load it again where its files or its configuration have changed.

        Args:
            name: of the model.
            override: what a client brought in the place of its files.
            done: told how it ended.
            asker: the model that asks for it; ``None`` for a client.
        """
        if not is_name(name):
            reason = f"'{name}' cannot be the name of a model"
            message = f"failed to load '{name}', failed to poll from model repository: {reason}"
            log.error(message)
            done(Refusal(message))
            return
        # Files that a client brings lie in no repository.
        keys = [] if override.files or not self._place.namespaces else with_name(name, self._place.keys())
        gathering = Gathering(max(1, len(keys)), done)
        for key in keys or [name]:
            self._load_one(key, override, gathering.note, asker)

    def _load_one(self, key: str, override: Override, done: Done, asker: Asker | None) -> None:
        needed = self._needs_of(key, override)
        order = load_order(key, lambda one: needed if one == key else self._needs_of(one))
        waiting = self._wait_inside(asker, "load", [*order, *needed], done)
        if waiting is None:
            return
        for other in order[:-1]:
            self._loader.load([other, *self._needs_of(other)], other, partial(self._load_missing, other))
        # An instance that waits for this would keep a change of instances in place waiting.
        load = partial(self._load, key, override, waiting, in_place=asker is None)
        self._loader.load([key, *needed], key, load)

    def unload(self, name: str, done: Done, *, dependents: bool = False, asker: Asker | None = None) -> None:
        """Stop a model taking requests; what it has it finishes by itself. None that is loaded is no error.

        Models that need it go with it; with ``dependents`` also those that were loaded for its sake alone.
        """
        keys = with_name(name, self._known()) if self._place.namespaces else []
        keys = keys or [name]
        with self._lock:
            needs = {one: needs_of_life(record.life) for one, record in self._records.items()}
            going = unload_order(keys, needs, self._kept, dependents=dependents)
            for key in keys:
                self._suspended.pop(key, None)
                self._suspend(key, going, needs)
        waiting = self._wait_inside(asker, "unload", going, done)
        if waiting is not None:
            self._loader.do(going, partial(self._unload, going, waiting))

    def _wait_inside(self, asker: Asker | None, doing: str, names: Sequence[str], done: Done) -> Done | None:
        """Let a model that is being loaded wait for others, unless they would wait for it."""
        if asker is None or not asker.is_loading:
            return done
        number = self._loader.begin_inside(asker.model, names)
        if number is None:
            message = (
                f"model '{asker.model}' asked, while it is being loaded, to {doing} '{names[-1]}', which "
                f"would wait until '{asker.model}' is loaded; ask for it in execute()"
            )
            done(Refusal(message, ErrorCode.UNAVAILABLE))
            return None

        def end(refusal: Refusal | None) -> None:
            self._loader.end_inside(number, names)
            done(refusal)

        return end

    def poll(self, done: Callable[[str], None] = lambda _name: None) -> list[str]:
        """Load what came or changed in the repositories, unload what went.

        Returns:
            The models that this concerns; ``done`` is called with each when it is settled. What an earlier
            look has not settled yet is left alone.
        """
        try:
            inventory = self._place.scan()
        except ConfigurationError as error:
            log.error("the repositories cannot be looked at; what is served goes on:\n%s", error)  # noqa: TRY400
            return []
        self._list(inventory)
        found = {folder.key: folder for folder in inventory.models}
        with self._lock:
            records = {name: one for name, one in self._records.items() if name not in self._polled}
            idle = [name for name in found if name not in self._polled]
        changed = [name for name in idle if not is_current(records.get(name), found[name])]
        gone = [name for name in records if name not in found]
        with self._lock:
            self._polled.update(changed, gone)
        for name in dict.fromkeys(
            one for first in changed for one in load_order(first, partial(needs_among, found))
        ):
            if name in changed:
                names = [name, *needs_among(found, name)]
                self._loader.load(names, name, partial(self._reload_polled, name, done))
        for name in gone:
            with self._lock:
                needs = {one: needs_of_life(record.life) for one, record in self._records.items()}
                going = unload_order([name], needs, (), dependents=False)
                self._suspend(name, going, needs)
            self._loader.do(going, partial(self._unload, going, partial(self._settle, name, done)))
        return changed + gone

    def refresh(self, done: Callable[[], None] = lambda: None) -> None:
        """Bring the index up to date with the names in the repositories, and call ``done``."""

        def look() -> None:
            try:
                self._list(self._place.scan())
            except ConfigurationError as error:
                log.warning("the index may be out of date: %s", error)
            finally:
                done()

        self._loader.do((), look)

    def unload_all(self, timeout: float) -> list[str]:
        """Unload every model, side by side; names of those that did not end within so many seconds."""
        with self._lock:
            records, self._records = self._records, {}
            lives = self._arriving | {record.life for record in records.values()}
        for life in lives:
            self._departures.send(life)
        left = self._departures.hurry(timeout)
        self._settings.environments.remove()
        return [life.folder.key for life in left]

    def _load_first(self, folder: ModelFolder, done: Callable[[str], None]) -> None:
        """Load a model whose record is there since the start."""
        record = self._records.get(folder.key)
        try:
            if record is not None:
                stamp = take(folder.directory)
                record.fingerprint = stamp if record.life.load() else None
        finally:
            done(folder.key)

    def _load_missing(self, name: str) -> None:
        """Load what another model needs, unless it is served."""
        record = self._records.get(name)
        if record is None or not record.life.versions:
            self._attempt(name, Override())

    def _load(self, name: str, override: Override, done: Done, *, in_place: bool) -> None:
        refusal = self._attempt(name, override, in_place=in_place)
        if refusal is None:
            with self._lock:
                self._kept.add(name)
        done(refusal)

    def _reload_polled(self, name: str, done: Callable[[str], None]) -> None:
        refusal = self._attempt(name, Override())
        self._settle(name, done, refusal)

    def _settle(self, name: str, done: Callable[[str], None], _refusal: Refusal | None) -> None:
        with self._lock:
            self._polled.discard(name)
        done(name)

    def _attempt(self, name: str, override: Override, *, in_place: bool = True) -> Refusal | None:
        try:
            return self._bring(name, override, in_place=in_place)
        except Exception as error:
            log.exception("model '%s' cannot be loaded", name)
            return Refusal(f"failed to load '{name}': {type(error).__name__}: {error}")

    def _bring(self, name: str, override: Override, *, in_place: bool) -> Refusal | None:
        """Bring a model to what its folder and the override say now."""
        try:
            folder = self._find(name, override)
            fingerprint = take(folder.directory)
        except (ConfigurationError, LoadError, OSError) as error:
            message = f"failed to load '{name}', failed to poll from model repository: {explain(error)}"
            log.error(message)  # noqa: TRY400  for people, who need no traceback
            return Refusal(message)
        record = self._records.get(name)
        served = record if record and record.life.versions else None
        if served and is_same(served, fingerprint, override):
            return None
        if served and in_place and self._resize(served, folder, fingerprint, override):
            return None
        return self._replace(served, folder, fingerprint, override)

    def _resize(
        self, record: Record, folder: ModelFolder, fingerprint: Fingerprint, override: Override
    ) -> bool:
        """Only add and remove instances, where nothing else has changed."""
        if override.files or record.override.files or record.fingerprint is None:
            return False
        configuration = {path for path in ("config.pbtxt", path_inside(folder)) if path}
        if not record.fingerprint.differs_in(fingerprint) <= configuration:
            return False
        try:
            is_done = record.life.resize(folder)
        except ConfigurationError:
            return False  # the load that follows says what is wrong
        except LoadError as error:
            log.warning("model '%s' is loaded again: no instance could be added: %s", folder.key, error)
            return False
        if is_done:
            record.fingerprint, record.override = fingerprint, override
        return is_done

    def _replace(
        self, served: Record | None, folder: ModelFolder, fingerprint: Fingerprint, override: Override
    ) -> Refusal | None:
        """Load a model anew; what serves goes on until then, and for good if that fails."""
        name = folder.key
        before = served.life if served else None
        life = self._new_life(folder, before)
        record = Record(life, None, override)
        if served is None:
            self._set_record(name, record)
        with self._lock:
            self._arriving.add(life)
        is_loaded = life.load()
        with self._lock:
            self._arriving.discard(life)
        if not is_loaded:
            remove_files(folder)
            if served is not None:
                served.fingerprint = None
            if life.is_refused:
                what = f"failed to load '{name}', failed to poll from model repository"
                code = ErrorCode.INVALID_ARG if override else ErrorCode.INTERNAL
                return Refusal(f"{what}: {life.failure}", code)
            return Refusal(f"load failed for model '{name}': {life.failure}", ErrorCode.INVALID_ARG)
        record.fingerprint = fingerprint
        self._set_record(name, record)
        if before is not None:
            self._departures.send(before)
        self._look_after_ensembles(name)
        return None

    def _look_after_ensembles(self, name: str) -> None:
        """Check those that need a model again, now that it is another or that it is back."""
        with self._lock:
            self._suspended.pop(name, None)
            others = [one for one in self._records if one != name]
            suspended = dict(self._suspended)
        for other in others:
            # By name: with one more model of it, a step may mean another one than before, or none.
            if split_key(name)[0] in self._names_needed(other):
                needed = self._needs_now(other)
                self._loader.load([other, *needed], other, partial(self._adapt, other))
        for other, override in suspended.items():
            needed = self._needs_of(other, override)
            if name in needed:
                self._loader.load([other, *needed], other, partial(self._resume, other, needed))

    def _suspend(self, name: str, going: Sequence[str], needs: Needs) -> None:
        """Remember what goes only because a model that it needs does: it comes back with that model."""
        for one in going:
            if one != name and one in self._records and find_way(one, name, lambda it: needs.get(it, ())):
                self._suspended[one] = self._records[one].override

    def _resume(self, name: str, needed: Sequence[str]) -> None:
        """Load what had to go, once all that it needs is there."""
        if not all(one in self._records and self._records[one].life.versions for one in needed):
            return
        with self._lock:
            override = self._suspended.pop(name, None)
        if override is not None:
            self._attempt(name, override)

    def _adapt(self, name: str) -> None:
        """Load an ensemble again that does not fit its models any more, or that failed for them."""
        record = self._records.get(name)
        if record is None or (not record.life.versions and not record.life.failure):
            return
        life, find = record.life, partial(self._find_served, name)
        if life.versions and not any(is_stale(version.members, find) for version in life.versions):
            return
        try:
            fingerprint = take(life.folder.directory)
        except OSError:
            return  # it is on its way out
        served = record if life.versions else None
        refusal = self._replace(served, life.folder, fingerprint, record.override)
        if refusal and served:
            # Unlike a model, it cannot go on as before: what it is made of has changed already.
            life.failure = refusal.message
            self._departures.send(life, refusal.message)

    def _find_served(self, ensemble: str, name: str, version: int) -> ModelConfiguration:
        """Find what a step of an ensemble asks for.

        Raises:
            LoadError: it is not served, or needs the ensemble in turn.
        """
        known = self._known()
        key = resolve(name, split_key(ensemble)[1], known)
        refuse_circle(ensemble, key, self._needs_now)
        record = self._records.get(key)
        if record is None:
            return choose_version(name, version, (), explain_choice(key, known))
        served = [(one.number, one.configuration) for one in record.life.versions]
        return choose_version(name, version, served, record.life.failure)

    def _needs_now(self, key: str) -> list[str]:
        """Tell which models one needs that is loaded, or that somebody has asked for."""
        return self._resolve(key, self._names_needed(key))

    def _names_needed(self, key: str) -> list[str]:
        record = self._records.get(key)
        try:
            return config.composing_models(read_draft(record.life.folder).document) if record else []
        except ConfigurationError:
            return []

    def _resolve(self, key: str, names: list[str]) -> list[str]:
        """Find the models that one needs by these names."""
        if not names or not self._place.namespaces:
            return names
        _, namespace = split_key(key)
        known = self._known()
        return list(dict.fromkeys(resolve(name, namespace, known) for name in names))

    def _known(self) -> list[str]:
        """List what lies in the repositories or is loaded, maybe from files that a client brought."""
        with self._lock:
            loaded = list(self._records)
        return list(dict.fromkeys([*self._place.keys(), *loaded])) if self._place.namespaces else loaded

    def _unload(self, names: Sequence[str], done: Done) -> None:
        for name in names:
            with self._lock:
                record = self._records.pop(name, None)
                self._kept.discard(name)
            self._listing.add(name)
            if record is not None:
                log.info("unloading model '%s'", name)
                self._departures.send(record.life)
        done(None)

    def _set_record(self, name: str, record: Record) -> None:
        with self._lock:
            self._records[name] = record

    def _new_life(self, folder: ModelFolder, predecessor: ModelLife | None) -> ModelLife:
        return ModelLife(
            folder,
            self._server,
            self._catalogue,
            self._settings,
            announcer=self._announcer,
            predecessor=predecessor,
        )

    def _find(self, key: str, override: Override) -> ModelFolder:
        """Find a model in the repositories, or make its folder of what a client brought.

        Raises:
            LoadError: there is none.
            ConfigurationError: a repository cannot be read.
        """
        if override.files:
            return write_files(key, override)
        inventory = self._place.scan()
        if key in inventory.refused:
            raise LoadError(inventory.refused[key])
        for folder in inventory.models:
            if folder.key == key:
                return folder.overridden(override.configuration)
        places = ", ".join(str(path) for path in self._place.repositories)
        raise LoadError(f"there is no folder '{split_key(key)[0]}' in {places}")

    def _needs_of(self, key: str, override: Override | None = None) -> list[str]:
        """Read which models a model needs; what is wrong with it shows when it is loaded."""
        try:
            if override and override.configuration:
                draft = config.parse_json(override.configuration, split_key(key)[0])
            else:
                draft = read_draft(self._find(key, Override()))
        except (ConfigurationError, LoadError):
            return []
        return self._resolve(key, config.composing_models(draft.document))

    def _list(self, inventory: Inventory) -> None:
        with self._lock:
            loaded = set(self._records)
        self._listing.update(inventory, loaded, {life.folder.key for life in self._departures.lives()})
