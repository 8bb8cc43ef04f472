"""Models whose files are held against checksums before they are loaded."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tritonclient.utils import InferenceServerException

from repositories.models import read_template
from support.clients import Client
from support.folders import describe, write_model
from support.server import ServerProcess


def checked(code: str, more: str = "") -> str:
    digest = hashlib.md5(code.encode(), usedforsecurity=False).hexdigest()
    agent = f'name: "checksum" parameters {{ key: "MD5:1/model.py" value: "{digest}" }}'
    return describe("python", more=f"model_repository_agents {{ agents [ {{ {agent} }} ] }}\n{more}")


@pytest.mark.usefixtures("declared_bricks")
@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_a_changed_file_is_not_loaded_and_what_served_goes_on(tmp_path: Path, kind: str) -> None:
    code = read_template("identity")
    write_model(tmp_path, "checked", checked(code), {"model.py": code})
    with (
        ServerProcess(
            tmp_path, "--model-control-mode=explicit", "--load-model=checked", tolerates="checksum|checked"
        ) as server,
        Client(kind, server) as client,
    ):
        row = {"INPUT0": np.array([[1, 2]], np.float32)}
        client.send("checked", row)
        (tmp_path / "checked" / "1" / "model.py").write_text(code + "\n# changed\n")
        with pytest.raises(InferenceServerException, match=r"mismatched MD5 hash for file '1/model\.py'"):
            client.load_model("checked")
        assert client.send("checked", row)["OUTPUT0"].tolist() == [[1, 2]]
        (tmp_path / "checked" / "config.pbtxt").write_text(checked(code + "\n# changed\n"))
        client.load_model("checked")
        assert client.send("checked", row)["OUTPUT0"].tolist() == [[1, 2]]
