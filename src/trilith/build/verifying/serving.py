"""The server, started from the result and asked: what it says of itself, one inference through each door."""

import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trilith.build.catalogue import FOLDER
from trilith.build.catalogue.libraries import owner_of
from trilith.build.catalogue.schema import Door
from trilith.build.facts import holds
from trilith.build.verifying.asking import PROTOCOLS, Grpc, Http, Refused
from trilith.build.verifying.process import Process, free_ports, reachable
from trilith.build.verifying.report import Report
from trilith.build.verifying.subject import Subject

CHECK = "serving"
START_SECONDS = 60.0
"""The upstream server with every backend takes tens of seconds on a slow disk."""
POLL_SECONDS = 0.05
PROBES = "probes"
# What glibc's dynamic linker says.
_UNLOADED = re.compile(r"error while loading shared libraries: (\S+): cannot open shared object file")
_REQUEST, _ANSWER = "request.json", "response.json"


@dataclass(frozen=True)
class Probe:
    """A small model, and what it answers."""

    component: str
    folder: Path

    @property
    def model(self) -> str:
        """What it is called while it is served."""
        return f"probe_{self.component.replace('.', '_').replace('-', '_')}"

    @property
    def request(self) -> dict[str, Any]:
        """What it is asked."""
        return dict(json.loads((self.folder / _REQUEST).read_text(encoding="utf-8")))

    @property
    def expected(self) -> dict[str, Any]:
        """What it must answer, by output."""
        told = json.loads((self.folder / _ANSWER).read_text(encoding="utf-8"))
        return {output["name"]: output["data"] for output in told["outputs"]}


def check_serving(subject: Subject, report: Report) -> None:
    """Start the server on free ports, ask it, end it."""
    doors = [door for door in subject.catalogue.doors if door.endpoint in subject.parts or not subject.plan]
    if not subject.catalogue.serving.command or subject.catalogue.head.main not in subject.parts:
        report.note(CHECK, "there is no server in the result to start")
        return
    if not reachable():
        told = "the server cannot be asked: nothing on this machine can be reached at 127.0.0.1"
        report.error(CHECK, told, "bring the loopback interface up ('ip link set lo up'), or add --static")
        return
    probes = find_probes(subject)
    untried = sorted(
        key
        for key in subject.parts
        if key.startswith("backend.") and key not in {p.component for p in probes}
    )
    _devices(subject, report)
    for key in untried:
        report.note(CHECK, f"there is no model to try {key} with", f"add {PROBES}/{key} beside the catalogue")
    with _repository(subject, probes) as repository:
        ports = dict(zip(doors, free_ports(len(doors)), strict=True))
        words = _command(subject, repository, ports)
        environment = {
            name: text.replace("{root}", subject.inside(subject.root))
            for name, text in subject.catalogue.serving.environment.items()
        }
        with Process(subject, words, environment) as process:
            _ask(subject, report, process, ports, probes)


def _devices(subject: Subject, report: Report) -> None:
    """Name what this machine cannot try: everything else is tried without it."""
    for key in sorted(subject.parts & subject.catalogue.components.keys()):
        for device in subject.catalogue.components[key].devices:
            if not Path(device).exists():
                told = f"{key} is not tried: this machine has no {device}"
                report.note(CHECK, told, "verify the result again on a machine that has it")


def find_probes(subject: Subject) -> list[Probe]:
    """Return the models that components of a result can be tried with."""
    places = [FOLDER / PROBES]
    if subject.catalogue.file:
        places.insert(0, Path(subject.catalogue.file).parent / PROBES)
    found: dict[str, Probe] = {}
    for key in sorted(subject.parts):
        for place in places:
            if key not in found and (place / key / _REQUEST).is_file():
                found[key] = Probe(key, place / key)
    return list(found.values())


@contextmanager
def _repository(subject: Subject, probes: list[Probe]) -> Iterator[str]:
    """Lay out a model repository where the server can see it; how the server calls it."""
    above = subject.system / "var" if subject.image is not None else None
    if above:
        above.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="probes-", dir=above) as folder:
        Path(folder).chmod(0o755)
        for probe in probes:
            target = Path(folder) / probe.model
            shutil.copytree(probe.folder, target, ignore=shutil.ignore_patterns("*.json", ".keep"))
            (target / "1").mkdir(exist_ok=True)
        yield subject.inside(Path(folder).resolve()) if above else folder


def _command(subject: Subject, repository: str, ports: dict[Door, int]) -> list[str]:
    values = {"{root}": subject.inside(subject.root), "{repository}": repository}
    words = []
    for word in subject.catalogue.serving.command:
        for name, value in values.items():
            word = word.replace(name, value)  # noqa: PLW2901
        words.append(word)
    words[0] = f"{values['{root}']}/bin/{words[0]}"
    return [*words, *(f"{door.flag}={port}" for door, port in ports.items())]


def _ask(
    subject: Subject, report: Report, process: Process, ports: dict[Door, int], probes: list[Probe]
) -> None:
    askers: dict[Door, Http | Grpc] = {}
    for door, port in ports.items():
        try:
            askers[door] = PROTOCOLS[door.protocol](port)
        except Refused as error:
            report.error(CHECK, f"{door.endpoint} was not asked: {error}")
    if not subject.plan:
        askers = _served(askers, ports, process, report)
    if not _all_ready(askers, process, subject.facts, report):
        return
    for door, asker in askers.items():
        if door.protocol.startswith("kserve"):
            _extensions(subject, report, door, asker)
    # Metrics last: they count what the others were asked.
    for door, asker in sorted(askers.items(), key=lambda item: not item[0].protocol.startswith("kserve")):
        for probe in probes:
            _infer(report, door, asker, probe)
    if not probes:
        report.note(CHECK, "no inference was tried: no backend of the result has a model to try it with")
    _ports(process.listening(), set(ports.values()), report)


def _served(
    askers: dict[Door, Http | Grpc], ports: dict[Door, int], process: Process, report: Report
) -> dict[Door, Http | Grpc]:
    """Return who can be asked where no plan says what is served: what listens when one of them is ready."""
    _wait(lambda: any(one.ready() for one in askers.values()), process, time.monotonic() + START_SECONDS)
    listening = process.listening() & set(ports.values())
    if not listening:
        return askers  # it did not start, or hides what it does: each is asked
    for door in askers:
        if ports[door] not in listening:
            report.note(
                CHECK, f"{door.endpoint} is not served, and there is no plan that says whether it must be"
            )
    return {door: asker for door, asker in askers.items() if ports[door] in listening}


def _elsewhere(lines: str, facts: frozenset[str]) -> str:
    """Return the library that the dynamic linker did not find, where a result like this may lack it."""
    match = _UNLOADED.search(lines)
    owner = owner_of(match[1]) if match else None
    return match[1] if match and owner and owner.elsewhere(facts) else ""


def _all_ready(
    askers: dict[Door, Http | Grpc], process: Process, facts: frozenset[str], report: Report
) -> bool:
    started = time.monotonic()
    for door, asker in askers.items():
        if not _wait(asker.ready, process, started + START_SECONDS):
            if process.ended is not None and (lacking := _elsewhere(process.last_lines(), facts)):
                told = f"the server is not tried: it needs {lacking}, which this machine lacks"
                report.note(CHECK, told, "verify the result again on a machine that has it")
                return False
            what = f"ended with status {process.ended}" if process.ended is not None else "is not ready"
            told = f"{door.endpoint}: the server {what} after {time.monotonic() - started:.1f} s; it said:"
            report.error(CHECK, f"{told}\n{process.last_lines()}")
            return False
    report.good(
        CHECK, f"ready {time.monotonic() - started:.2f} s after its start, on {len(askers)} endpoints"
    )
    return True


def _ports(listening: set[int], planned: set[int], report: Report) -> None:
    strange = ", ".join(map(str, sorted(listening - planned)))
    if strange:
        report.error(CHECK, f"it listens on {strange} besides, which no endpoint of the plan explains")
    elif listening:
        report.good(CHECK, "it listens where the plan's endpoints are and nowhere else")


def _wait(probe: Callable[[], bool], process: Process, deadline: float) -> bool:
    while not probe():
        if process.ended is not None or time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _extensions(subject: Subject, report: Report, door: Door, asker: Http | Grpc) -> None:
    expected = [one.name for one in subject.catalogue.serving.extensions if holds(one.when, subject.facts)]
    try:
        told = asker.extensions()
    except Refused as error:
        report.error(CHECK, f"{door.endpoint}: {error}")
        return
    missing = [name for name in expected if name not in told]
    unplanned = [
        one.name
        for one in subject.catalogue.serving.extensions
        if subject.plan and one.name in told and not holds(one.when, subject.facts)
    ]
    for name in missing:
        report.error(CHECK, f"{door.endpoint}: the server does not advertise '{name}', which its plan holds")
    for name in unplanned:
        report.error(CHECK, f"{door.endpoint}: the server advertises '{name}', which its plan leaves out")
    if not missing and not unplanned:
        report.good(CHECK, f"{door.endpoint}: {len(told)} extensions, as planned")


def _infer(report: Report, door: Door, asker: Http | Grpc, probe: Probe) -> None:
    try:
        answer = asker.infer(probe.model, probe.request)
    except (Refused, KeyError, TypeError, ValueError) as error:
        report.error(CHECK, f"{door.endpoint}: {probe.component}: {error}")
        return
    if not door.protocol.startswith("kserve"):
        report.good(CHECK, f"{door.endpoint}: the inferences of {probe.component} are counted")
    elif answer == probe.expected:
        report.good(CHECK, f"{door.endpoint}: {probe.component} answered an inference")
    else:
        report.error(
            CHECK, f"{door.endpoint}: {probe.component} answered {answer}, expected {probe.expected}"
        )
