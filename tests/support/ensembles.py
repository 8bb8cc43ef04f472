"""Ensembles over small models, and the text of their configurations."""

from collections.abc import Sequence
from pathlib import Path

from repositories.models import read_template
from support.folders import Tensors, describe, write_model
from support.sequences import CONTROLS, COUNTED, NUMBER, batching

ROWS: Tensors = (("INPUT0", "FP32", [-1]),)
OUT: Tensors = (("OUTPUT0", "FP32", [-1]),)

Map = dict[str, str]


def step(model: str, inputs: Map, outputs: Map, version: int = -1) -> str:
    """Write one step: the model's name of each tensor, and the ensemble's."""
    maps = [
        f'{kind} {{ key: "{name}" value: "{tensor}" }}'
        for kind, tensors in (("input_map", inputs), ("output_map", outputs))
        for name, tensor in tensors.items()
    ]
    return f'  step {{ model_name: "{model}" model_version: {version} {" ".join(maps)} }}'


def describe_ensemble(
    steps: Sequence[str], inputs: Tensors = ROWS, outputs: Tensors = OUT, *, max_batch_size: int = 8
) -> str:
    """Write the text of an ensemble's configuration."""
    tensors = describe("", inputs, outputs, max_batch_size=max_batch_size).replace('backend: ""\n', "")
    return f'platform: "ensemble"\n{tensors}ensemble_scheduling {{\n' + "\n".join(steps) + "\n}\n"


def describe_chain(*models: str, kind: str = "FP32") -> str:
    """Write an ensemble that hands a tensor from one model to the next."""
    names = ["INPUT0", *(f"between{index}" for index in range(1, len(models))), "OUTPUT0"]
    steps = [
        step(model, {"INPUT0": names[index]}, {"OUTPUT0": names[index + 1]})
        for index, model in enumerate(models)
    ]
    return describe_ensemble(steps, [("INPUT0", kind, [-1])], [("OUTPUT0", kind, [-1])])


def write_ensembles(repository: Path) -> None:
    """Write models and ensembles of them."""
    identity, failing = read_template("identity"), read_template("failing")
    write_model(repository, "one", describe("python"), {"model.py": identity})
    write_model(repository, "two", describe("identity"))
    write_model(repository, "failing", describe("python"), {"model.py": failing})
    pair = [("INPUT0", "FP32", [-1]), ("INPUT1", "FP32", [-1])]
    halves = [(name.replace("IN", "OUT"), datatype, dims) for name, datatype, dims in pair]
    write_model(repository, "pair", describe("identity", pair, halves))
    write_model(
        repository,
        "teller",
        describe("python", outputs=[("TOLD", "BYTES", [1])]),
        {"model.py": read_template("telling")},
    )
    decoupled = "model_transaction_policy { decoupled: true }"
    numbers, counted = [("COUNT", "INT32", [1])], [("OUT", "INT32", [1])]
    counting = describe("python", numbers, counted, max_batch_size=0, more=decoupled)
    write_model(repository, "counting", counting, {"model.py": read_template("streaming")})
    echo = describe("python", [("INPUT0", "INT32", [1])], [("OUTPUT0", "INT32", [1])], max_batch_size=0)
    write_model(repository, "echo", echo, {"model.py": identity})
    _write_sequence(repository)
    _write_caller(repository)
    _write_graphs(repository)


def _write_sequence(repository: Path) -> None:
    """A model that adds up the requests of each sequence, behind one that does not know of sequences."""
    config = describe("python", NUMBER, COUNTED, more=batching(CONTROLS % "UINT64"))
    write_model(repository, "counter", config, {"model.py": read_template("counting")})
    config = describe("identity", NUMBER, [("OUTPUT0", "INT32", [1])])
    write_model(repository, "number", config)
    steps = [
        step("number", {"INPUT0": "INPUT0"}, {"OUTPUT0": "between"}),
        step("counter", {"INPUT0": "between"}, {"SUM": "SUM"}),
    ]
    write_model(repository, "summing", describe_ensemble(steps, NUMBER, COUNTED[:1]))


def _write_caller(repository: Path) -> None:
    """A model that asks the ensemble that its request names."""
    source = read_template("asking")
    write_model(repository, "asking", describe("python"), {"model.py": source})
    write_model(repository, "circle", describe_chain("two", "asking"))


def _write_graphs(repository: Path) -> None:
    write_model(repository, "chain", describe_chain("one", "two"))
    write_model(repository, "nested", describe_chain("chain", "two", "chain"))
    write_model(repository, "breaking", describe_chain("two", "failing"))
    branches = describe_ensemble(
        [
            step("pair", {"INPUT0": "left", "INPUT1": "right"}, {"OUTPUT0": "A", "OUTPUT1": "B"}),
            step("one", {"INPUT0": "INPUT0"}, {"OUTPUT0": "left"}),
            step("two", {"INPUT0": "INPUT0"}, {"OUTPUT0": "right"}),
        ],
        outputs=[("A", "FP32", [-1]), ("B", "FP32", [-1]), ("left", "FP32", [-1])],
    )
    write_model(repository, "branches", branches)
    told = describe_ensemble(
        [
            step("one", {"INPUT0": "INPUT0"}, {"OUTPUT0": "between"}),
            step("teller", {"INPUT0": "between"}, {"TOLD": "TOLD"}),
        ],
        outputs=[("TOLD", "BYTES", [1])],
    )
    write_model(repository, "telling", told)
    streaming = describe_ensemble(
        [
            step("counting", {"COUNT": "COUNT"}, {"OUT": "between"}),
            step("echo", {"INPUT0": "between"}, {"OUTPUT0": "OUT"}),
        ],
        [("COUNT", "INT32", [1])],
        [("OUT", "INT32", [1])],
        max_batch_size=0,
    )
    write_model(repository, "streaming", streaming)
