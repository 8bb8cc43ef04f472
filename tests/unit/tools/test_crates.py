"""Which crate may depend on which."""

import pytest
from budgets import crates
from budgets.tree import Tree

LINTS = "[lints]\nworkspace = true\n"
WORKSPACE = '[workspace.lints.rust]\nunsafe_code = "forbid"\n[workspace.lints.clippy]\nall = "warn"\n'


def messages(crate: str, manifest: str) -> list[str]:
    tree = Tree({"Cargo.toml": WORKSPACE, f"crates/{crate}/Cargo.toml": manifest})
    return [finding.message for finding in crates.find(tree)]


@pytest.mark.parametrize(
    ("crate", "dependency"),
    [("engine", "trilith-core"), ("wire", "trilith-engine"), ("worker", "trilith-core"), ("bridge", "pyo3")],
)
def test_arrows_that_run_down_are_allowed(crate: str, dependency: str) -> None:
    assert messages(crate, f"[dependencies]\n{dependency}.workspace = true\n{LINTS}") == []


@pytest.mark.parametrize(
    ("crate", "dependency"),
    [("core", "engine"), ("engine", "wire"), ("wire", "worker"), ("worker", "bridge")],
)
@pytest.mark.parametrize("table", ["dependencies", "dev-dependencies", "target.'cfg(unix)'.dependencies"])
def test_arrows_that_run_up_or_across_are_found(crate: str, dependency: str, table: str) -> None:
    found = messages(crate, f"[{table}]\ntrilith-{dependency}.workspace = true\n{LINTS}")
    assert [message.split(",")[0] for message in found] == [f"{crate} may not depend on {dependency}"]


def test_only_the_bridge_knows_python_even_under_another_name() -> None:
    found = messages("wire", f'[dependencies]\npython = {{ package = "pyo3-ffi", version = "1" }}\n{LINTS}')
    assert found == ["only bridge may know Python; wire depends on pyo3-ffi"]


def test_a_crate_that_no_layer_knows_is_found() -> None:
    assert messages("load", LINTS) == [
        "crate load has no place among the layers: give it one in budgets.crates"
    ]


def test_a_crate_that_the_lints_do_not_reach_is_found() -> None:
    assert messages("core", "") == ["the workspace's lints must apply: [lints] workspace = true"]


def test_a_crate_at_the_border_denies_unsafe_code_where_others_forbid_it_and_changes_nothing_else() -> None:
    own = '[lints.rust]\nunsafe_code = "deny"\n[lints.clippy]\nall = "{}"\n'
    assert messages("memory", own.format("warn")) == []
    assert messages("bridge", own.format("warn") + 'needless_pass_by_value = "allow"\n') == []
    assert len(messages("memory", own.format("allow"))) == 1
    assert len(messages("engine", own.format("warn"))) == 1
