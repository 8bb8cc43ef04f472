from collections.abc import Callable

from trilith.contract import ModelConfiguration, Problem

INPUT = 'input { name: "A" data_type: TYPE_FP32 dims: [ 4 ] }'
OUTPUT = 'output { name: "A" data_type: TYPE_FP32 dims: [ 4 ] }'


def test_a_name_other_than_the_folders_is_refused(problems: Callable[[str], list[Problem]]) -> None:
    (problem,) = problems(f'name: "n" {INPUT}')

    assert problem.field == "name"
    assert problem.suggestion == 'write name: "m" or remove the field'


def test_two_inputs_of_one_name_are_refused(problems: Callable[[str], list[Problem]]) -> None:
    assert [problem.field for problem in problems(INPUT + INPUT)] == ["input[1].name"]


def test_an_input_and_an_output_may_share_a_name(finish: Callable[[str], ModelConfiguration]) -> None:
    assert finish(INPUT + OUTPUT).name == "m"


def test_a_model_without_tensors_is_refused(problems: Callable[[str], list[Problem]]) -> None:
    (problem,) = problems("max_batch_size: 4")

    assert problem.message == "the model has no input and no output"
