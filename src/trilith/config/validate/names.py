"""The names of a model and of its tensors."""

from collections.abc import Mapping
from typing import Any

from trilith.config.findings import Findings


def check(document: Mapping[str, Any], name: str, findings: Findings) -> None:
    """Check that the model is named like its folder, and that it has tensors, told apart by their names."""
    if document["name"] != name:
        message = f"the name is '{document['name']}', but the model's folder is '{name}'"
        findings.add("name", message, f'write name: "{name}" or remove the field')
    if not document["input"] and not document["output"]:
        findings.add("", "the model has no input and no output", "add 'input' and 'output'")
    for kind in ("input", "output"):
        _check_tensors(document[kind], kind, findings)


def _check_tensors(tensors: list[Mapping[str, Any]], kind: str, findings: Findings) -> None:
    first: dict[str, int] = {}
    for index, tensor in enumerate(tensors):
        name = tensor["name"]
        if not name:
            findings.add(f"{kind}[{index}]", f"the {kind} has no name", 'write name: "NAME"')
        elif name in first:
            message = f"the name '{name}' is that of {kind}[{first[name]}] already"
            findings.add(f"{kind}[{index}].name", message, "give each a name of its own")
        else:
            first[name] = index
