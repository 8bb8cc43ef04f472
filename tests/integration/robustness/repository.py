"""Writes the models that the tests serve: well-behaved ones, and ones that do what a parameter asks for."""

from pathlib import Path

TEMPLATES = Path(__file__).parent / "models"

_TENSOR = '{{ name: "{name}" data_type: TYPE_{datatype} dims: {dims} }}'


def write_repository(folder: Path) -> Path:
    """Write all models that the shared server has, broken ones among them."""
    write_identity(folder, "simple", "FP32", "[ 4 ]", batch=8)
    write_identity(folder, "free", "FP32", "[ -1, -1 ]")
    write_identity(folder, "strings", "BYTES", "[ -1 ]")
    write_pair(folder)
    for datatype in ("INT8", "UINT64", "BOOL"):
        write_identity(folder, datatype.lower(), datatype, "[ -1 ]")
    write_identity(folder, "hanging", "FP32", "[ 4 ]", parameters={"execute_delay_ms": "30000"}, batch=1)
    for name in ("naughty", "crashing", "exiting", "killed", "hungry"):
        write_python(folder, name, "naughty")
    write_python(folder, "stillborn", "stillborn")
    write_python(folder, "raising", "raising")
    misspelled = folder / "misspelled"
    (misspelled / "1").mkdir(parents=True)
    (misspelled / "config.pbtxt").write_text('backend: "identity"\nmax_batch_sise: 4\n')
    return folder


def write_identity(
    folder: Path,
    name: str,
    datatype: str,
    dims: str,
    *,
    batch: int = 0,
    parameters: dict[str, str] | None = None,
) -> None:
    """Write a model of the identity backend with one input ``IN`` and one output ``OUT``."""
    datatype = "STRING" if datatype == "BYTES" else datatype
    tensors = [
        f"{kind} {_TENSOR.format(name=tensor, datatype=datatype, dims=dims)}"
        for kind, tensor in (("input", "IN"), ("output", "OUT"))
    ]
    options = [
        f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}'
        for key, value in (parameters or {}).items()
    ]
    lines = ['backend: "identity"', f"max_batch_size: {batch}", *tensors, *options]
    _write(folder, name, lines)


def write_pair(folder: Path) -> None:
    """Write a model of two inputs, one of which may be left out."""
    lines = ['backend: "identity"', "max_batch_size: 4"]
    for index, more in ((0, ""), (1, " optional: true")):
        lines.append(f'input {{ name: "IN{index}" data_type: TYPE_INT32 dims: [ 2 ]{more} }}')
        lines.append(f'output {{ name: "OUT{index}" data_type: TYPE_INT32 dims: [ 2 ] }}')
    _write(folder, "pair", lines)


def write_python(folder: Path, name: str, template: str) -> None:
    """Write a model of the python backend out of a file that lies beside this one."""
    tensors = [
        f"{kind} {_TENSOR.format(name=tensor, datatype='FP32', dims='[ -1 ]')}"
        for kind, tensor in (("input", "IN"), ("output", "OUT"))
    ]
    _write(folder, name, ['backend: "python"', "max_batch_size: 0", *tensors])
    source = (TEMPLATES / f"{template}.py").read_text(encoding="utf-8")
    (folder / name / "1" / "model.py").write_text(source, encoding="utf-8")


def _write(folder: Path, name: str, lines: list[str]) -> None:
    (folder / name / "1").mkdir(parents=True)
    (folder / name / "config.pbtxt").write_text("\n".join([*lines, ""]), encoding="utf-8")
