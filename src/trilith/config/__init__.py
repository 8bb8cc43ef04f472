"""From ``config.pbtxt`` to a validated model configuration.

Four steps, each in modules of one noun:

1. :func:`read` takes in what was written (``reader``; mistakes are explained by ``syntax``, ``locations``
   and ``diagnosis``) and gives a :class:`Draft`.
2. A backend, found by :func:`choose_backend`, may fill in what the draft leaves open.
3. :func:`finish` adds defaults, reads label files and validates (``defaults``, ``labels``, ``validate``).
4. :func:`compose` checks an ensemble against the models of its steps (``ensembles``, ``composition``).

What follows from a configuration: :func:`choose_versions`, :func:`placements`, :func:`native_spec`.
Every mistake found in one step is reported in one
:class:`~trilith.contract.ConfigurationError`, in the order of the file. Where an early step fails,
``remains`` tells what is wrong for certain with the rest.
"""

from trilith.config.backends import choose_backend
from trilith.config.completion import finish
from trilith.config.composition import compose
from trilith.config.draft import Draft, UnreadableError, empty
from trilith.config.ensembles import is_ensemble
from trilith.config.findings import place
from trilith.config.instances import placements
from trilith.config.reader import parse_json, read
from trilith.config.spec import composing_models, native_spec, shown
from trilith.config.versions import choose_versions

__all__ = [
    "Draft",
    "UnreadableError",
    "choose_backend",
    "choose_versions",
    "compose",
    "composing_models",
    "empty",
    "finish",
    "is_ensemble",
    "native_spec",
    "parse_json",
    "place",
    "placements",
    "read",
    "shown",
]
