"""From a selection and a catalogue to a plan: pure, and with every decision in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from trilith.build.catalogue.schema import Catalogue, Component
from trilith.build.defines import defines_of
from trilith.build.facts import fill, holds, placeholders, reach
from trilith.build.mirrors import Mirrors
from trilith.build.model import OWN_CONTAINERS, STANDS_ON, Closure, Folders, Host, Part, Plan, Value
from trilith.build.problems import BuildError, Problem
from trilith.build.selection import FEATURES, NAMED_KINDS, Selection, split
from trilith.build.validation import RELEASE_REF, validate
from trilith.build.versions import Versions, decide_versions

DEFAULT = "default"
# Beside the build folder in a container; /var/tmp is meant for what outlives a command.
CONTAINER_TEMPORARY = "/var/tmp"  # noqa: S108  a folder inside a container of our own


def plan(selection: Selection, catalogue: Catalogue, host: Host, mirrors: Mirrors | None = None) -> Plan:
    """Decide a build.

    Raises:
        BuildError: the selection cannot be; all mistakes are named.
    """
    problems = list(validate(selection, catalogue))
    draft = _Draft(selection, catalogue, host)
    problems += draft.problems()
    if problems:
        raise BuildError(problems)
    built = draft.finish(mirrors or Mirrors())
    if problems := _after(built):
        raise BuildError(problems)
    return built


@dataclass(frozen=True)
class _Chosen:
    """Components that the selection names."""

    origins: Mapping[str, str]
    refs: Mapping[str, str]


class _Draft:
    """A plan in the making; holds what several steps need."""

    def __init__(self, selection: Selection, catalogue: Catalogue, host: Host) -> None:
        self.selection, self.catalogue = selection, catalogue
        self.platform = self._value("target-platform", host.platform, "this machine")
        self.machine = self._value("target-machine", host.machine, "this machine")
        self.build_type = self._value("build-type", catalogue.head.build_types[0], DEFAULT)
        self.parallel = int(_decimal(selection.text("build-parallel")) or host.cores)
        self.chosen = _choose(selection, catalogue)
        self.versions: Versions = decide_versions(selection, catalogue, self.chosen.refs)
        self.reasons = reach(self.chosen.origins, lambda key: catalogue.components[key].requires)
        self.settings = self._settings()
        self.facts = self._facts()
        self.images = self._images()

    def problems(self) -> list[Problem]:
        """Return what is wrong with the choices together."""
        found = list(self.versions.problems)
        for rule in self.catalogue.rules:
            if holds(rule.when, self.facts) and rule.needs not in self.facts:
                given = " and ".join(_flag_of(fact) for fact in rule.when)
                found.append(
                    Problem(f"{given} needs {_flag_of(rule.needs)}", suggestion="add it, or leave it out")
                )
        found += self._needed_all_the_same()
        for key in self.reasons:
            found += self._limits(self.catalogue.components[key])
        if self._containers():
            found += self._unknown_images()
            found += self._folders_of_this_machine()
        return found

    def _folders_of_this_machine(self) -> Iterable[Problem]:
        """Yield folders that no container sees; the sources of a wheel are copied into one."""
        folder = self.selection.text("cmake-dir")
        if folder and self.catalogue.head.builder == "cmake":
            message = f"--cmake-dir={folder}: a build in containers does not see folders of this machine"
            yield Problem(message, suggestion="leave it out, or add --no-container-build")

    def _needed_all_the_same(self) -> Iterable[Problem]:
        """Yield what was left out and is needed by something that was chosen."""
        for choice in self.selection.all("without"):
            kind, _, name = choice.value.rpartition(".")
            kinds = {FEATURES: ["feature"], "": ["feature", *NAMED_KINDS]}.get(kind, [kind])
            for key in (f"{one}.{name}" for one in kinds):
                if reason := self.reasons.get(key):
                    where = f"--without={choice.value} ({choice.origin})"
                    yield Problem(f"{where}: {reason} needs it", suggestion=f"leave {reason} out too")

    def finish(self, mirrors: Mirrors) -> Plan:
        """Make the plan."""
        organization = self.selection.text("github-organization", self.catalogue.head.organization).rstrip(
            "/"
        )
        mirrors = _with_organization(mirrors, self.catalogue.head.organization, organization)
        containers = self._containers()
        parts = tuple(self._part(key, organization) for key in self.reasons)
        folders = _folders(self.selection, self.catalogue, containers=containers)
        plan = Plan(
            catalogue=self.catalogue,
            selection=self.selection,
            version=self.versions.version,
            container_version=self.versions.container_version,
            platform=self.platform,
            machine=self.machine,
            build_type=self.build_type,
            parallel=self.parallel,
            containers=containers,
            parts=parts,
            closure=_closure(parts, self.catalogue),
            images=self.images,
            settings=self.settings,
            folders=folders,
            mirrors=mirrors,
            notes=(),
        )
        values = self._values(organization)
        told = tuple(replace(part, defines=defines_of(plan, part, self.facts, values)) for part in parts)
        plan = replace(plan, parts=told)
        return replace(plan, notes=tuple(_notes(plan)))

    def _part(self, key: str, organization: str) -> Part:
        component = self._component(key)
        origin = self.chosen.origins.get(key, "")
        address = component.repository
        if address and ":" not in address:
            address = f"{organization}/{address}.git"
        return Part(
            component,
            reason=origin or f"needed by {self.reasons[key]}",
            chosen=bool(origin),
            ref=self._ref(key) if address else "",
            address=address,
            build_type=component.build_type or self.build_type.text,
        )

    def _component(self, key: str) -> Component:
        component = self.catalogue.components[key]
        if "enable:gpu" not in self.facts:
            return component
        requirements = component.python_requirements_gpu or component.python_requirements
        size = component.size_megabytes_gpu or component.size_megabytes
        return replace(component, python_requirements=requirements, size_megabytes=size)

    def _ref(self, key: str) -> str:
        return self.chosen.refs.get(key) or self.versions.default_ref

    def _value(self, flag: str, default: str, origin: str) -> Value:
        choice = self.selection.one(flag)
        return Value(choice.value, choice.origin) if choice else Value(default, origin)

    def _settings(self) -> dict[str, Value]:
        release = self.catalogue.releases.get(self.versions.container_version.text, {})
        found = {}
        for name, setting in self.catalogue.settings.items():
            known = release.get(name)
            origin = f"release {self.versions.container_version.text}" if known is not None else DEFAULT
            found[name] = self._value(name, setting.default if known is None else known, origin)
        return found

    def _facts(self) -> frozenset[str]:
        features = [choice.value for choice in self.selection.all(FEATURES)]
        for key in self.reasons:
            features += self.catalogue.components[key].implies
        components = [
            f"{key.partition('.')[0]}:{key.partition('.')[2]}"
            for key in self.reasons
            if not key.startswith("feature.")
        ]
        images = [f"image:{split(choice.value, ',')[0]}" for choice in self.selection.all("image")]
        return frozenset(
            [
                *(f"enable:{name}" for name in features),
                *components,
                *images,
                *(f"setting:{name}" for name, value in self.settings.items() if value.text),
                f"platform:{self.platform.text}",
                f"machine:{self.machine.text}",
            ]
        )

    def _images(self) -> dict[str, str]:
        given = dict(split(choice.value, ",") for choice in self.selection.all("image"))
        values = {name: value.text for name, value in self.settings.items()}
        for image in self.catalogue.images:
            if image.name not in given and holds(image.when, self.facts):
                missing = [name for name in placeholders(image.reference) if not values.get(name)]
                given[image.name] = "" if missing else fill(image.reference, values)
        return given

    def _unknown_images(self) -> Iterable[Problem]:
        for name in dict.fromkeys(image.name for image in self.catalogue.images):
            if name == STANDS_ON and name not in self.images:
                message = f"it is not known what images for platform {self.platform.text} stand on"
                yield Problem(message, suggestion=f"add --image={name},IMAGE")
        for image in self.catalogue.images:
            if self.images.get(image.name) == "" and holds(image.when, self.facts):
                missing = [name for name in placeholders(image.reference) if not self.settings[name].text]
                flags = " ".join(f"--{name}=TEXT" for name in missing)
                message = f"it is not known where the image '{image.name}' ({image.reference}) comes from"
                yield Problem(message, suggestion=f"add --image={image.name},IMAGE or {flags}")

    def _values(self, organization: str) -> dict[str, str]:
        values = {name: value.text for name, value in self.settings.items()}
        values |= {f"ref:{key}": self._ref(key) for key in self.catalogue.components}
        values |= {f"image:{name}": reference for name, reference in self.images.items()}
        values |= {
            "version": self.versions.version.text,
            "container-version": self.versions.container_version.text,
            "organization": organization,
            "target-platform": self.platform.text,
            "target-machine": self.machine.text,
            "build-parallel": str(self.parallel),
        }
        return values

    def _containers(self) -> bool:
        if self.selection.has("no-container-build"):
            return False
        return self.catalogue.head.containers or self.selection.has("container-build")

    def _limits(self, component: Component) -> Iterable[Problem]:
        for noun, value, known in (
            ("platform", self.platform.text, component.platforms),
            ("machine", self.machine.text, component.machines),
        ):
            if known and value not in known:
                yield Problem(
                    f"{component.key} is not for {noun} {value}", suggestion=f"it is for {', '.join(known)}"
                )
        for other in component.conflicts:
            if other in self.reasons:
                yield Problem(f"{component.key} and {other} exclude each other", suggestion="leave one out")
        has_gpu = self.catalogue.of_kind("feature").get("gpu") is None or "enable:gpu" in self.facts
        if component.gpu == "required" and component.kind != "feature" and not has_gpu:
            yield Problem(f"{component.key} needs a GPU", suggestion="add --enable-gpu, or leave it out")


def _choose(selection: Selection, catalogue: Catalogue) -> _Chosen:
    """Return the components that the selection names and the catalogue knows."""
    origins: dict[str, str] = {}
    refs: dict[str, str] = {}
    if not selection.has("no-core-build"):
        origins[catalogue.head.main] = DEFAULT
    for flag in (*NAMED_KINDS, FEATURES):
        kind = "feature" if flag == FEATURES else flag
        for choice in selection.all(flag):
            name, ref = split(choice.value, ":")
            key = f"{kind}.{name}"
            if key in catalogue.components and (kind != "feature" or not selection.has("no-core-build")):
                origins[key] = choice.origin
                if ref:
                    refs[key] = ref
    for choice in selection.all("repo-tag"):
        name, ref = split(choice.value, ":")
        if name in catalogue.head.repo_tags:
            refs[catalogue.head.repo_tags[name]] = ref
    return _Chosen(origins, refs)


def _closure(parts: Iterable[Part], catalogue: Catalogue) -> tuple[Closure, ...]:
    starts = {name: part.key for part in parts for name in reversed(part.component.third_party)}
    inside = {key: [part.inside] if part.inside else [] for key, part in catalogue.third_party.items()}
    reasons = reach(starts, inside.__getitem__)
    return tuple(
        Closure(catalogue.third_party[key], starts.get(key, reason)) for key, reason in reasons.items()
    )


def _with_organization(mirrors: Mirrors, usual: str, organization: str) -> Mirrors:
    """Send what names the usual organization by itself to the one that was asked for."""
    if not usual or organization == usual:
        return mirrors
    return Mirrors({**mirrors.rules, "git": {f"{usual}/": f"{organization}/", **mirrors.of("git")}})


def _folders(selection: Selection, catalogue: Catalogue, *, containers: bool) -> Folders:
    output = selection.text("build-dir", "build")
    if containers:
        build = (
            f"{selection.text('tmp-dir', CONTAINER_TEMPORARY).rstrip('/')}/{catalogue.head.image_name}build"
        )
        return Folders(output, build, f"{build}/install", f"{build}/ci", selection.text("cmake-dir"))
    install = selection.text("install-dir", f"{output}{catalogue.head.root}")
    return Folders(output, output, install, f"{output}/ci", selection.text("cmake-dir"))


def _after(plan: Plan) -> list[Problem]:
    """Return problems that show only in a whole plan."""
    found: list[Problem] = []
    for flag, parts in (("override-core-cmake-arg", "core."), ("override-backend-cmake-arg", "backend.")):
        known = {define.name for part in plan.built for define in part.defines if part.key.startswith(parts)}
        for choice in plan.selection.all(flag):
            name = choice.value.partition("=")[0].rpartition(":" if parts == "backend." else "\0")[2]
            if name.partition(":")[0] not in known:
                extra = flag.replace("override", "extra")
                found.append(
                    Problem(
                        f"--{flag}={choice.value}: '{name}' is not told by default",
                        suggestion=f"use --{extra}",
                    )
                )
    return found


def _notes(plan: Plan) -> Iterable[str]:
    yield from _notes_of_parts(plan)
    for name, setting in plan.catalogue.settings.items():
        if setting.gone and plan.settings[name].origin not in (DEFAULT, ""):
            yield f"--{name} does nothing: {setting.gone}"
    tags = {part.ref for part in plan.parts if RELEASE_REF.fullmatch(part.ref)}
    if (
        plan.catalogue.head.organization
        and not tags
        and any(part.ref == plan.catalogue.head.development_ref for part in plan.parts)
    ):
        yield f"refs are branches that move ('{plan.catalogue.head.development_ref}'); a release stands still"


def _notes_of_parts(plan: Plan) -> Iterable[str]:
    given = {define.name for part in plan.built for define in part.defines if define.value}
    for part in plan.built:
        component = part.component
        if not component.maintained:
            yield f"{part.key} is no longer maintained upstream"
        handed = component.needs_engine_unless
        if component.needs_engine or (handed and not given.issuperset(handed)):
            names = " and ".join(handed)
            advice = f"; hand it what it needs with {names} to avoid that" if names else ""
            yield f"{part.key} {OWN_CONTAINERS} while it is built{advice}"
    for part in plan.parts:
        if part.component.machine_needs and not plan.containers:
            yield f"{part.key} is built on this machine, which needs {part.component.machine_needs}"


def _flag_of(fact: str) -> str:
    kind, _, name = fact.partition(":")
    return f"--{kind}-{name}" if kind == FEATURES else f"--{kind}={name}"


def _decimal(text: str) -> str:
    return text if text.isdecimal() else ""
