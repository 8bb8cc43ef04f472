from pathlib import Path

import pytest
from tests.unit.config.conftest import TENSORS, Finish, Problems

from trilith import config
from trilith.config.reader import parse


@pytest.fixture
def finish(tmp_path: Path) -> Finish:
    """Finish an ensemble as the server does: without a backend."""
    return lambda text: config.finish(parse(text, "m", "config.pbtxt"), tmp_path, "")


def step(model: str = "m1", inputs: str = "A", outputs: str = "B", version: int = -1) -> str:
    """Write a step whose model has one input and one output for each tensor."""
    maps = [
        f'{kind} {{ key: "{name}{index}" value: "{tensor}" }}'
        for kind, name, tensors in (("input_map", "IN", inputs), ("output_map", "OUT", outputs))
        for index, tensor in enumerate(tensors.split())
    ]
    return f'step {{ model_name: "{model}" model_version: {version} {" ".join(maps)} }}'


def ensemble(*steps: str, more: str = "") -> str:
    return f'platform: "ensemble"\n{TENSORS}\n{more}\nensemble_scheduling {{\n' + "\n".join(steps) + "\n}\n"


def test_an_ensemble_runs_nothing_itself(finish: Finish) -> None:
    configuration = finish(ensemble(step("m1", "A", "x"), step("m2", "x", "B")))

    assert configuration.platform == "ensemble"
    assert configuration.document["instance_group"] == []
    assert "optimization" not in configuration.document


@pytest.mark.parametrize(
    ("steps", "field", "message"),
    [
        ([step("")], "ensemble_scheduling.step[0].model_name", "names no model"),
        ([step(version=0)], "ensemble_scheduling.step[0].model_version", "version 0"),
        ([step(version=-2)], "ensemble_scheduling.step[0].model_version", "version -2"),
        (
            [step(outputs="B x")],
            'ensemble_scheduling.step[0].output_map["OUT1"]',
            "nothing takes tensor 'x'",
        ),
        (
            [step(inputs="A lost")],
            'ensemble_scheduling.step[0].input_map["IN1"]',
            "nothing gives tensor 'lost'",
        ),
        (
            [step(), step("m2")],
            'ensemble_scheduling.step[1].output_map["OUT0"]',
            "tensor 'B' comes from",
        ),
        (
            [step(), step("m2", "B", "A")],
            'ensemble_scheduling.step[1].output_map["OUT0"]',
            "tensor 'A' comes from input[0] already",
        ),
        (
            [step("m1", "A y", "x"), step("m2", "x", "y"), step("m3", "x", "B")],
            "ensemble_scheduling.step[0].input_map",
            "step[0] (model 'm1'), step[1] (model 'm2'), step[2] (model 'm3')",
        ),
    ],
)
def test_steps_that_cannot_go_together_are_explained(
    problems: Problems, steps: list[str], field: str, message: str
) -> None:
    found = problems(ensemble(*steps))

    assert (field, True) in [(problem.field, message in problem.message) for problem in found]


def test_inputs_and_outputs_that_no_step_uses_are_named(problems: Problems) -> None:
    found = problems(ensemble(step("m1", "x", "y"), step("m2", "y", "x")))

    assert {problem.field: problem.message for problem in found} | {
        "input[0]": "nothing takes input 'A'",
        "output[0]": "nothing gives output 'B'",
    } == {problem.field: problem.message for problem in found}


def test_every_mistake_comes_with_its_line(problems: Problems) -> None:
    found = problems(ensemble(step("m1", "A", "x"), step("m2", "y", "B", version=0)))

    assert [(problem.line, problem.field) for problem in found] == [
        (8, 'ensemble_scheduling.step[0].output_map["OUT0"]'),
        (9, "ensemble_scheduling.step[1].model_version"),
        (9, 'ensemble_scheduling.step[1].input_map["IN0"]'),
    ]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ("instance_group { count: 2 }", "instance_group"),
        ("optimization { }", "optimization"),
        ('model_warmup { name: "w" batch_size: 1 }', "model_warmup"),
    ],
)
def test_what_belongs_to_a_model_that_runs_is_refused(problems: Problems, more: str, field: str) -> None:
    assert field in [problem.field.split(".")[0] for problem in problems(ensemble(step(), more=more))]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (f'platform: "ensemble" {TENSORS}', "platform"),
        (f'platform: "ensemble" {TENSORS} ensemble_scheduling {{ }}', "ensemble_scheduling"),
        (f"{TENSORS} ensemble_scheduling {{ {step()} }}", "platform"),
        (f'platform: "ensemble" backend: "x" {TENSORS} ensemble_scheduling {{ {step()} }}', "backend"),
        (
            ensemble(step(), "max_inflight_requests: 3"),
            "ensemble_scheduling.max_inflight_requests",
        ),
    ],
)
def test_half_an_ensemble_is_refused(problems: Problems, text: str, field: str) -> None:
    assert field in [problem.field for problem in problems(text)]
