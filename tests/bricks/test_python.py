"""The python brick with model files written as for Triton."""

import json
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from doubles.batch import BatchDouble, RequestDouble
from repositories.models import make_context, make_parameters, make_source, read_template, tensor
from trilith.bricks.backends.python import PythonBackend
from trilith.contract import DataType, ErrorCode, InstanceKind, LoadError, ModelError, Placement

HEAD = "import triton_python_backend_utils as pb_utils\nimport numpy as np\n"
ONES = np.ones((1, 4), np.float32)


def write(body: str) -> str:
    """Return a model file whose class has that body."""
    lines = [f"    {line}\n" for line in dedent(body).splitlines()]
    return HEAD + "class TritonPythonModel:\n" + "".join(lines)


def start(tmp_path: Path, code: str, *, name: str = "model", **files: str) -> Any:
    source = make_source(tmp_path, name, {"model.py": code, **files})
    context = make_context(source, [tensor("INPUT0")], [tensor("OUTPUT0")])
    return PythonBackend().load(context).create_instance(context.placements[0])


def ask(instance: Any, *arrays: Any, **properties: Any) -> list[RequestDouble]:
    requests = [RequestDouble({"INPUT0": array}, ["OUTPUT0"], **properties) for array in arrays]
    return BatchDouble(requests).run(instance)


def test_a_model_is_told_what_triton_tells_it(tmp_path: Path) -> None:
    source = make_source(tmp_path, "teller", {"model.py": read_template("telling")}, version=3)
    context = make_context(
        source,
        [tensor("INPUT0")],
        [tensor("TOLD", DataType.BYTES, 1)],
        document={"parameters": make_parameters(hello="world")},
        placements=[Placement("teller_0_1", InstanceKind.GPU, 2)],
    )
    instance = PythonBackend().load(context).create_instance(context.placements[0])
    request = RequestDouble(
        {"INPUT0": ONES},
        ["TOLD"],
        id="first",
        correlation_id=7,
        flags=1,
        timeout=77,
        parameters={"p": 1, "q": "é", "b": True, "f": 1.5},
        cancelled=True,
    )
    BatchDouble([request]).run(instance)
    assert request.outputs is not None
    told = json.loads(request.outputs["TOLD"][0, 0])
    config = json.loads(told["args"].pop("model_config"))
    assert config["parameters"] == {"hello": {"string_value": "world"}}
    assert told == {
        "args": {
            "model_instance_kind": "GPU",
            "model_instance_name": "teller_0_1",
            "model_instance_device_id": "2",
            "model_repository": str(tmp_path / "teller"),
            "model_version": "3",
            "model_name": "teller",
        },
        "id": "first",
        "correlation_id": 7,
        "flags": 1,
        "timeout": 77,
        "parameters": '{"p":1,"q":"é","b":true,"f":1.5}',
        "outputs": ["TOLD"],
        "cancelled": True,
        "context": None,
        "inputs": {"INPUT0": [1, 4]},
        "directory": str(tmp_path / "teller" / "3"),
    }


def test_a_model_may_write_to_its_inputs(tmp_path: Path) -> None:
    code = """
    def execute(self, requests):
        array = requests[0].inputs()[0].as_numpy()
        array += 1
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array)])]
    """
    (request,) = ask(start(tmp_path, write(code)), ONES)
    assert request.outputs is not None
    assert request.outputs["OUTPUT0"].tolist() == [[2, 2, 2, 2]]
    assert ONES.tolist() == [[1, 1, 1, 1]]


@pytest.mark.parametrize("code", list(ErrorCode))
def test_an_error_response_fails_its_request_with_its_code(tmp_path: Path, code: str) -> None:
    body = f"""
    def execute(self, requests):
        good = pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", requests[1].inputs()[0].as_numpy())])
        error = pb_utils.TritonError("no", pb_utils.TritonError.{code})
        return [pb_utils.InferenceResponse(error=error), good]
    """
    bad, good = ask(start(tmp_path, write(body)), ONES, ONES)
    assert bad.error == ("no", code)
    assert good.outputs is not None


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("None", "returned None, expected a list with one InferenceResponse for each of the 2 requests"),
        ("[]", "returned 0 responses, expected a list with one InferenceResponse for each of the 2 requests"),
        ("tuple(requests)", "returned an object of type tuple, expected a list"),
        ("[3, 3]", "returned an object of type int for this request, expected InferenceResponse"),
    ],
)
def test_a_wrong_return_value_fails_every_request_by_name(tmp_path: Path, result: str, message: str) -> None:
    instance = start(tmp_path, write(f"def execute(self, requests):\n    return {result}"))
    for request in ask(instance, ONES, ONES):
        assert request.error is not None
        assert request.error[0].startswith(f"model 'model': execute() {message}")
        assert request.error[1] == "INTERNAL"


def test_a_response_that_is_missing_fails_only_its_own_request(tmp_path: Path) -> None:
    body = """
    def execute(self, requests):
        output = pb_utils.Tensor("OUTPUT0", requests[0].inputs()[0].as_numpy())
        return [pb_utils.InferenceResponse([output]), None]
    """
    good, bad = ask(start(tmp_path, write(body)), ONES, ONES)
    assert good.outputs is not None
    assert bad.error is not None
    assert "returned None for this request" in bad.error[0]


def test_an_exception_names_the_place_in_the_model(tmp_path: Path) -> None:
    body = """
    def execute(self, requests):
        self.divide(1, 0)
    def divide(self, a, b):
        return a / b
    """
    (request,) = ask(start(tmp_path, write(body)), ONES)
    assert request.error is not None
    message, code = request.error
    assert message.startswith("Failed to process the request(s) for model 'model': execute() raised ")
    assert message.endswith("ZeroDivisionError: division by zero (1/model.py:8, in divide)")
    assert code == "INTERNAL"


def test_an_exception_of_the_models_own_keeps_its_message(tmp_path: Path) -> None:
    body = "def execute(self, requests):\n    raise pb_utils.TritonModelException('out of paper')"
    (request,) = ask(start(tmp_path, write(body)), ONES)
    assert request.error is not None
    assert "TritonModelException: out of paper (1/model.py:5, in execute)" in request.error[0]


def test_a_model_that_calls_exit_fails_its_batch_and_goes_on(tmp_path: Path) -> None:
    body = """
    def execute(self, requests):
        if requests[0].request_id() == "exit":
            raise SystemExit(3)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", requests[0].inputs()[0].as_numpy())])]
    """
    instance = start(tmp_path, write(body))
    (request,) = ask(instance, ONES, id="exit")
    assert request.error is not None
    assert "SystemExit: 3" in request.error[0]
    (request,) = ask(instance, ONES)
    assert request.error is None


def test_response_parameters_ride_along(tmp_path: Path) -> None:
    body = """
    def execute(self, requests):
        output = pb_utils.Tensor("OUTPUT0", requests[0].inputs()[0].as_numpy())
        return [pb_utils.InferenceResponse([output], parameters={"tokens": 3, "done": True})]
    """
    (request,) = ask(start(tmp_path, write(body)), ONES)
    assert request.response_parameters == {"tokens": 3, "done": True}


def test_execute_may_be_a_coroutine(tmp_path: Path) -> None:
    body = """
    async def execute(self, requests):
        import asyncio
        await asyncio.sleep(0)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", r.inputs()[0].as_numpy())])
                for r in requests]
    """
    instance = start(tmp_path, write(body))
    first, second = ask(instance, ONES, ONES * 2)
    assert (first.error, second.error) == (None, None)
    instance.close()


def test_texts_of_any_kind_become_bytes(tmp_path: Path) -> None:
    body = """
    def execute(self, requests):
        array = np.array([["é", b"\\xff", 3, None]], dtype=object)
        return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array)])]
    """
    (request,) = ask(start(tmp_path, write(body)), ONES)
    assert request.outputs is not None
    assert request.outputs["OUTPUT0"].tolist() == [["é".encode(), b"\xff", b"3", b"None"]]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("class TritonPythonModel\n", r"importing it raised SyntaxError: expected ':' \(1/model.py:1\)"),
        ("import nothing_of_that_name\n", r"ModuleNotFoundError: .*\(1/model.py:1, in <module>\)"),
        ("class Model: pass\n", r"defines no class TritonPythonModel; rename the model's class"),
        ("class TritonPythonModel: pass\n", r"has no method execute\(self, requests\)"),
        (
            write("def initialize(self, args):\n    raise ValueError('no')\ndef execute(self, r): pass"),
            r"initialize\(\) raised ValueError: no \(1/model.py:5, in initialize\)",
        ),
    ],
)
def test_a_model_that_cannot_be_loaded_names_the_place(tmp_path: Path, code: str, message: str) -> None:
    before = set(sys.modules)
    with pytest.raises(LoadError, match=message):
        start(tmp_path, code)
    assert not [name for name in set(sys.modules) - before if name.startswith("trilith_model_")]


def start_decoupled(tmp_path: Path, body: str) -> Any:
    source = make_source(tmp_path, "model", {"model.py": write(body)})
    document = {"model_transaction_policy": {"decoupled": True}}
    context = make_context(source, [tensor("INPUT0")], [tensor("OUTPUT0")], document=document)
    return PythonBackend().load(context).create_instance(context.placements[0])


def test_a_decoupled_model_answers_through_senders_only(tmp_path: Path) -> None:
    body = """
        def execute(self, requests):
            sender = requests[0].get_response_sender()
            assert sender is requests[0].get_response_sender()
            output = pb_utils.Tensor("OUTPUT0", np.ones((1, 4), np.float32))
            sender.send(pb_utils.InferenceResponse([output], parameters={"n": 1}))
            error = pb_utils.TritonError("no", pb_utils.TritonError.NOT_FOUND)
            sender.send(pb_utils.InferenceResponse(error=error))
            sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)
    """
    (request,) = ask(start_decoupled(tmp_path, body), ONES)
    assert request.sender is not None
    (outputs, parameters), failure = request.sender.sent
    assert (list(outputs), parameters, failure) == (["OUTPUT0"], {"n": 1}, ("no", "NOT_FOUND"))
    assert request.sender.ended


def test_a_decoupled_model_returns_nothing(tmp_path: Path) -> None:
    instance = start_decoupled(tmp_path, "def execute(self, requests):\n    return []")
    (request,) = ask(instance, ONES)
    assert request.error is not None
    assert "expected None: a decoupled model answers through get_response_sender()" in request.error[0]


@pytest.mark.parametrize(
    ("sending", "message"),
    [
        ("sender.send()", "must be provided"),
        ("sender.send(flags=2)", "Unsupported flag"),
        ("sender.send(flags=1); sender.send(flags=1)", "has been closed"),
    ],
)
def test_what_cannot_be_sent_is_told_to_the_model(tmp_path: Path, sending: str, message: str) -> None:
    body = f"""
        def execute(self, requests):
            sender = requests[0].get_response_sender()
            try:
                {sending}
            except pb_utils.TritonModelException as error:
                raise RuntimeError(f"told: {{error}}")
    """
    instance = start_decoupled(tmp_path, body)
    with pytest.raises(ModelError, match=f"told: .*{message}"):
        instance.execute(BatchDouble([RequestDouble({"INPUT0": ONES}, ["OUTPUT0"])]))


def test_other_models_are_out_of_reach_while_a_model_is_loaded(tmp_path: Path) -> None:
    body = """
        def initialize(self, args):
            pb_utils.is_model_ready("other")
        def execute(self, requests):
            return None
    """
    with pytest.raises(LoadError, match=r"reached from initialize\(\) on, not before"):
        start(tmp_path, write(body))


SIBLING = HEAD + dedent(
    """
    import helper
    from .helper import VALUE

    class TritonPythonModel:
        def execute(self, requests):
            assert helper.VALUE == VALUE
            array = np.full((1, 4), VALUE, np.float32)
            return [pb_utils.InferenceResponse([pb_utils.Tensor("OUTPUT0", array)])]
    """
)


def test_models_whose_own_modules_have_the_same_name_do_not_get_each_others(tmp_path: Path) -> None:
    instances = [
        start(tmp_path, SIBLING, name=f"model{value}", **{"helper.py": f"VALUE = {value}\n"})
        for value in (1, 2)
    ]
    answers = [ask(instance, ONES)[0].outputs for instance in instances]
    assert [outputs["OUTPUT0"][0, 0] for outputs in answers if outputs] == [1, 2]
    for instance in instances:
        instance.close()
    assert "helper" not in sys.modules
    assert not [path for path in sys.path if path.startswith(str(tmp_path))]


def test_a_model_loaded_again_runs_its_new_code(tmp_path: Path) -> None:
    for value in (1, 2):
        instance = start(tmp_path, SIBLING, **{"helper.py": f"VALUE = {value}\n"})
        (request,) = ask(instance, ONES)
        assert request.outputs is not None
        assert request.outputs["OUTPUT0"][0, 0] == value
        instance.close()


def test_finalize_is_called_once_and_may_fail(tmp_path: Path) -> None:
    body = """
    def execute(self, requests): pass
    def finalize(self):
        open(pb_utils.get_model_dir() + "/finalized", "a").write("x")
        raise RuntimeError("late")
    """
    start(tmp_path, write(body)).close()
    assert (tmp_path / "model/1/finalized").read_text() == "x"


COMPLETING = """
@staticmethod
def auto_complete_config(config):
    config.add_input({"name": "INPUT0", "data_type": "TYPE_FP32", "dims": [4]})
    config.add_output({"name": "OUTPUT0", "data_type": "TYPE_FP32", "dims": [4]})
    config.set_max_batch_size(config.as_dict()["max_batch_size"] or 16)
    config.set_dynamic_batching()
    return config
def execute(self, requests): pass
"""


def test_a_model_completes_its_own_configuration(tmp_path: Path) -> None:
    source = make_source(tmp_path, "model", {"model.py": write(COMPLETING)})
    before = set(sys.modules)
    assert PythonBackend().complete(source, {"name": "model", "backend": "python"}) == {
        "name": "model",
        "backend": "python",
        "max_batch_size": 16,
        "dynamic_batching": {},
        "input": [{"name": "INPUT0", "data_type": "TYPE_FP32", "dims": [4]}],
        "output": [{"name": "OUTPUT0", "data_type": "TYPE_FP32", "dims": [4]}],
    }
    assert not [name for name in set(sys.modules) - before if name.startswith("trilith_model_")]


def test_a_model_that_contradicts_its_configuration_is_refused(tmp_path: Path) -> None:
    source = make_source(tmp_path, "model", {"model.py": write(COMPLETING)})
    written = {"input": [{"name": "INPUT0", "data_type": "TYPE_INT8", "dims": [4]}]}
    with pytest.raises(
        LoadError, match="input 'INPUT0': data_type TYPE_FP32 contradicts the configuration's TYPE_INT8"
    ):
        PythonBackend().complete(source, written)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return None", r"auto_complete_config\(\) returned a NoneType, expected the ModelConfig"),
        ("raise ValueError('no')", r"auto_complete_config\(\) raised ValueError: no \(1/model.py:6"),
        ("raise SystemExit", r"auto_complete_config\(\) raised SystemExit \(1/model.py:6"),
    ],
)
def test_a_completion_that_fails_says_how(tmp_path: Path, body: str, message: str) -> None:
    code = write(f"@staticmethod\ndef auto_complete_config(config):\n    {body}\ndef execute(self, r): pass")
    with pytest.raises(LoadError, match=message):
        PythonBackend().complete(make_source(tmp_path, "model", {"model.py": code}), {})


def test_code_imported_to_complete_the_configuration_is_run_by_the_first_instance(tmp_path: Path) -> None:
    code = write(COMPLETING) + "open(pb_utils.get_model_dir() + '/imported', 'a').write('x')\n"
    source = make_source(tmp_path, "model", {"model.py": code})
    backend = PythonBackend()
    backend.complete(source, {})
    context = make_context(source, [tensor("INPUT0")], [tensor("OUTPUT0")])
    model = backend.load(context)
    first = model.create_instance(context.placements[0])
    assert (source.version_directory / "imported").read_text() == "x"
    second = model.create_instance(context.placements[0])
    assert (source.version_directory / "imported").read_text() == "xx"
    first.close()
    second.close()
