"""Which output gives back which input."""

from collections.abc import Sequence
from typing import NamedTuple

from trilith.contract import LoadError, ModelConfiguration, TensorSpec


class Pair(NamedTuple):
    """An input and the output that gives it back."""

    source: TensorSpec
    target: TensorSpec


def pair_tensors(configuration: ModelConfiguration) -> list[Pair]:
    """Pair ``INPUT<n>`` with ``OUTPUT<n>`` where every name is of that form, else by position.

    Raises:
        LoadError: they cannot be paired; every mistake is named.
    """
    inputs, outputs = configuration.inputs, configuration.outputs
    if len(inputs) != len(outputs):
        raise LoadError(
            f"model '{configuration.name}': the identity backend gives each input back as one output, "
            f"but the configuration has {len(inputs)} inputs and {len(outputs)} outputs"
        )
    pairs = _pair_by_name(inputs, outputs) or [Pair(*both) for both in zip(inputs, outputs, strict=True)]
    problems = [problem for pair in pairs for problem in _find_problems(pair)]
    if problems:
        raise LoadError(f"model '{configuration.name}': " + "; ".join(problems))
    return pairs


def _pair_by_name(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> list[Pair]:
    targets = {tensor.name: tensor for tensor in outputs}
    pairs = []
    for tensor in inputs:
        target = targets.get(tensor.name.replace("INPUT", "OUTPUT", 1))
        if not tensor.name.startswith("INPUT") or target is None:
            return []
        pairs.append(Pair(tensor, target))
    return pairs


def _find_problems(pair: Pair) -> list[str]:
    source, target = pair
    names = f"input '{source.name}' and output '{target.name}'"
    problems = []
    if source.datatype is not target.datatype:
        problems.append(f"{names} differ in datatype: {source.datatype} and {target.datatype}")
    given = source.dims if source.reshape is None else source.reshape
    taken = target.dims if target.reshape is None else target.reshape
    if given != taken:
        problems.append(f"{names} differ in shape: {list(given)} and {list(taken)}")
    return problems
