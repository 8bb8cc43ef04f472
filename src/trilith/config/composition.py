"""An ensemble against the models of its steps: names, datatypes, shapes, batches, and what follows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from trilith.config.document import to_message
from trilith.config.draft import Draft
from trilith.config.ensembles import STEPS, Use, list_givers, list_takers, order_steps, steps_of
from trilith.config.findings import Findings
from trilith.config.schema import schema
from trilith.config.spelling import listing, suggest
from trilith.contract import LoadError, ModelConfiguration, TensorSpec

LATEST: Final = -1

Find = Callable[[str, int], ModelConfiguration]
"""Finds what is served by name and version (-1 for the latest); raises ``LoadError`` where nothing is."""


@dataclass(frozen=True)
class Composition:
    """An ensemble that fits its models."""

    configuration: ModelConfiguration
    """Of the ensemble; decoupled where a step is."""
    steps: Sequence[Mapping[str, Any]]
    """As the native core wants them."""
    members: Mapping[tuple[str, int], "Interface"]
    """What it was checked against, by name and version."""


@dataclass(frozen=True)
class Interface:
    """What an ensemble depends on in a model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch_size: int
    decoupled: bool
    namespace: str = ""

    @classmethod
    def of(cls, configuration: ModelConfiguration) -> "Interface":
        """Return that of a model."""
        return cls(
            configuration.inputs,
            configuration.outputs,
            configuration.max_batch_size,
            configuration.is_decoupled,
            configuration.namespace,
        )


def compose(draft: Draft, configuration: ModelConfiguration, find: Find) -> Composition:
    """Check an ensemble against the models of its steps.

    Raises:
        ConfigurationError: it does not fit; every mistake is named.
    """
    findings = Findings(draft)
    document = configuration.document
    members = [_find(index, step, find, findings) for index, step in enumerate(steps_of(document))]
    for index, member in enumerate(members):
        if member:
            _check_step(configuration, index, member, findings)
    _check_tensors(configuration, members, findings)
    depths = _measure_depths(configuration, members, findings)
    findings.raise_if_any()
    decoupled = any(depths.values())
    found = [member for member in members if member]
    complete = {
        **document,
        "ensemble_scheduling": {
            **document["ensemble_scheduling"],
            "step": [
                {**step, "model_namespace": member.namespace}
                for step, member in zip(steps_of(document), found, strict=True)
            ],
        },
        "model_transaction_policy": {"decoupled": decoupled},
    }
    message = to_message(schema(), complete, findings)
    return Composition(
        configuration=replace(
            configuration, document=complete, serialized=message.SerializeToString(deterministic=True)
        ),
        steps=[_native_step(configuration, index, found) for index in range(len(found))],
        members={
            (step["model_name"], step["model_version"]): Interface.of(member)
            for step, member in zip(steps_of(document), found, strict=True)
        },
    )


def _find(index: int, step: Mapping[str, Any], find: Find, findings: Findings) -> ModelConfiguration | None:
    try:
        return find(step["model_name"], step["model_version"])
    except LoadError as error:
        findings.add(f"{STEPS}[{index}].model_name", str(error))
        return None


def _check_step(
    ensemble: ModelConfiguration, index: int, member: ModelConfiguration, findings: Findings
) -> None:
    step, field = steps_of(ensemble.document)[index], f"{STEPS}[{index}]"
    for kind, tensors in (("input", member.inputs), ("output", member.outputs)):
        known = {tensor.name for tensor in tensors}
        for name in step[f"{kind}_map"]:
            if name not in known:
                advice = suggest(name, known) or f"its {kind}s are {listing(sorted(known))}"
                findings.add(
                    f'{field}.{kind}_map["{name}"]', f"model '{member.name}' has no {kind} '{name}'", advice
                )
    for tensor in member.inputs:
        if tensor.name not in step["input_map"] and not tensor.optional:
            message = f"input '{tensor.name}' of model '{member.name}' is required and not mapped"
            advice = f'write input_map {{ key: "{tensor.name}" value: "a tensor of the ensemble" }}'
            findings.add(f"{field}.input_map", message, advice)
    if 0 < member.max_batch_size < ensemble.max_batch_size:
        message = (
            f"the ensemble takes batches of {ensemble.max_batch_size}, "
            f"model '{member.name}' at most {member.max_batch_size}"
        )
        findings.add(f"{field}.model_name", message, f"write max_batch_size: {member.max_batch_size} or less")


@dataclass(frozen=True)
class _Mention:
    """What one place says of a tensor."""

    use: Use
    owner: str
    datatype: str
    dims: tuple[int, ...]
    is_batched: bool

    @property
    def shape(self) -> list[int]:
        """With the batch dimension, where there is one."""
        return [-1, *self.dims] if self.is_batched else list(self.dims)

    def fits(self, other: "_Mention") -> bool:
        """Whether one tensor can be the other; a model without batches may see the batch itself."""
        return _agree(self.dims, other.dims) or _agree(self.shape, other.shape)


def _agree(left: Sequence[int], right: Sequence[int]) -> bool:
    return len(left) == len(right) and all(
        one == other or -1 in (one, other) for one, other in zip(left, right, strict=True)
    )


def _mentions(
    ensemble: ModelConfiguration, members: Sequence[ModelConfiguration | None]
) -> Iterator[_Mention]:
    """Yield what is said of every tensor: first by the ensemble itself, then by the models of its steps."""
    uses = [*list_givers(ensemble.document), *list_takers(ensemble.document)]
    for use in sorted(uses, key=lambda use: use.step is not None):
        owner = ensemble if use.step is None else members[use.step]
        if owner is None:
            continue
        is_input = use.field.startswith("input[") or ".input_map[" in use.field
        name = use.name or use.tensor
        spec = next((one for one in (owner.inputs if is_input else owner.outputs) if one.name == name), None)
        if spec is None:
            continue
        # What the steps see is the ensemble's tensor after its reshape.
        dims = spec.reshape if use.step is None and spec.reshape is not None else spec.dims
        where = "the ensemble" if use.step is None else f"model '{owner.name}' ('{name}')"
        yield _Mention(use, where, spec.datatype.value, dims, owner.max_batch_size > 0)


def _check_tensors(
    ensemble: ModelConfiguration, members: Sequence[ModelConfiguration | None], findings: Findings
) -> None:
    """Check that all who give or take a tensor agree on its datatype and shape."""
    first: dict[str, _Mention] = {}
    for mention in _mentions(ensemble, members):
        known = first.setdefault(mention.use.tensor, mention)
        tensor = f"tensor '{mention.use.tensor}'"
        if known.datatype != mention.datatype:
            message = (
                f"{tensor} is {known.datatype} for {known.owner}, {mention.datatype} for {mention.owner}"
            )
            findings.add(mention.use.field, message)
        elif not known.fits(mention):
            message = (
                f"{tensor} has shape {known.shape} for {known.owner}, {mention.shape} for {mention.owner}"
            )
            findings.add(mention.use.field, message, "-1 stands for the batch and for any size")


def _measure_depths(
    ensemble: ModelConfiguration, members: Sequence[ModelConfiguration | None], findings: Findings
) -> dict[str, int]:
    """Tell which decoupled step lies before each tensor; what is taken together must agree in that.

    Returns:
        By tensor: 0 where it comes once for each request; otherwise a number that stands for the step.
    """
    document = ensemble.document
    labels = {use.tensor: 0 for use in list_givers(document) if use.step is None}
    order, _ = order_steps(document)
    for index in order:
        step, member = steps_of(document)[index], members[index]
        taken = {labels[tensor] for tensor in step["input_map"].values() if tensor in labels}
        if len(taken) > 1:
            _add_mixture(f"{STEPS}[{index}].input_map", f"step[{index}] takes", findings)
        label = index + 1 if member and member.is_decoupled else max(taken, default=0)
        labels.update(dict.fromkeys(step["output_map"].values(), label))
    if len({labels[tensor["name"]] for tensor in document["output"] if tensor["name"] in labels}) > 1:
        _add_mixture("output", "the ensemble gives", findings)
    return labels


def _add_mixture(field: str, who: str, findings: Findings) -> None:
    message = f"{who} tensors that do not come with the same responses of a decoupled model"
    advice = "take each from behind the same decoupled step, or let that step hand on the others"
    findings.add(field, message, advice)


def _native_step(
    ensemble: ModelConfiguration, index: int, members: Sequence[ModelConfiguration]
) -> dict[str, Any]:
    step, member = steps_of(ensemble.document)[index], members[index]
    outputs = step["output_map"]
    is_part = len(outputs) < len(member.outputs)
    return {
        "model": step["model_name"],
        "namespace": member.namespace,
        "version": None if step["model_version"] == LATEST else step["model_version"],
        "inputs": list(step["input_map"].items()),
        "outputs": list(outputs.items()),
        "decoupled": member.is_decoupled,
        "names_outputs": is_part and not any(_may_miss(ensemble, name, members) for name in outputs.values()),
    }


def _may_miss(ensemble: ModelConfiguration, tensor: str, members: Sequence[ModelConfiguration]) -> bool:
    """Whether everybody who takes a tensor can do without."""
    takers = [use for use in list_takers(ensemble.document) if use.tensor == tensor]
    return all(
        use.step is not None
        and any(spec.name == use.name and spec.optional for spec in members[use.step].inputs)
        for use in takers
    )
