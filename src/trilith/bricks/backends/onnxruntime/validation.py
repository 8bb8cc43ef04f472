"""Holds a configuration against the model it is meant for."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from trilith.bricks.backends.onnxruntime.signature import ModelTensor, Signature
from trilith.contract import LoadError, ModelConfiguration, TensorSpec


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
        if spec.optional and spec.name in required:
            yield f"input '{spec.name}' is optional in the configuration, but the model needs it"
    given = {spec.name for spec in configuration.run_inputs}
    given |= _name_generated_inputs(configuration)
    for name in required.keys() - given:
        yield f"the model needs the input '{name}', which the configuration does not have"


def _name_generated_inputs(configuration: ModelConfiguration) -> set[str]:
    entries = configuration.document.get("batch_input", ())
    return {name for entry in entries for name in entry.get("target_name", ())}


def _check_outputs(configuration: ModelConfiguration, signature: Signature) -> Iterator[str]:
    known = {tensor.name: tensor for tensor in signature.outputs}
    for spec in configuration.run_outputs:
        yield from _check_tensor("output", spec, known, configuration.max_batch_size)


def _check_tensor(
    role: str, spec: TensorSpec, known: Mapping[str, ModelTensor], max_batch_size: int
) -> Iterator[str]:
    tensor = known.get(spec.name)
    if tensor is None:
        nearest = get_close_matches(spec.name, known, 1, 0.0)
        hint = f", nearest is '{nearest[0]}'" if nearest else ""
        names = ", ".join(f"'{name}'" for name in known) or "none"
        yield f"the model has no {role} '{spec.name}'{hint} (it has {names})"
        return
    if tensor.datatype is not spec.datatype:
        found = tensor.datatype.config_name if tensor.datatype else tensor.kind
        yield f"{role} '{spec.name}' is {spec.datatype.config_name}, the model has {found}"
    yield from _check_shape(f"{role} '{spec.name}'", spec, tensor, max_batch_size)


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
