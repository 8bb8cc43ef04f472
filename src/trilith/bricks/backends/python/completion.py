"""Lets a model's ``auto_complete_config`` fill in its configuration."""

import json
from collections.abc import Mapping
from typing import Any

from trilith.bricks.backends.python.errors import translate_load_error
from trilith.bricks.backends.python.utils import ModelConfig
from trilith.contract import LoadError, ModelSource

_COMPLETABLE = ("max_batch_size", "input", "output", "dynamic_batching", "model_transaction_policy")


def complete_document(source: ModelSource, document: dict[str, Any], model: type[Any]) -> dict[str, Any]:
    """Return the document with what the model's class says of itself, where it says anything.

    Raises:
        LoadError: the model contradicts what is written, or raises.
    """
    if not hasattr(model, "auto_complete_config"):
        return document
    place = f"model '{source.name}' version {source.version}"
    shown = _show_document(source, document)
    try:
        config = model.auto_complete_config(ModelConfig(json.dumps(shown)))
    except (Exception, SystemExit) as error:
        raise translate_load_error(error, place, "auto_complete_config()", source.directory) from error
    if not isinstance(config, ModelConfig):
        raise LoadError(
            f"{place}: auto_complete_config() returned a {type(config).__name__}, expected the ModelConfig"
        )
    answer = config.as_dict()
    changed = {
        field: answer[field]
        for field in _COMPLETABLE
        if field in answer and answer[field] != shown.get(field)
    }
    return {**document, **changed}


def _show_document(source: ModelSource, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document as a model sees it: with the fields that Triton always shows."""
    return {
        "name": source.name,
        "platform": "",
        "backend": "python",
        "version_policy": {"latest": {"num_versions": 1}},
        "max_batch_size": 0,
        "input": [],
        "output": [],
        "batch_input": [],
        "batch_output": [],
        "instance_group": [{"name": source.name, "kind": "KIND_CPU", "count": 1, "gpus": []}],
        "default_model_filename": "model.py",
        "cc_model_filenames": {},
        "metric_tags": {},
        "parameters": {},
        "model_warmup": [],
        **document,
    }
