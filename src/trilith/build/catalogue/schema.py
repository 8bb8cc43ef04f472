"""What a catalogue is: components and all that a plan needs to know of them, as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Argument:
    """Something that CMake is told: a value, or a condition that becomes ON or OFF."""

    name: str
    type: str = ""
    value: str = ""
    """With ``{placeholders}``, see `trilith.build.facts`."""
    on: tuple[str, ...] | None = None
    when: tuple[str, ...] = ()
    """Leaves the argument out where it does not hold."""


@dataclass(frozen=True)
class Option:
    """An option that a component's sources declare."""

    type: str
    default: str = ""
    declared_by: str = ""
    """The third-party part that declares it, where that is not the component itself."""


@dataclass(frozen=True)
class Checked:
    """What a component's facts were last held against."""

    ref: str
    commit: str
    date: str = ""


@dataclass(frozen=True)
class Copy:
    """Files that go from a component's source or build into the result."""

    origin: str
    """``source``, ``build`` or ``install``: which of the component's folders."""
    path: str
    """Below that folder; the last part may be a pattern with ``*``."""
    to: str
    """A folder of the result; empty for its root."""
    when: tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class Component:
    """One brick of a catalogue."""

    key: str
    """``KIND.NAME``."""
    description: str
    repository: str = ""
    """Below the catalogue's organization, or a full address."""
    build: str = "cmake"
    """``cmake``; ``main`` for the server itself; ``option`` for what is part of the server; ``copy`` for what
    needs no building; ``wheel`` for Python."""
    requires: tuple[str, ...] = ()
    third_party: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    """Features that choosing it switches on."""
    conflicts: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    gpu: str = "optional"
    """``required``, ``optional`` or ``never``."""
    machine_needs: str = ""
    """What has to be installed on a machine that builds it outside a container; in words."""
    devices: tuple[str, ...] = ()
    """Files of a machine that can try it; where one is not there, it is not said to work."""
    maintained: bool = True
    needs_engine: bool = False
    """Whether its build starts containers of its own."""
    needs_engine_unless: tuple[str, ...] = ()
    """CMake arguments that hand it what it would otherwise build in a container."""
    submodules: bool = False
    cmake_folder: str = ""
    build_type: str = ""
    """Overrides the build type that was asked for."""
    debian_build: tuple[str, ...] = ()
    debian_run: tuple[str, ...] = ()
    rhel_build: tuple[str, ...] = ()
    rhel_run: tuple[str, ...] = ()
    debian_keyrings: Mapping[str, str] = field(default_factory=dict)
    """By machine: a package with the keys of the repository that its packages come from."""
    python_package: str = ""
    python_requirements: tuple[str, ...] = ()
    python_requirements_gpu: tuple[str, ...] = ()
    """What it requires instead where GPUs are enabled; empty where that is the same."""
    native_features: tuple[str, ...] = ()
    folder: str = ""
    """For bricks of this repository: where its code lies in the source tree."""
    size_megabytes: float = 0.0
    """What it brings into a result, unpacked."""
    size_megabytes_gpu: float = 0.0
    """The same where GPUs are enabled; 0 where that is the same."""
    source_megabytes: float = 0.0
    """Of the files of its repository, where it was checked."""
    files: tuple[str, ...] = ()
    checked: Checked | None = None
    install: tuple[Copy, ...] = ()
    ci: tuple[Copy, ...] = ()
    arguments: tuple[Argument, ...] = ()
    options: Mapping[str, Option] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What it is for: the first part of its key."""
        return self.key.partition(".")[0]

    @property
    def name(self) -> str:
        """What people call it: the second part of its key."""
        return self.key.partition(".")[2]


@dataclass(frozen=True)
class ThirdParty:
    """Something that is fetched or found besides the components."""

    key: str
    description: str
    by: str
    """``git``, ``archive``, ``wheel``, ``script``; ``submodule`` or ``folder`` inside something else;
    ``engine`` for what is built in a container; ``system`` for what the system brings; ``unused`` for what
    sources name and these builds never fetch."""
    address: str = ""
    ref: str = ""
    sha256: str = ""
    pinned: bool = True
    """Whether its sources name the hash of the archive."""
    declared_in: str = ""
    written: tuple[str, ...] = ()
    """How sources write its address, where that is put together while CMake runs."""
    inside: str = ""
    path: str = ""
    submodules: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    left_out_reason: str = ""
    size_megabytes: float = 0.0
    """Of its files, unpacked; for an archive, of itself."""

    @property
    def name(self) -> str:
        """What people call it."""
        return self.key.partition(".")[2]


@dataclass(frozen=True)
class Image:
    """A container image that a build may start from."""

    name: str
    reference: str
    help: str = ""
    when: tuple[str, ...] = ()
    debian: tuple[str, ...] = ()
    """Packages that bring what it brings, for a base that is made of packages in its place."""


@dataclass(frozen=True)
class Setting:
    """A flag that takes a text, declared by the catalogue."""

    default: str
    help: str = ""
    gone: str = ""
    """Why it says nothing any more; told to whoever still gives it."""


@dataclass(frozen=True)
class Rule:
    """Where a condition holds, another fact is needed."""

    needs: str
    when: tuple[str, ...]


@dataclass(frozen=True)
class Packages:
    """Packages of every build and of every result, whatever is chosen."""

    debian_build: tuple[str, ...] = ()
    debian_run: tuple[str, ...] = ()
    rhel_build: tuple[str, ...] = ()
    rhel_run: tuple[str, ...] = ()
    python_build: tuple[str, ...] = ()


@dataclass(frozen=True)
class Head:
    """What holds for a whole catalogue."""

    name: str
    description: str
    builder: str
    """Which script builds it: ``cmake`` or ``wheel``."""
    version: str
    main: str
    """The component that is the server."""
    tools: Mapping[str, str] = field(default_factory=dict)
    """By program: the least version that builds on a machine need."""
    organization: str = ""
    container_version: str = ""
    development_ref: str = "main"
    release_ref: str = ""
    platforms: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    build_types: tuple[str, ...] = ("Release",)
    cmake_variables: tuple[str, ...] = ()
    """Patterns of variables that CMake knows by itself."""
    from_environment: tuple[str, ...] = ()
    """CMake variables that are passed on from the environment where it has them."""
    containers: bool = True
    """Whether a build runs in containers unless it is told otherwise."""
    repo_tags: Mapping[str, str] = field(default_factory=dict)
    """Names that ``--repo-tag`` takes, and the components they mean."""
    environment: Mapping[str, str] = field(default_factory=dict)
    image_name: str = ""
    root: str = "/opt/server"
    """Where the result lies in an image."""
    user: str = "server"
    command: tuple[str, ...] = ()
    health: str = ""
    """Path that answers over HTTP when the server is ready."""


@dataclass(frozen=True)
class Door:
    """Where an endpoint listens, for whoever wants to ask it."""

    endpoint: str
    """Key of the component that opens it."""
    protocol: str
    """``kserve-http``, ``kserve-grpc`` or ``prometheus``."""
    flag: str
    """Flag of the server that sets its port."""
    port: int
    """The port where none is set."""


@dataclass(frozen=True)
class Extension:
    """Something that the server says it can do."""

    name: str
    when: tuple[str, ...] = ()


@dataclass(frozen=True)
class Serving:
    """How a result is started, and what it says of itself then."""

    command: tuple[str, ...] = ()
    """With ``{root}`` and ``{repository}``; the first word is a program of the result."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """With ``{root}``."""
    extensions: tuple[Extension, ...] = ()
    health: tuple[str, ...] = ()
    """Command that succeeds while the server is ready, with ``{address}``."""


@dataclass(frozen=True)
class Prebuilt:
    """A library that a component can be handed, and how it is recognised."""

    component: str
    """Key of the component that takes it."""
    libraries: tuple[str, ...] = ()
    """Patterns of file names; at least one must be there."""
    header: str = ""
    """As sources include it; the folder around it is told to CMake."""
    include_argument: str = ""
    library_argument: str = ""
    version_setting: str = ""
    """Setting that names the version that is built for."""
    version_files: tuple[str, ...] = ()
    version_header: str = ""
    version_macros: tuple[str, ...] = ()
    cxx_abi: str = ""
    """``new`` where it is spoken to in C++."""
    replaces: tuple[str, ...] = ()
    """Third-party parts that need not be fetched then."""
    to: str = ""
    """Folder of the result that its libraries go to; empty where the component installs them itself."""
    build_folder: str = ""
    """Folder of the component's build in which it looks for headers (``include``) and libraries (``lib``),
    where no argument names one."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Names that libraries are looked for by in there, and the patterns of those that they stand for."""
    refused: str = ""
    """Why it cannot be handed over."""


@dataclass(frozen=True)
class Catalogue:
    """Everything that can be chosen, and what is known of it."""

    head: Head
    components: Mapping[str, Component]
    third_party: Mapping[str, ThirdParty] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    images: tuple[Image, ...] = ()
    rules: tuple[Rule, ...] = ()
    packages: Packages = field(default_factory=Packages)
    arguments: Mapping[str, tuple[Argument, ...]] = field(default_factory=dict)
    """By kind: what every component of it is told."""
    presets: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    releases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By container version: ``version`` and settings."""
    doors: tuple[Door, ...] = ()
    serving: Serving = field(default_factory=Serving)
    prebuilt: Mapping[str, Prebuilt] = field(default_factory=dict)
    file: str = ""

    def of_kind(self, kind: str) -> dict[str, Component]:
        """Components of one kind, by name."""
        return {part.name: part for part in self.components.values() if part.kind == kind}

    def kinds(self) -> tuple[str, ...]:
        """All kinds, in the order of the catalogue."""
        return tuple(dict.fromkeys(part.kind for part in self.components.values()))
