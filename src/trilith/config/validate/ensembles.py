"""Ensembles, as far as their own configuration tells; what their models say comes later."""

from collections.abc import Mapping
from typing import Any, Final

from trilith.config.ensembles import (
    PLATFORM,
    STEPS,
    is_ensemble,
    list_givers,
    list_takers,
    order_steps,
    steps_of,
)
from trilith.config.findings import Findings
from trilith.config.spelling import suggest

_LATEST: Final = -1
_NOT_FOR_ENSEMBLES: Final = {
    "instance_group": "an ensemble has no instances of its own",
    "optimization": "an ensemble runs nothing that could be optimized",
    "model_warmup": "an ensemble is not warmed up",
}


def check(document: Mapping[str, Any], findings: Findings) -> None:
    """Check ``ensemble_scheduling`` and what goes with it."""
    if not is_ensemble(document):
        return
    _check_surroundings(document, findings)
    if "ensemble_scheduling" not in document:
        advice = "write ensemble_scheduling { step { ... } }"
        findings.add("platform", f"a model of platform '{PLATFORM}' says how its steps go together", advice)
        return
    if not steps_of(document):
        findings.add(
            "ensemble_scheduling", "the ensemble has no step", "add step { model_name: ... } for each model"
        )
        return
    if document["ensemble_scheduling"].get("max_inflight_requests"):
        message = "a limit of requests at a step is not served by this version"
        findings.add("ensemble_scheduling.max_inflight_requests", message, "remove it")
    for index, step in enumerate(steps_of(document)):
        _check_step(step, f"{STEPS}[{index}]", findings)
    _check_origins(document, findings)
    _check_uses(document, findings)
    _check_circles(document, findings)


def _check_surroundings(document: Mapping[str, Any], findings: Findings) -> None:
    if document.get("platform") != PLATFORM:
        message = f"an ensemble has the platform '{PLATFORM}', found '{document.get('platform', '')}'"
        findings.add("platform", message, f'write platform: "{PLATFORM}"')
    if document.get("backend"):
        message = f"an ensemble has no backend, found '{document['backend']}'"
        findings.add("backend", message, "remove it: each step's model has its own")
    for field, message in _NOT_FOR_ENSEMBLES.items():
        if document.get(field):
            findings.add(field, message, "remove it, or write it for the models of the steps")


def _check_step(step: Mapping[str, Any], field: str, findings: Findings) -> None:
    if not step["model_name"]:
        findings.add(f"{field}.model_name", "the step names no model", 'write model_name: "NAME"')
    version = step["model_version"]
    if version < _LATEST or version == 0:
        message = f"the step takes version {version} of its model, which there cannot be"
        findings.add(f"{field}.model_version", message, "write model_version: -1 for the latest")
    for kind, example in (("input_map", "input"), ("output_map", "output")):
        if not step[kind]:
            advice = f'write {kind} {{ key: "the model\'s {example}" value: "a tensor of the ensemble" }}'
            findings.add(f"{field}.{kind}", f"the step has no {kind}", advice)
        for name, tensor in step[kind].items():
            if not tensor:
                place = f'{field}.{kind}["{name}"]'
                findings.add(place, f"'{name}' is mapped to a tensor without a name", 'write value: "NAME"')


def _check_origins(document: Mapping[str, Any], findings: Findings) -> None:
    """Check that no tensor comes from two places."""
    first: dict[str, str] = {}
    for use in list_givers(document):
        if use.tensor and use.tensor in first:
            message = f"tensor '{use.tensor}' comes from {first[use.tensor]} already"
            findings.add(use.field, message, "give each tensor a name of its own")
        first.setdefault(use.tensor, use.field)


def _check_uses(document: Mapping[str, Any], findings: Findings) -> None:
    """Check that what is taken is given, and what is given is taken."""
    given = {use.tensor: use for use in reversed(list(list_givers(document)))}
    taken = {use.tensor for use in list_takers(document)}
    for use in list_takers(document):
        if use.tensor and use.tensor not in given:
            what = "output" if use.step is None else "tensor"
            findings.add(use.field, f"nothing gives {what} '{use.tensor}'", suggest(use.tensor, given))
    for tensor, use in given.items():
        if tensor and tensor not in taken:
            what, advice = ("tensor", "map it to an output of the ensemble, or leave it out of the map")
            if use.step is None:
                what, advice = ("input", "map it to an input of a step, or remove it")
            findings.add(use.field, f"nothing takes {what} '{tensor}'", advice)


def _check_circles(document: Mapping[str, Any], findings: Findings) -> None:
    _, waiting = order_steps(document)
    steps = steps_of(document)
    if waiting:
        listed = ", ".join(f"step[{index}] (model '{steps[index]['model_name']}')" for index in waiting)
        message = f"no step of these can be the first: {listed}; each waits for a tensor of another"
        findings.add(f"{STEPS}[{waiting[0]}].input_map", message, "let the tensors run in no circle")
