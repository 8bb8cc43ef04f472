"""Writes the models of the shared server: well-behaved ones, ones that do harm when asked to, broken ones."""

from pathlib import Path

from support.folders import describe, write_model

MODELS = Path(__file__).parent / "models"

MISSPELLED = 'backend: "identity"\nmax_batch_sise: 4\n'


def write_repository(folder: Path) -> Path:
    """Write all models."""
    write_identity(folder, "simple", "FP32", 4, batch=8)
    write_identity(folder, "free", "FP32", -1, -1)
    write_identity(folder, "strings", "BYTES", -1)
    for datatype in ("INT8", "UINT64", "BOOL"):
        write_identity(folder, datatype.lower(), datatype, -1)
    write_pair(folder)
    for name in ("naughty", "forking", "crashing", "exiting", "killed", "hungry", "slow"):
        write_naughty(folder, name)
    write_python(folder, "stillborn", "stillborn")
    write_python(folder, "raising", "raising")
    write_model(folder, "misspelled", MISSPELLED)
    write_model(folder, "torn", "input [ {")
    return folder


def write_identity(folder: Path, name: str, datatype: str, *dims: int, batch: int = 0) -> None:
    """Write a model that gives ``IN`` back as ``OUT``."""
    config = describe("identity", [("IN", datatype, dims)], [("OUT", datatype, dims)], max_batch_size=batch)
    write_model(folder, name, config)


def write_pair(folder: Path) -> None:
    """Write a model of two inputs, one of which may be left out."""
    lines = ['backend: "identity"', "max_batch_size: 4"]
    for index, more in ((0, ""), (1, " optional: true")):
        lines.append(f'input {{ name: "IN{index}" data_type: TYPE_INT32 dims: [ 2 ]{more} }}')
        lines.append(f'output {{ name: "OUT{index}" data_type: TYPE_INT32 dims: [ 2 ] }}')
    write_model(folder, "pair", "\n".join(lines))


def write_python(folder: Path, name: str, template: str) -> None:
    """Write a model whose code lies beside this file."""
    config = describe("python", [("IN", "FP32", [-1])], [("OUT", "FP32", [-1])], max_batch_size=0)
    source = (MODELS / f"{template}.py").read_text(encoding="utf-8")
    write_model(folder, name, config, {"model.py": source})


def write_naughty(folder: Path, name: str) -> None:
    """Write a model that does what the parameter ``do`` of a request asks for."""
    write_python(folder, name, "naughty")
