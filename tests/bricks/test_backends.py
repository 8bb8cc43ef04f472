"""What every backend brick keeps to, tried on each with the model that gives back what it gets."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from doubles.batch import BatchDouble, RequestDouble
from repositories.models import make_context, make_source, read_template, tensor
from repositories.onnx_models import make_identity
from trilith.bricks.backends.identity import IdentityBackend
from trilith.bricks.backends.onnxruntime import OnnxRuntimeBackend
from trilith.bricks.backends.python import PythonBackend
from trilith.contract import Backend, BrickKind, DataType, LoadError, Manifest, Placement, TensorSpec
from trilith.contract.brick import ENTRY_POINT_GROUP


def _make_no_files(*_: Any) -> dict[str, str | bytes]:
    return {}


def _make_onnx_files(datatype: DataType, shape: tuple[int | str, ...]) -> dict[str, str | bytes]:
    return {"model.onnx": make_identity(shape, datatype)}


def _make_python_files(*_: Any) -> dict[str, str | bytes]:
    return {"model.py": read_template("identity")}


@dataclass(frozen=True)
class Subject:
    """A brick under test."""

    name: str
    make: type
    make_files: Callable[[DataType, tuple[int | str, ...]], Mapping[str, str | bytes]] = field(repr=False)


SUBJECTS = [
    Subject("identity", IdentityBackend, _make_no_files),
    Subject("onnxruntime", OnnxRuntimeBackend, _make_onnx_files),
    Subject("python", PythonBackend, _make_python_files),
]

BITS = np.array([[0, 1, 0x3F80, 0x7F80], [0x8000, 2, 3, 0xFFFF]])

VALUES: dict[DataType, NDArray[Any]] = {
    datatype: (
        np.array([[-1.5, 0, 2, 7]] * 2) if datatype in {"FP16", "FP32", "FP64"} else BITS % 100
    ).astype(datatype.numpy)
    for datatype in DataType
    if datatype is not DataType.BYTES
} | {
    DataType.BF16: BITS.astype(np.uint16),
    DataType.BYTES: np.array([[b"a", b"", "é".encode(), b"x" * 300]] * 2, object),
}


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.name)
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.param
    return found


def load(
    subject: Subject,
    repository: Path,
    datatype: DataType = DataType.FP32,
    *,
    max_batch_size: int = 8,
    dims: tuple[int, ...] = (4,),
    count: int = 1,
) -> list[Any]:
    """Return instances of the model that gives back what it gets."""
    shape = tuple("n" if extent < 0 else extent for extent in dims)
    files = subject.make_files(datatype, ("batch", *shape) if max_batch_size else shape)
    source = make_source(repository, "model", files)
    specs = [TensorSpec(name, datatype, dims) for name in ("INPUT0", "OUTPUT0")]
    placements = [Placement(f"model_0_{index}") for index in range(count)]
    context = make_context(source, specs[:1], specs[1:], max_batch_size=max_batch_size, placements=placements)
    backend: Backend = subject.make()
    model = backend.load(context)
    return [model.create_instance(placement) for placement in placements]


def ask(array: NDArray[Any]) -> RequestDouble:
    return RequestDouble({"INPUT0": array}, ["OUTPUT0"])


def test_its_manifest_names_it_and_its_entry_point_leads_to_it(subject: Subject) -> None:
    folder = Path(sys.modules[subject.make.__module__].__file__ or "").parent
    manifest = Manifest.read(folder / "brick.toml")
    point = EntryPoint(
        f"backend.{subject.name}",
        f"trilith.bricks.backends.{subject.name}:{subject.make.__name__}",
        ENTRY_POINT_GROUP,
    )
    assert (manifest.name, manifest.kind) == (subject.name, BrickKind.BACKEND)
    assert manifest.isolation in {"thread", "process"}
    assert point.load() is subject.make


def test_importing_it_imports_no_heavy_library(subject: Subject) -> None:
    heavy = ("onnxruntime", "asyncio", "subprocess" if subject.name != "python" else "asyncio")
    code = (
        f"import sys, trilith.bricks.backends.{subject.name} as brick; brick.{subject.make.__name__}(); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
    )
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("datatype", list(DataType))
def test_every_datatype_comes_back_bit_by_bit(subject: Subject, datatype: DataType, tmp_path: Path) -> None:
    (instance,) = load(subject, tmp_path, datatype)
    (request,) = BatchDouble([ask(VALUES[datatype])]).run(instance)
    assert request.error is None
    output = request.outputs["OUTPUT0"] if request.outputs else None
    assert output is not None
    assert output.dtype == datatype.numpy
    assert output.tolist() == VALUES[datatype].tolist()


def test_each_request_of_a_batch_gets_its_own_rows(subject: Subject, tmp_path: Path) -> None:
    (instance,) = load(subject, tmp_path)
    arrays = [np.full((rows, 4), rows, np.float32) for rows in (1, 3, 2)]
    requests = BatchDouble([ask(array) for array in arrays]).run(instance)
    assert [request.outputs["OUTPUT0"].tolist() for request in requests if request.outputs] == [
        array.tolist() for array in arrays
    ]


def test_a_model_without_batch_dimension_works(subject: Subject, tmp_path: Path) -> None:
    (instance,) = load(subject, tmp_path, max_batch_size=0, dims=(2, 3))
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    (request,) = BatchDouble([ask(array)], has_batch_dimension=False).run(instance)
    assert request.outputs is not None
    assert request.outputs["OUTPUT0"].tolist() == array.tolist()


@pytest.mark.parametrize("datatype", [DataType.FP32, DataType.BF16, DataType.BYTES])
def test_a_tensor_without_elements_keeps_its_shape(
    subject: Subject, datatype: DataType, tmp_path: Path
) -> None:
    (instance,) = load(subject, tmp_path, datatype, dims=(-1,))
    (request,) = BatchDouble([ask(np.empty((2, 0), datatype.numpy))]).run(instance)
    assert request.outputs is not None
    assert request.outputs["OUTPUT0"].shape == (2, 0)


def test_inputs_are_left_as_they_were(subject: Subject, tmp_path: Path) -> None:
    (instance,) = load(subject, tmp_path)
    array = np.arange(4, dtype=np.float32).reshape(1, 4)
    BatchDouble([ask(array)]).run(instance)
    assert array.tolist() == [[0, 1, 2, 3]]


def test_several_instances_run_at_the_same_time(subject: Subject, tmp_path: Path) -> None:
    instances = load(subject, tmp_path, count=3)

    def run(number: int) -> float:
        batch = BatchDouble([ask(np.full((1, 4), number, np.float32))])
        (request,) = batch.run(instances[number % 3])
        return float(request.outputs["OUTPUT0"][0, 0]) if request.outputs else -1

    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second, ThreadPoolExecutor(1) as third:
        pools = [first, second, third]
        answers = [pools[number % 3].submit(run, number) for number in range(60)]
        assert [answer.result() for answer in answers] == list(range(60))


def test_closing_one_instance_leaves_the_others_running(subject: Subject, tmp_path: Path) -> None:
    first, second = load(subject, tmp_path, count=2)
    first.close()
    (request,) = BatchDouble([ask(np.zeros((1, 4), np.float32))]).run(second)
    assert request.error is None
    second.close()


def test_completion_keeps_what_is_written(subject: Subject, tmp_path: Path) -> None:
    files = subject.make_files(DataType.FP32, ("batch", 4))
    written = {
        "max_batch_size": 2,
        "input": [{"name": "INPUT0", "data_type": "TYPE_FP32", "dims": [4]}],
        "output": [{"name": "OUTPUT0", "data_type": "TYPE_FP32", "dims": [4]}],
        "instance_group": [{"count": 3}],
    }
    backend: Backend = subject.make()
    assert backend.complete(make_source(tmp_path, "model", files), dict(written)) == written


@pytest.mark.parametrize("subject", [subject for subject in SUBJECTS if subject.name != "identity"], ids=str)
def test_a_model_without_its_file_names_the_file(subject: Subject, tmp_path: Path) -> None:
    backend: Backend = subject.make()
    source = make_source(tmp_path, "model", {})
    context = make_context(source, [tensor("INPUT0")], [tensor("OUTPUT0")])
    with pytest.raises(LoadError, match=r"model 'model' version 1.*model/1/model\.(onnx|py)'.*put the model"):
        backend.load(context)
    with pytest.raises(LoadError, match="put the model there"):
        backend.complete(source, {})
