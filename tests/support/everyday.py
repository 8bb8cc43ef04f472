"""The repository that most integration tests share: small models of every kind."""

from pathlib import Path

from repositories.models import read_template
from repositories.onnx_models import make_sum_and_difference
from support.folders import describe, write_model

DATATYPES = (
    *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
    *("FP16", "BF16", "FP32", "FP64", "BYTES"),
)

LABELS = ("ant", "bee", "cat", "dog", "elk")

TEXT_IN = [("INPUT0", "BYTES", [-1])]
TEXT_OUT = [("OUTPUT0", "BYTES", [-1])]


def write_everyday_models(repository: Path) -> None:
    """Fill a repository."""
    _write_identities(repository)
    _write_python_models(repository)
    _write_versions(repository)
    write_model(repository, "add_sub", files={"model.onnx": make_sum_and_difference()})


def _write_identities(repository: Path) -> None:
    for datatype in DATATYPES:
        config = describe("identity", [("INPUT0", datatype, [-1])], [("OUTPUT0", datatype, [-1])])
        write_model(repository, f"identity_{datatype.lower()}", config)
    two = [("INPUT0", "FP32", [2]), ("INPUT1", "INT64", [-1, 2])]
    write_model(
        repository,
        "pair",
        describe("identity", two, [(name.replace("IN", "OUT"), kind, dims) for name, kind, dims in two]),
    )
    write_model(repository, "unbatched", describe("identity", max_batch_size=0))
    labels = {"../labels.txt": "\n".join(LABELS) + "\n"}
    labelled = (
        describe("identity", [("INPUT0", "FP32", [5])], outputs=())
        + 'output { name: "OUTPUT0" data_type: TYPE_FP32 dims: 5 label_filename: "labels.txt" }'
    )
    write_model(repository, "labelled", labelled, labels)


def _write_python_models(repository: Path) -> None:
    telling = describe("python", outputs=[("TOLD", "BYTES", [1])])
    write_model(repository, "teller", telling, {"model.py": read_template("telling")})
    write_model(repository, "failing", describe("python"), {"model.py": read_template("failing")})
    write_model(
        repository,
        "python_text",
        describe("python", TEXT_IN, TEXT_OUT),
        {"model.py": read_template("identity")},
    )
    write_model(repository, "completing", 'backend: "python"', {"model.py": read_template("completing")})


def _write_versions(repository: Path) -> None:
    policies = {
        "version_latest": "",
        "version_latest_two": "version_policy { latest { num_versions: 2 } }",
        "version_all": "version_policy { all {} }",
        "version_specific": "version_policy { specific { versions: [1, 3] } }",
    }
    for name, policy in policies.items():
        write_model(repository, name, describe("identity", more=policy), versions=(1, 2, 3))
