"""Carries out scenarios: starts the servers, alternates the two runs of each pair, collects figures."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from benchmarks import answers, batches, breakdown, client, floor, load
from benchmarks.errors import BenchmarkError, ServerError
from benchmarks.models import MODELS, Model, write_repository
from benchmarks.results import Figures, Result
from benchmarks.scenarios import (
    BareLoop,
    Breakdown,
    Floor,
    Load,
    Protocol,
    Ready,
    Resident,
    Run,
    Scenario,
    Side,
    models_of,
)
from benchmarks.servers import Command, Server, clean_environment

# Before a kind of load is measured for the first time, and to learn how fast it goes.
WARM_SECONDS = 1
WARM_REQUESTS = 256


@dataclass(frozen=True)
class Plan:
    """All that a session is told from outside."""

    commands: Mapping[Side, Command]
    python: Path  # the interpreter whose ONNX Runtime the bare loop uses
    perf_analyzer: Command  # run against a server, not itself a side
    magika: Path
    built: Path  # the folder for what is compiled once
    directory: Path
    pairs: int
    seconds: int
    calibrate: bool = False  # the real Triton stands on both sides


class Session:
    """One run of the benchmarks; a context manager that stops the servers it has started."""

    def __init__(self, plan: Plan, scenarios: list[Scenario]) -> None:
        """Nothing starts before it is needed."""
        self.plan = plan
        self.scenarios = scenarios
        self._stack = ExitStack()
        self._servers: dict[tuple[Side, bool], Server] = {}
        self._broken: dict[tuple[Side, bool], ServerError] = {}
        self._rates: dict[Load, float] = {}
        self._histograms: dict[str, dict[int, int]] = {}

    def __enter__(self) -> Self:
        """Give back the session."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the servers."""
        self._stack.close()

    def run(self, scenario: Scenario) -> Result:
        """Measure subject and peer in alternation; a failure ends the scenario and is kept as its result."""
        result = Result(scenario)
        try:
            for _ in range(self.plan.pairs * scenario.repeats):
                result.pairs.append((self.measure(scenario.subject), self.measure(scenario.peer)))
        except BenchmarkError as error:
            result.failure = str(error)
            self._forget_dead_servers()
        return result

    def measure(self, run: Run) -> Figures:
        """Carry out one run."""
        if isinstance(run, Load):
            return self._measure_load(run)
        if isinstance(run, Ready):
            return self._measure_ready(run)
        if isinstance(run, Resident):
            return self._measure_resident(run)
        if isinstance(run, Breakdown):
            return self._measure_breakdown(run)
        if isinstance(run, Floor):
            return self._measure_floor(run)
        return self._measure_bare_loop(run)

    def _model(self, side: Side, name: str) -> Model:
        """Find the model to ask for: when the real Triton stands in for us, the one that it has instead."""
        model = MODELS[name]
        if side is Side.TRILITH and not self.plan.calibrate:
            return model
        if model.peer is None:
            raise ServerError(
                f"The real Triton has no model to hold against {name}: it brings no ONNX Runtime."
            )
        return MODELS[model.peer]

    def _start(
        self, side: Side, names: tuple[str, ...], purpose: str, *, shares_session: bool = False
    ) -> Server:
        ours = side is Side.TRILITH and not self.plan.calibrate
        if not ours:
            peers = [MODELS[name].peer for name in names]
            names = tuple(dict.fromkeys(peer for peer in peers if peer is not None))
        place = self.plan.directory / f"{side}-{purpose}"
        repository = write_repository(place, names, ours=ours, magika=self.plan.magika)
        log = place.with_suffix(".log")
        return Server(self.plan.commands[side], repository, log, shares_session=shares_session)

    def _server(self, side: Side, *, shares_session: bool = False) -> Server:
        """Give the long-lived server of a side, started when first asked for."""
        key = (side, shares_session)
        if key in self._broken:
            raise self._broken[key]
        if key not in self._servers:
            names, purpose = models_of(self.scenarios, side), "beside" if shares_session else "models"
            started = self._start(side, names, purpose, shares_session=shares_session)
            self._stack.enter_context(started)
            try:
                started.wait_until_ready()
            except ServerError as error:  # not to be waited for once per scenario
                started.stop()
                self._broken[key] = error
                raise
            self._servers[key] = started
        self._servers[key].require_alive()
        return self._servers[key]

    def _forget_dead_servers(self) -> None:
        for key, server in list(self._servers.items()):
            try:
                server.require_alive()
            except ServerError:
                del self._servers[key]

    def _measure_load(self, run: Load) -> Figures:
        server = self._server(run.side, shares_session=run.shares_session)
        model = self._model(run.side, run.model)
        job = self._job(run, server, model)
        self._warm(run, job)
        seconds = self.plan.seconds * model.windows
        before, cpu = client.executions(server, model), server.cpu_seconds()
        outcome, watched = self._send(run, job, seconds)
        cpu = server.cpu_seconds() - cpu
        histogram = batches.difference(client.executions(server, model), before)
        self._histograms[model.name] = histogram
        answers.check(server, model, run.protocol, self.plan.magika)
        return {**_figures(outcome, cpu, watched), "batch": batches.mean(histogram)}

    def _job(self, run: Load, server: Server, model: Model) -> load.Job:
        directory = self.plan.directory / "load"
        directory.mkdir(exist_ok=True)
        return load.Job(
            port=server.grpc_port if run.protocol is Protocol.GRPC else server.http_port,
            clients=run.clients,
            request=client.request(model, run.protocol),
            expected=answers.check(server, model, run.protocol, self.plan.magika),
            directory=directory,
            tolerance=answers.tolerance(model),
            sequences=model.sequences,
        )

    def _warm(self, run: Load, job: load.Job) -> None:
        """Send a first, uncounted load of this kind."""
        if run in self._rates:
            return
        if run.protocol is Protocol.GRPC:
            outcome = load.run_h2load(job, WARM_REQUESTS + 4 * job.clients, WARM_SECONDS)
            self._rates[run] = outcome.requests / outcome.seconds
            outcome = load.run_h2load(job, int(self._rates[run] * WARM_SECONDS), WARM_SECONDS)
        else:
            outcome = load.run_wrk(job, WARM_SECONDS)
        self._rates[run] = outcome.requests / outcome.seconds

    def _send(self, run: Load, job: load.Job, seconds: int) -> tuple[load.Outcome, int]:
        """Send the load that counts; also give back how many requests the watch has asked."""
        if run.protocol is not Protocol.GRPC:
            return load.run_wrk(job, seconds), 0
        server = self._server(run.side, shares_session=run.shares_session)
        model = self._model(run.side, run.model)
        with answers.Watch(server, model, self.plan.magika) as watch:
            requests = None if run.timed else int(self._rates[run] * seconds)
            outcome = load.run_h2load(job, requests, seconds)
        self._rates[run] = outcome.requests / outcome.seconds
        return outcome, watch.asked

    def _measure_ready(self, run: Ready) -> Figures:
        with self._start(run.side, (run.model,), "ready") as server:
            seconds = server.wait_until_ready()
            answers.check(server, self._model(run.side, run.model), Protocol.HTTP_BINARY, self.plan.magika)
            return {"ready_s": seconds, "resident_mb": server.resident_bytes() / 1e6}

    def _measure_resident(self, run: Resident) -> Figures:
        with self._start(run.side, (), "empty") as server:
            server.wait_until_ready()
            client.require_live(server)
            return {"resident_mb": server.resident_bytes() / 1e6}

    def _measure_floor(self, run: Floor) -> Figures:
        server, model = self._server(Side.TRILITH), self._model(Side.TRILITH, run.model)
        job = self._job(Load(Side.TRILITH, run.model, Protocol.HTTP_BINARY, 1), server, model)
        answer = floor.write_answer(self.plan.directory / "answer", job.expected)
        command, log = floor.build(self.plan.built), self.plan.directory / "floor.log"
        with Server(command, answer, log) as bare:
            bare.wait_until_ready()
            job = replace(job, port=bare.http_port)
            load.run_wrk(job, WARM_SECONDS)
            cpu = bare.cpu_seconds()
            outcome = load.run_wrk(job, self.plan.seconds)
            return _figures(outcome, bare.cpu_seconds() - cpu)

    def _measure_breakdown(self, run: Breakdown) -> Figures:
        server, model = self._server(run.side), self._model(run.side, run.model)
        return breakdown.measure(self.plan.perf_analyzer, server, model, (run.protocol, run.clients))

    def _measure_bare_loop(self, run: BareLoop) -> Figures:
        histogram = self._histograms[run.model]
        command = [str(self.plan.python), "-m", "benchmarks.bare", str(self.plan.magika)]
        command += [str(self.plan.seconds * MODELS[run.model].windows), json.dumps(histogram)]
        root = Path(__file__).resolve().parent.parent
        done = subprocess.run(
            command, env=clean_environment(), cwd=root, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BenchmarkError(
                f"The bare loop over session.run failed under {self.plan.python}:\n{done.stderr[-1000:]}"
            )
        result = json.loads(done.stdout)
        return {"throughput": result["items"] / result["seconds"], "batch": batches.mean(histogram)}


def _figures(outcome: load.Outcome, cpu: float, watched: int = 0) -> Figures:
    """Reckon what a load has shown of a server that used so much CPU for it and for what the watch asked."""
    return {
        "cpu_us": cpu / (outcome.requests + watched) * 1e6,
        "throughput": outcome.requests / outcome.seconds,
        "p50_us": outcome.p50_us,
        "p99_us": outcome.p99_us,
        "client_us": outcome.cpu_seconds / outcome.requests * 1e6,
    }


def run_all(plan: Plan, scenarios: list[Scenario]) -> Iterator[Result]:
    """Carry out the scenarios one after another."""
    with Session(plan, scenarios) as session:
        yield from map(session.run, scenarios)
