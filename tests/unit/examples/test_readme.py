"""The page that leads to the examples."""

import re
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
TESTS = EXAMPLES.parent / "tests"
TEXT = (EXAMPLES / "README.md").read_text(encoding="utf-8")
LINKS = set(re.findall(r"\]\(([^)]+)\)", TEXT))
FETCHED = {"repository/magika"}
"""Made by ``make serve``."""


def test_every_example_is_listed() -> None:
    entries = {path.name for path in EXAMPLES.iterdir() if path.name not in {"README.md", "__pycache__"}}
    assert {entry for entry in entries if not any(link.split("/")[0] == entry for link in LINKS)} == set()


def test_every_link_leads_somewhere() -> None:
    assert {link for link in LINKS if not (EXAMPLES / link).exists()} == FETCHED & LINKS


def test_every_script_is_run_by_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))
    scripts = {path.stem for path in EXAMPLES.rglob("*") if path.suffix in {".py", ".sh"}}
    scripts -= {"model"}  # these are run by the server
    assert {script for script in scripts if script not in tests} == set()
