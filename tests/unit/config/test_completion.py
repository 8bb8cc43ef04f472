from collections.abc import Callable
from pathlib import Path

import pytest

from trilith import config
from trilith.config.schema import schema
from trilith.contract import ConfigurationError, DataType, ModelConfiguration, TensorSpec


def test_a_configuration_spells_out_what_every_backend_needs(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    (tmp_path / "config.pbtxt").write_text(
        """
        max_batch_size: 4
        input { name: "A" data_type: TYPE_FP16 dims: [ -1 ] allow_ragged_batch: true optional: true }
        output { name: "B" data_type: TYPE_STRING dims: [ 1 ] reshape { } label_filename: "labels.txt" }
        parameters { key: "k" value { string_value: "v" } }
        parameters { key: "empty" value { } }
        model_transaction_policy { decoupled: true }
        """
    )

    found = config.finish(config.read(tmp_path / "config.pbtxt", "m"), tmp_path, "python")

    assert (found.name, found.backend, found.platform, found.max_batch_size) == ("m", "python", "", 4)
    assert found.inputs == (TensorSpec("A", DataType.FP16, (-1,), optional=True, ragged=True),)
    assert found.outputs == (TensorSpec("B", DataType.BYTES, (1,), reshape=(), labels=("cat", "dog")),)
    assert found.parameters == {"k": "v", "empty": ""}
    assert found.is_decoupled
    assert schema().message_class.FromString(found.serialized).max_batch_size == 4


def test_a_draft_that_a_backend_completed_is_enough(tmp_path: Path) -> None:
    output = {"name": "B", "data_type": "TYPE_FP32", "dims": [4]}
    draft = config.empty("m").with_document({"output": [output]})

    assert config.finish(draft, tmp_path, "python").outputs[0].name == "B"


def test_what_a_backend_completed_wrongly_is_reported(tmp_path: Path) -> None:
    draft = config.empty("m").with_document({"outputs": [], "version_policy": 1})

    with pytest.raises(ConfigurationError) as caught:
        config.finish(draft, tmp_path, "python")

    assert [problem.field for problem in caught.value.problems] == ["outputs", "version_policy"]


def test_a_model_may_have_no_inputs(finish: Callable[[str], ModelConfiguration]) -> None:
    assert finish('output { name: "B" data_type: TYPE_FP32 dims: [ 4 ] }').inputs == ()
