"""The model configuration as ``auto_complete_config`` fills it in."""

import json
from collections.abc import Mapping
from typing import Any

_INPUT_PROPERTIES = ("name", "data_type", "dims", "optional")
_OUTPUT_PROPERTIES = ("name", "data_type", "dims")
_REQUIRED = ("name", "data_type", "dims")


class ModelConfig:
    """A model configuration; what it says already may be repeated but not contradicted."""

    def __init__(self, model_config: str) -> None:
        """Read it from a JSON object."""
        self._model_config: dict[str, Any] = json.loads(model_config)

    def as_dict(self) -> dict[str, Any]:
        """Return the whole configuration."""
        return self._model_config

    def set_max_batch_size(self, max_batch_size: int) -> None:
        """Say how large batches may be.

        Raises:
            ValueError: the configuration allows larger ones.
        """
        written = self._model_config.get("max_batch_size", 0)
        if written > max_batch_size:
            raise ValueError(
                f"{self._place}: max_batch_size {max_batch_size} is less than the configuration's {written}"
            )
        self._model_config["max_batch_size"] = max_batch_size

    def set_dynamic_batching(self) -> None:
        """Ask for the dynamic scheduler, where no scheduler is written.

        Raises:
            ValueError: the configuration has another scheduler.
        """
        for other in ("sequence_batching", "ensemble_scheduling"):
            if other in self._model_config:
                raise ValueError(f"{self._place}: dynamic_batching contradicts the configuration's {other}")
        self._model_config.setdefault("dynamic_batching", {})

    def set_model_transaction_policy(self, transaction_policy_dict: Mapping[str, Any]) -> None:
        """Say whether a request may be answered any number of times.

        Raises:
            ValueError: there is another property than ``decoupled``, or the configuration says otherwise.
        """
        unknown = [key for key in transaction_policy_dict if key != "decoupled"]
        if unknown:
            raise ValueError(f"{self._place}: the transaction policy has no '{unknown[0]}', only 'decoupled'")
        policy = self._model_config.setdefault("model_transaction_policy", {})
        for key, value in transaction_policy_dict.items():
            if policy.setdefault(key, value) != value:
                raise ValueError(
                    f"{self._place}: {key} {value} contradicts the configuration's {policy[key]}"
                )

    def add_input(self, input: Mapping[str, Any]) -> None:  # noqa: A002 - Triton's signature
        """Describe an input by ``name``, ``data_type``, ``dims`` and, where it is so, ``optional``.

        Raises:
            ValueError: a property is missing or unknown, or the configuration says otherwise.
        """
        self._add("input", input, _INPUT_PROPERTIES)

    def add_output(self, output: Mapping[str, Any]) -> None:
        """Describe an output by ``name``, ``data_type`` and ``dims``.

        Raises:
            ValueError: a property is missing or unknown, or the configuration says otherwise.
        """
        self._add("output", output, _OUTPUT_PROPERTIES)

    def _add(self, role: str, tensor: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
        who = f"{self._place}: {role} '{tensor.get('name', '')}'"
        for key in tensor:
            if key not in allowed:
                raise ValueError(f"{who} has the property '{key}', expected only {', '.join(allowed)}")
        for key in _REQUIRED:
            if key not in tensor:
                raise ValueError(f"{who} is missing the property '{key}'")
        entries: list[dict[str, Any]] = self._model_config.setdefault(role, [])
        for entry in entries:
            if entry["name"] == tensor["name"]:
                _merge(who, entry, tensor)
                return
        entries.append(dict(tensor))

    @property
    def _place(self) -> str:
        return f"auto_complete_config of model '{self._model_config.get('name', '')}'"


def _merge(who: str, entry: dict[str, Any], tensor: Mapping[str, Any]) -> None:
    for key, value in tensor.items():
        written = entry.get(key)
        is_open = written in (None, "TYPE_INVALID", [])
        if not is_open and written != value:
            raise ValueError(f"{who}: {key} {value} contradicts the configuration's {written}")
        entry[key] = value
