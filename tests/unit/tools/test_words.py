"""What must not stand in a file."""

import pytest
from budgets import words
from budgets.tree import Tree

BRICK = {
    "src/trilith/bricks/backends/openvino/brick.toml": '[brick]\nname = "openvino"\nkind = "backend"\n',
    "src/trilith/bricks/endpoints/http/brick.toml": '[brick]\nname = "http"\nkind = "endpoint"\n',
}


def places(path: str, text: str) -> list[str]:
    return [f"{finding.path}:{finding.line}" for finding in words.find(Tree({**BRICK, path: text}))]


@pytest.mark.parametrize(
    "text",
    ["# TODO later", "// FIXME", "XXX", "todo!()", "unimplemented!()", "raise NotImplementedError"],
)
def test_a_loose_end_is_found_in_any_file(text: str) -> None:
    assert places("docs/a.md", f"first\n{text}\n") == ["docs/a.md:2"]


@pytest.mark.parametrize("text", ["see {}work/main", "'{}tmp'", "({}home/somebody/x)", "cd {}root"])
def test_a_path_of_a_machine_is_found(text: str) -> None:
    # Put together here: this file is looked at like any other.
    assert places("README.md", text.format("/")) == ["README.md:1"]


@pytest.mark.parametrize(
    "text", ["/my/models", "$HOME/work", "docs/work/a", "/workspace", "/v2/work", "http://a/work"]
)
def test_other_paths_are_not_found(text: str) -> None:
    assert places("README.md", text) == []


@pytest.mark.parametrize("host", ["pypi org", "files pythonhosted org", "index crates io", "nvcr io"])
def test_the_host_of_a_registry_is_found(host: str) -> None:
    address = host.replace(" ", ".")
    assert places("Makefile", f"curl https://{address}/x") == ["Makefile:1"]


@pytest.mark.parametrize("text", ["unsafe { x() }", "pub unsafe fn f() {}", "unsafe impl Send for A {}"])
def test_unsafe_code_is_found_outside_the_border(text: str) -> None:
    assert places("crates/engine/src/batch.rs", text) == ["crates/engine/src/batch.rs:1"]
    assert places("crates/worker/src/lib.rs", text) == ["crates/worker/src/lib.rs:1"]
    assert places("crates/memory/src/guard.rs", text) == []
    assert places("crates/bridge/src/arrays.rs", text) == []


def test_the_word_unsafe_in_prose_is_not_code() -> None:
    assert places("crates/engine/src/batch.rs", "// It would be unsafe to wait here.") == []


@pytest.mark.parametrize(
    "code",
    [
        'if name == "openvino": pass',
        'load("backend.openvino")',
        "openvino = 1",
        "import trilith.bricks.backends.openvino",
        "from trilith.bricks.backends.openvino import Backend",
    ],
)
@pytest.mark.parametrize("folder", ["cli/serve.py", "server/start.py", "server.py", "build/plan.py"])
def test_a_brick_is_not_named_where_only_manifests_count(folder: str, code: str) -> None:
    assert places(f"src/trilith/{folder}", code) == [f"src/trilith/{folder}:1"]


@pytest.mark.parametrize(
    "code", ['"""Serves openvino models."""', "from trilith.config import openvino_like"]
)
def test_prose_and_other_names_may_resemble_a_brick(code: str) -> None:
    assert places("src/trilith/cli/serve.py", code) == []


def test_an_endpoint_is_named_where_its_flags_are() -> None:
    assert places("src/trilith/cli/flags.py", 'GROUPS = ("http",)') == []


def test_a_brick_may_name_itself() -> None:
    assert places("src/trilith/bricks/backends/openvino/backend.py", 'NAME = "openvino"') == []
