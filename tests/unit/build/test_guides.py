"""The guide in two languages: both say the same, to the letter where a command is typed."""

import re
from pathlib import Path

GUIDES = Path(__file__).parents[3] / "docs/guides"
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
_COMMENT = re.compile(r"\s*# .*")


def blocks(name: str) -> list[tuple[str, list[str]]]:
    """Return what is typed or written, without comments, which are in the language of the guide."""
    text = (GUIDES / name).read_text(encoding="utf-8")
    return [
        (kind, [line for raw in content.splitlines() if (line := _COMMENT.sub("", raw))])
        for kind, content in _BLOCK.findall(text)
    ]


def test_both_languages_type_the_same_commands() -> None:
    english = blocks("offline.md")
    assert len(english) > 8
    assert blocks("offline.zh.md") == english


def test_both_languages_explain_the_same_messages() -> None:
    rows = [
        [
            re.findall(r"`[^`]+`", line)
            for line in (GUIDES / name).read_text(encoding="utf-8").splitlines()
            if line.startswith("| ")
        ]
        for name in ("offline.md", "offline.zh.md")
    ]
    assert len(rows[0]) > 8
    assert [set(row) for row in rows[0]] == [set(row) for row in rows[1]]
