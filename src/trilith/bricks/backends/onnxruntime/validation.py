"""Holds a configuration against the model it is meant for."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from trilith.bricks.backends.onnxruntime.signature import ModelTensor, Signature
from trilith.contract import BatchInput, DataType, LoadError, ModelConfiguration, TensorSpec


def check_configuration(configuration: ModelConfiguration, signature: Signature, place: str) -> None:
    """Refuse a configuration that the model contradicts.

    Raises:
        LoadError: with every contradiction.
    """
    problems = [*_check_inputs(configuration, signature), *_check_outputs(configuration, signature)]
    if problems:
        raise LoadError(f"{place}: the configuration does not fit the model: " + "; ".join(problems))


def _check_inputs(configuration: ModelConfiguration, signature: Signature) -> Iterator[str]:
    required = {tensor.name: tensor for tensor in signature.inputs}
    known = required | {tensor.name: tensor for tensor in signature.optional_inputs}
    for spec in configuration.run_inputs:
        yield from _check_tensor("input", spec, known, configuration.max_batch_size)
        if spec.ragged and spec.optional:
            yield f"input '{spec.name}' is ragged, which an optional input cannot be"
        if spec.optional and spec.name in required:
            yield f"input '{spec.name}' is optional in the configuration, but the model needs it"
    given = {spec.name for spec in configuration.run_inputs}
    for entry in configuration.batch_inputs:
        given |= set(entry.targets)
        for name in entry.targets:
            yield from _check_batch_input(name, entry, known)
    for name in required.keys() - given:
        yield f"the model needs the input '{name}', which the configuration does not have"


def _check_batch_input(name: str, entry: BatchInput, known: Mapping[str, ModelTensor]) -> Iterator[str]:
    tensor = known.get(name)
    if tensor is None:
        yield _describe_missing("input", name, known)
        return
    yield from _check_datatype(f"input '{name}'", entry.datatype, tensor)
    rank = 2 if entry.kind == "BATCH_ITEM_SHAPE" else 1
    if tensor.shape and (len(tensor.shape) != rank or tensor.shape[0] >= 0):
        expected = [-1] * rank
        yield f"input '{name}' is given as {entry.kind} {expected}, the model has {list(tensor.shape)}"


def _check_outputs(configuration: ModelConfiguration, signature: Signature) -> Iterator[str]:
    known = {tensor.name: tensor for tensor in signature.outputs}
    runs = {name for entry in configuration.batch_outputs for name in entry.targets}
    for spec in configuration.run_outputs:
        if spec.name in runs and spec.name in known:
            # Its shape in the model is of no account: its elements are cut by the shapes of an input.
            yield from _check_datatype(f"output '{spec.name}'", spec.datatype, known[spec.name])
        else:
            yield from _check_tensor("output", spec, known, configuration.max_batch_size)


def _check_tensor(
    role: str, spec: TensorSpec, known: Mapping[str, ModelTensor], max_batch_size: int
) -> Iterator[str]:
    tensor = known.get(spec.name)
    if tensor is None:
        yield _describe_missing(role, spec.name, known)
        return
    who = f"{role} '{spec.name}'"
    yield from _check_datatype(who, spec.datatype, tensor)
    if not spec.ragged:
        yield from _check_shape(who, spec, tensor, max_batch_size)
    elif tensor.shape and tensor.shape != (-1,):
        yield f"{who} is ragged and given as one run of elements [-1], the model has {list(tensor.shape)}"


def _describe_missing(role: str, name: str, known: Mapping[str, ModelTensor]) -> str:
    nearest = get_close_matches(name, known, 1, 0.0)
    hint = f", nearest is '{nearest[0]}'" if nearest else ""
    names = ", ".join(f"'{name}'" for name in known) or "none"
    return f"the model has no {role} '{name}'{hint} (it has {names})"


def _check_datatype(who: str, datatype: DataType, tensor: ModelTensor) -> Iterator[str]:
    if tensor.datatype is not datatype:
        found = tensor.datatype.config_name if tensor.datatype else tensor.kind
        yield f"{who} is {datatype.config_name}, the model has {found}"


def _check_shape(who: str, spec: TensorSpec, tensor: ModelTensor, max_batch_size: int) -> Iterator[str]:
    dims = spec.dims if spec.reshape is None else spec.reshape
    if max_batch_size > 0 and not tensor.is_batchable:
        yield (
            f"{who} cannot be batched: the model's first dimension must be variable and its shape is "
            f"{list(tensor.shape)}; set max_batch_size to 0"
        )
        return
    if not tensor.shape:
        return
    expected = tensor.shape[1:] if max_batch_size > 0 else tensor.shape
    fits = len(dims) == len(expected) and all(
        wanted < 0 or wanted == given for wanted, given in zip(expected, dims, strict=True)
    )
    if not fits:
        note = " behind the batch dimension" if max_batch_size > 0 else ""
        yield f"{who} has dims {list(dims)}, the model has {list(expected)}{note}"
