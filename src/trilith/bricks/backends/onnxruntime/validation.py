"""Holds a configuration against the model it is meant for."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from trilith.bricks.backends.onnxruntime.signature import ModelTensor, Signature
from trilith.contract import (
    BatchInput,
    ConfigurationError,
    DataType,
    ModelConfiguration,
    Problem,
    TensorSpec,
)


def check_configuration(configuration: ModelConfiguration, signature: Signature) -> None:
    """Refuse a configuration that the model contradicts.

    Raises:
        ConfigurationError: with every contradiction.
    """
    problems = [*_check_inputs(configuration, signature), *_check_outputs(configuration, signature)]
    if problems:
        raise ConfigurationError(problems)


def _check_inputs(configuration: ModelConfiguration, signature: Signature) -> Iterator[Problem]:
    required = {tensor.name: tensor for tensor in signature.inputs}
    known = required | {tensor.name: tensor for tensor in signature.optional_inputs}
    for spec in configuration.run_inputs:
        place = _find(configuration, "input", spec.name)
        yield from _check_tensor("input", spec, place, known, configuration.max_batch_size)
        if spec.ragged and spec.optional:
            yield Problem(f"input '{spec.name}' is ragged, which an optional input cannot be", field=place)
        if spec.optional and spec.name in required:
            message = f"input '{spec.name}' is optional in the configuration, but the model needs it"
            yield Problem(message, field=f"{place}.optional")
    given = {spec.name for spec in configuration.run_inputs}
    for index, entry in enumerate(configuration.batch_inputs):
        given |= set(entry.targets)
        for name in entry.targets:
            yield from _check_batch_input(name, entry, f"batch_input[{index}]", known)
    for name in sorted(required.keys() - given):
        message = f"the model needs the input '{name}', which the configuration does not have"
        yield Problem(message, field="input")


def _find(configuration: ModelConfiguration, kind: str, name: str) -> str:
    """Return the path of a tensor in the configuration; what is not listed there is a state."""
    names = [tensor["name"] for tensor in configuration.document[kind]]
    return f"{kind}[{names.index(name)}]" if name in names else "sequence_batching"


def _check_batch_input(
    name: str, entry: BatchInput, place: str, known: Mapping[str, ModelTensor]
) -> Iterator[Problem]:
    tensor = known.get(name)
    if tensor is None:
        yield _describe_missing("input", name, f"{place}.target_name", known)
        return
    yield from _check_datatype(f"input '{name}'", entry.datatype, place, tensor)
    rank = 2 if entry.kind == "BATCH_ITEM_SHAPE" else 1
    if tensor.shape and (len(tensor.shape) != rank or tensor.shape[0] >= 0):
        expected = [-1] * rank
        message = f"input '{name}' is given as {entry.kind} {expected}, the model has {list(tensor.shape)}"
        yield Problem(message, field=place)


def _check_outputs(configuration: ModelConfiguration, signature: Signature) -> Iterator[Problem]:
    known = {tensor.name: tensor for tensor in signature.outputs}
    runs = {name for entry in configuration.batch_outputs for name in entry.targets}
    for spec in configuration.run_outputs:
        place = _find(configuration, "output", spec.name)
        if spec.name in runs and spec.name in known:
            # Its shape in the model is of no account: its elements are cut by the shapes of an input.
            yield from _check_datatype(f"output '{spec.name}'", spec.datatype, place, known[spec.name])
        else:
            yield from _check_tensor("output", spec, place, known, configuration.max_batch_size)


def _check_tensor(
    role: str, spec: TensorSpec, place: str, known: Mapping[str, ModelTensor], max_batch_size: int
) -> Iterator[Problem]:
    tensor = known.get(spec.name)
    if tensor is None:
        yield _describe_missing(role, spec.name, f"{place}.name", known)
        return
    who = f"{role} '{spec.name}'"
    yield from _check_datatype(who, spec.datatype, place, tensor)
    if not spec.ragged:
        yield from _check_shape(who, spec, place, tensor, max_batch_size)
    elif tensor.shape and tensor.shape != (-1,):
        message = f"{who} is ragged and given as one run of elements [-1], the model has {list(tensor.shape)}"
        yield Problem(message, field=place)


def _describe_missing(role: str, name: str, field: str, known: Mapping[str, ModelTensor]) -> Problem:
    nearest = get_close_matches(name, known, 1, 0.0)
    names = ", ".join(f"'{name}'" for name in known) or "none"
    message = f"the model has no {role} '{name}' (it has {names})"
    return Problem(message, field=field, suggestion=f"did you mean '{nearest[0]}'?" if nearest else "")


def _check_datatype(who: str, datatype: DataType, place: str, tensor: ModelTensor) -> Iterator[Problem]:
    if tensor.datatype is not datatype:
        found = tensor.datatype.config_name if tensor.datatype else tensor.kind
        message = f"{who} is {datatype.config_name}, the model has {found}"
        advice = f"write data_type: {found}" if tensor.datatype else ""
        yield Problem(message, field=f"{place}.data_type", suggestion=advice)


def _check_shape(
    who: str, spec: TensorSpec, place: str, tensor: ModelTensor, max_batch_size: int
) -> Iterator[Problem]:
    if max_batch_size > 0 and not tensor.is_batchable:
        message = (
            f"{who} cannot be batched: the model's first dimension must be variable and its shape is "
            f"{list(tensor.shape)}"
        )
        yield Problem(message, field=place, suggestion="set max_batch_size to 0")
        return
    if not tensor.shape:
        return
    dims, leaf = (spec.dims, "dims") if spec.reshape is None else (spec.reshape, "reshape")
    expected = tensor.shape[1:] if max_batch_size > 0 else tensor.shape
    fits = len(dims) == len(expected) and all(
        wanted < 0 or wanted == given for wanted, given in zip(expected, dims, strict=True)
    )
    if not fits:
        note = " behind the batch dimension" if max_batch_size > 0 else ""
        message = f"{who} has {leaf} {list(dims)}, the model has {list(expected)}{note}"
        yield Problem(message, field=f"{place}.{leaf}")
