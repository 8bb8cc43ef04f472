"""How long files and functions may be."""

from budgets import sizes
from budgets.tree import Tree

GOOD = {
    "clippy.toml": (
        "too-many-lines-threshold = 60\n"
        "too-many-arguments-threshold = 6\n"
        "cognitive-complexity-threshold = 15\n"
    ),
    "Cargo.toml": (
        '[workspace.lints.clippy]\ntoo_many_lines = "warn"\ntoo_many_arguments = "warn"\n'
        'cognitive_complexity = "deny"\n'
    ),
}


def messages(**texts: str) -> list[str]:
    tree = Tree({**GOOD, **texts})
    return [str(finding) for finding in sizes.find(tree)]


def test_nothing_is_found_where_everything_is_short() -> None:
    assert (
        messages(**{"src/trilith/a.py": "def f(x):\n    return x\n", "crates/a/src/lib.rs": "fn f() {}\n"})
        == []
    )


def test_a_file_may_have_500_lines_and_no_more() -> None:
    assert messages(**{"tests/a.py": "x = 1\n" * 500}) == []
    assert messages(**{"tests/a.py": "x = 1\n" * 501}) == [
        "tests/a.py: 501 lines, at most 500: split it by what it is about"
    ]


def test_the_median_of_the_modules_of_a_language_is_held() -> None:
    long = "x = 1\n" * 151
    found = messages(**{"src/a.py": long, "src/b.py": long, "src/c.py": "x = 1\n", "src/__init__.py": ""})
    assert found == ["src/: the median Python module has 151 lines, at most 150"]


def test_a_function_is_measured_from_its_name_to_its_last_line() -> None:
    body = "    x = 1\n" * 49
    assert messages(**{"src/a.py": "@decorated\ndef f():\n" + body}) == []
    assert messages(**{"src/a.py": "async def f():\n" + body + "    return 1\n"}) == [
        "src/a.py:1: f has 51 lines, at most 50"
    ]


def test_every_way_of_passing_a_value_counts_as_a_parameter_but_self_does_not() -> None:
    seven = "def f(a, /, b, *c, d, e, g, **h): ...\n"
    assert messages(**{"src/a.pyi": seven}) == ["src/a.pyi:1: f takes 7 parameters, at most 6"]
    assert messages(**{"src/a.py": "class A:\n    def f(self, a, b, c, d, e, g): ...\n"}) == []


def test_a_file_that_cannot_be_parsed_is_reported() -> None:
    assert messages(**{"src/a.py": "def f(:\n"}) == ["src/a.py:1: cannot be parsed: invalid syntax"]


def test_clippy_must_be_told_to_measure_rust() -> None:
    found = messages(**{"clippy.toml": "too-many-lines-threshold = 100\n", "Cargo.toml": ""})
    assert "clippy.toml: too-many-lines-threshold must be set, and to 60 at most" in found
    assert "Cargo.toml: the lint clippy::too_many_arguments must be on for the workspace" in found
    assert len(found) == 6


def test_a_size_lint_may_not_be_switched_off_at_the_place() -> None:
    text = "//! a\n#[allow(dead_code, clippy::too_many_lines)]\nfn f() {}\n"
    assert messages(**{"crates/a/src/lib.rs": text}) == [
        "crates/a/src/lib.rs:2: clippy::too_many_lines is switched off: split the function instead"
    ]


def test_the_summary_names_median_and_longest_of_each_language() -> None:
    tree = Tree({"src/a.py": "x\n", "src/b.py": "x\n" * 9, "crates/a/src/lib.rs": "x\n" * 4})
    assert list(sizes.summary(tree)) == [
        "Python: 2 modules, median 5 lines, longest 9 (src/b.py)",
        "Rust: 1 modules, median 4 lines, longest 4 (crates/a/src/lib.rs)",
    ]
