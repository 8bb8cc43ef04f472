"""The command; see the package."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
from benchmarks.peers import DIRECTORY_VARIABLE, locate
from benchmarks.servers import Command, Server

from differential.answers import Answer, ask_grpc, ask_http, ask_stream, scrape
from differential.compare import Difference, compare
from differential.models import write_models
from differential.probes_grpc import grpc_probes
from differential.probes_http import http_probes

ROOT = Path(__file__).parents[2]
FLAGS = ["--exit-on-error=false", "--strict-readiness=false"]


def main() -> int:
    """Ask both, compare, print; 1 where a difference is not expected."""
    if DIRECTORY_VARIABLE not in os.environ:
        sys.stderr.write(f"{DIRECTORY_VARIABLE} has to name the folder of the peers\n")
        return 2
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        peers = locate(ROOT)
        theirs = Command("triton", [*peers.triton_command(), *FLAGS], peers.triton_environment())
        ours = Command("trilith", [str(Path(sys.executable).with_name("tritonserver")), *FLAGS])
        servers = [stack.enter_context(_run(command, Path(folder))) for command in (theirs, ours)]
        differences = list(_differences(*servers))
    for difference in differences:
        sys.stdout.write(f"{difference}\n")
    unexpected = [difference for difference in differences if not difference.reason]
    sys.stdout.write(f"{len(differences)} differences, {len(unexpected)} of them unexpected\n")
    return 1 if unexpected else 0


@contextmanager
def _run(command: Command, folder: Path) -> Iterator[Server]:
    repository = folder / command.name
    repository.mkdir()
    write_models(repository)
    with Server(command, repository, folder / f"{command.name}.log") as server:
        server.wait_until_ready()
        yield server


def _differences(theirs: Server, ours: Server) -> Iterator[Difference]:
    for probe in http_probes():
        yield from compare(f"HTTP {probe.title}", *(ask_http(server, probe) for server in (theirs, ours)))
    yield from compare("metrics", *(scrape(server) for server in (theirs, ours)))
    addresses = [f"{server.host}:{server.grpc_port}" for server in (theirs, ours)]
    with grpc.insecure_channel(addresses[0]) as peer, grpc.insecure_channel(addresses[1]) as own:
        for call in grpc_probes():
            answers: list[Answer] = [ask_grpc(channel, call) for channel in (peer, own)]
            yield from compare(f"gRPC {call.title}", *answers)
            if call.method == "ModelInfer":
                streamed = [ask_stream(channel, call) for channel in (peer, own)]
                yield from compare(f"gRPC stream {call.title}", *streamed)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.SubprocessError as error:
        sys.exit(str(error))
