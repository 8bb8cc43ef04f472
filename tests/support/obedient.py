"""Models that run what a test tells them."""

from pathlib import Path

import numpy as np
import tritonclient.http as httpclient

from repositories.models import read_template
from support.folders import describe, write_model
from support.server import ServerProcess


def write_obedient(repository: Path, name: str, *, count: int = 1, more: str = "", **parameters: str) -> None:
    """Write a model that runs the Python that it is sent.

    ``parameters`` are those of its configuration; ``initialize`` and ``finalize`` are run at those times.
    """
    config = describe(
        "python",
        [("CODE", "BYTES", [1])],
        [("SAID", "BYTES", [1])],
        max_batch_size=0,
        parameters={key: _escape(value) for key, value in parameters.items()},
        more=f"instance_group {{ count: {count} kind: KIND_CPU }}\n{more}",
    )
    write_model(repository, name, config, {"model.py": read_template("obeying")})


def tell(server: ServerProcess, model: str, code: str) -> str:
    """Have a model run something; what it prints.

    Raises:
        InferenceServerException: it raised.
    """
    with httpclient.InferenceServerClient(server.http, network_timeout=60.0) as client:
        tensor = httpclient.InferInput("CODE", [1], "BYTES")
        tensor.set_data_from_numpy(np.array([code.encode()], np.object_))
        return str(client.infer(model, [tensor]).as_numpy("SAID")[0].decode().strip())


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
