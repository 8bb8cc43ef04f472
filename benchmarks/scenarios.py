"""What is measured against what, and what is to be reached: a table."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import partial


class Protocol(StrEnum):
    """How a request travels."""

    HTTP_BINARY = "http-binary"
    HTTP_JSON = "http-json"
    GRPC = "grpc"


class Side(StrEnum):
    """Whose server runs."""

    TRILITH = "trilith"
    TRITON = "triton"


@dataclass(frozen=True)
class Load:
    """A model under load from so many clients, each with one request at a time."""

    side: Side
    model: str
    protocol: Protocol
    clients: int
    timed: bool = False
    """Whether requests are sent for a time, where the load generator could send a number of them."""
    shares_session: bool = False
    """Whether server and load generator are one session, so that Linux gives processors by thread."""


@dataclass(frozen=True)
class Ready:
    """A server's start with one small model, until it says that it is ready."""

    side: Side
    model: str


@dataclass(frozen=True)
class Resident:
    """A server with both endpoints and no model."""

    side: Side


@dataclass(frozen=True)
class BareLoop:
    """`session.run` in a loop without any server, at the batch sizes that the server has just formed."""

    model: str


@dataclass(frozen=True)
class Floor:
    """One client over HTTP at a server that answers with constant bytes: a model's reply, computed before."""

    model: str


@dataclass(frozen=True)
class Breakdown:
    """Where the latency goes, as `perf_analyzer` reads it from the server's statistics."""

    side: Side
    model: str
    protocol: Protocol
    clients: int


Run = Load | Ready | Resident | BareLoop | Floor | Breakdown


@dataclass(frozen=True)
class Limit:
    """What is to be reached: of a figure's ratio (subject over peer), or of the subject's figure itself."""

    figure: str
    bound: float
    at_least: bool = False
    absolute: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a median keeps to the limit."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True)
class Scenario:
    """One row: two runs in alternation, and the limits on what they give."""

    name: str
    subject: Run
    peer: Run
    limits: tuple[Limit, ...] = ()
    repeats: int = 1  # how many times the usual number of pairs


MANY_CLIENTS = 16
MOST_CLIENTS = 256
SEQUENCE_CLIENTS = 64
STREAM_CLIENTS = 16
# Three times the largest batch: one executes, one is full and waits, one is on its way.
SATURATING_CLIENTS = 12

# Our model, the model of the real Triton that serves the same function, and the share of its CPU.
SMALL = (
    ("identity", "identity", 0.30),
    ("python", "identity", 0.60),
    ("mlp", "identity", 0.45),
    ("identity_direct", "identity_direct", 0.30),
    ("python_direct", "identity_direct", 0.60),
    ("mlp_direct", "identity_direct", 0.45),
)


def _pair(ours: str, theirs: str, protocol: Protocol, clients: int) -> tuple[Load, Load]:
    return Load(Side.TRILITH, ours, protocol, clients), Load(Side.TRITON, theirs, protocol, clients)


def _small_tensors() -> Iterator[Scenario]:
    for ours, theirs, bound in SMALL:
        for protocol in Protocol:
            name = f"{ours}/{protocol}/{MANY_CLIENTS}"
            yield Scenario(name, *_pair(ours, theirs, protocol, MANY_CLIENTS), (Limit("cpu_us", bound),))


def _one_client() -> Iterator[Scenario]:
    limits = (Limit("cpu_us", 0.5), Limit("p50_us", 0.5))
    for ours in ("identity_direct", "python_direct"):
        for protocol in Protocol:
            yield Scenario(f"{ours}/{protocol}/1", *_pair(ours, "identity_direct", protocol, 1), limits)


def _large_tensors() -> Iterator[Scenario]:
    """In the request, and in shared memory."""
    for model in ("large", "shared"):
        for protocol in (Protocol.HTTP_BINARY, Protocol.GRPC):
            name = f"{model}/{protocol}/{MANY_CLIENTS}"
            yield Scenario(name, *_pair(model, model, protocol, MANY_CLIENTS), (Limit("cpu_us", 0.5),))


def _ensembles() -> Iterator[Scenario]:
    """Three python models, one behind the other."""
    for model in ("ensemble", "ensemble_direct"):
        for protocol in Protocol:
            name = f"{model}/{protocol}/{MANY_CLIENTS}"
            pair = _pair(model, model, protocol, MANY_CLIENTS)
            yield Scenario(name, *pair, (Limit("cpu_us", 0.5),))


def _sequences() -> Iterator[Scenario]:
    """As many clients as sequences; over HTTP, where the load generator can give each request its id."""
    name = f"sequence/{Protocol.HTTP_BINARY}/{SEQUENCE_CLIENTS}"
    pair = _pair("sequence", "sequence", Protocol.HTTP_BINARY, SEQUENCE_CLIENTS)
    yield Scenario(name, *pair, (Limit("cpu_us", 0.5),))


def _streams() -> Iterator[Scenario]:
    """Ask for a hundred responses with each request, over the one protocol that has a stream."""
    pair = _pair("stream", "stream", Protocol.GRPC, STREAM_CLIENTS)
    yield Scenario(f"stream/{Protocol.GRPC}/{STREAM_CLIENTS}", *pair, (Limit("cpu_us", 0.5),))


def _cache() -> Iterator[Scenario]:
    """Ask the same question again and again: every answer but the first comes from the cache."""
    for protocol in Protocol:
        pair = _pair("cached", "cached", protocol, MANY_CLIENTS)
        yield Scenario(f"cached/{protocol}/{MANY_CLIENTS}", *pair, (Limit("cpu_us", 0.3),))


def _growth() -> Iterator[Scenario]:
    """Set one server under many clients against itself under few.

    As a session of its own the one thread of a load generator gets half of two processors, whether it needs
    that or not, and the server shares the rest: what holds has to hold in both ways.
    """
    target = (Limit("throughput", 1.0, at_least=True),)
    for name, shares_session in (("growth", True), ("growth_by_session", False)):
        for protocol in Protocol:
            load = partial(
                Load, Side.TRILITH, "identity", protocol, timed=True, shares_session=shares_session
            )
            # What is expected is near the bound, and the client's cost is part of the figure.
            yield Scenario(f"{name}/{protocol}", load(MOST_CLIENTS), load(MANY_CLIENTS), target, repeats=2)


def _floor() -> Scenario:
    """Without a target: how much of one client's latency is the system's."""
    subject = Load(Side.TRILITH, "identity_direct", Protocol.HTTP_BINARY, 1)
    return Scenario("floor", subject, Floor("identity_direct"))


def _most_clients() -> Iterator[Scenario]:
    """Without a target: what the real Triton does with as many."""
    for protocol in Protocol:
        name = f"identity/{protocol}/{MOST_CLIENTS}"
        yield Scenario(name, *_pair("identity", "identity", protocol, MOST_CLIENTS))


def _breakdowns() -> Iterator[Scenario]:
    """Without a target, and no ceiling either: this client costs more than what it measures."""
    for protocol in (Protocol.HTTP_BINARY, Protocol.GRPC):
        yield Scenario(
            f"breakdown/{protocol}",
            Breakdown(Side.TRILITH, "identity", protocol, MANY_CLIENTS),
            Breakdown(Side.TRITON, "identity", protocol, MANY_CLIENTS),
        )


SCENARIOS: tuple[Scenario, ...] = (
    *_small_tensors(),
    *_one_client(),
    _floor(),
    *_large_tensors(),
    *_ensembles(),
    *_sequences(),
    *_streams(),
    *_cache(),
    *_growth(),
    *_most_clients(),
    Scenario(
        "saturation",
        Load(Side.TRILITH, "magika", Protocol.HTTP_BINARY, SATURATING_CLIENTS),
        BareLoop("magika"),
        (Limit("throughput", 0.97, at_least=True),),
    ),
    Scenario(
        "ready",
        Ready(Side.TRILITH, "mlp_direct"),
        Ready(Side.TRITON, "identity_direct"),
        (Limit("ready_s", 0.3),),
    ),
    Scenario(
        "resident",
        Resident(Side.TRILITH),
        Resident(Side.TRITON),
        (Limit("resident_mb", 80.0, absolute=True),),
    ),
    *_breakdowns(),
)


def select(patterns: list[str]) -> list[Scenario]:
    """Choose the scenarios that are named, or that stand under one of the names; all if none is given.

    A name may hold wildcards: `identity`, `identity/grpc`, `*/grpc/16`.
    """
    wanted = [form for pattern in patterns for form in (pattern, f"{pattern}/*")]
    return [row for row in SCENARIOS if not wanted or any(fnmatchcase(row.name, form) for form in wanted)]


def models_of(scenarios: list[Scenario], side: Side) -> tuple[str, ...]:
    """List the models that one side's long-lived server has to hold for these scenarios."""
    runs = [run for scenario in scenarios for run in (scenario.subject, scenario.peer)]
    names = [run.model for run in runs if isinstance(run, Load | Breakdown) and run.side is side]
    return tuple(dict.fromkeys(names))
