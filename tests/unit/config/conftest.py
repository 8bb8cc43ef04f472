from collections.abc import Callable
from pathlib import Path

import pytest

from trilith import config
from trilith.config.reader import parse
from trilith.contract import ConfigurationError, ModelConfiguration, Problem

TENSORS = """
input { name: "A" data_type: TYPE_FP32 dims: [ 4 ] }
output { name: "B" data_type: TYPE_FP32 dims: [ 4 ] }
"""

Finish = Callable[[str], ModelConfiguration]
Problems = Callable[[str], list[Problem]]


@pytest.fixture
def finish(tmp_path: Path) -> Finish:
    """Finish a model 'm' of backend 'python' whose configuration is the given text."""

    def run(text: str) -> ModelConfiguration:
        return config.finish(parse(text, "m", "config.pbtxt"), tmp_path, "python")

    return run


@pytest.fixture
def problems(finish: Finish) -> Problems:
    """Give the problems of a configuration that must have some."""

    def run(text: str) -> list[Problem]:
        with pytest.raises(ConfigurationError) as caught:
            finish(text)
        return list(caught.value.problems)

    return run


@pytest.fixture
def field_problems(problems: Problems) -> Callable[[str], list[str]]:
    """Give the fields that have problems, once the text is added to a model that is right without."""
    return lambda text: [problem.field for problem in problems(TENSORS + text)]
