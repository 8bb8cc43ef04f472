"""How models are told apart: by name or, where repositories are namespaces, by name and repository.

The *key* of a model is its name, or with namespaces the path of its folder, ``REPOSITORY/NAME``: a name holds
no slash. Clients know names alone, and what a client asks of a name is meant for every model that has it.
"""

from collections.abc import Collection


def key_of(name: str, namespace: str = "") -> str:
    """Return the key of a model."""
    return f"{namespace}/{name}" if namespace else name


def split_key(key: str) -> tuple[str, str]:
    """Return the name and the namespace of a model; the namespace is empty where there are none."""
    namespace, _, name = key.rpartition("/")
    return name, namespace


def is_name(name: str) -> bool:
    """Say whether a model can have this name: that of a folder inside a repository."""
    return bool(name.strip()) and "/" not in name and "\0" not in name and not name.startswith(".")


def with_name(name: str, keys: Collection[str]) -> list[str]:
    """Return the keys of all models of a name, in their order."""
    return [key for key in keys if split_key(key)[0] == name]


def resolve(name: str, namespace: str, keys: Collection[str]) -> str:
    """Find the model that a step of an ensemble means.

    It is that of the ensemble's own namespace, and if there is none, the only one of that name.

    Args:
        name: that the step says.
        namespace: of the ensemble.
        keys: of the models there are.

    Returns:
        Its key; where there is none, or several elsewhere, that which it would have beside the ensemble.
    """
    own = key_of(name, namespace)
    others = [] if own in keys else with_name(name, keys)
    return others[0] if len(others) == 1 else own
