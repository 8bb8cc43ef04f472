"""How a CMake file is split."""

import pytest

from trilith.build.cmake.blocks import Block, blocks
from trilith.build.cmake.parsing import commands


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("set(A b c)", ["A", "b", "c"]),
        ('set(A "b c" d)', ["A", "b c", "d"]),
        ('set(A "say \\"b\\" (c)")', ["A", 'say \\"b\\" (c)']),
        ("set(A # of b)\n  c)", ["A", "c"]),
        ("set(A #[[ of\n b) ]] c)", ["A", "c"]),
        ("set(A [==[b ]] c]==])", ["A", "b ]] c"]),
        ('set(A -Db="c d" $(MAKE))', ["A", '-Db="c d"', "$(MAKE)"]),
        ("if(NOT (A AND B))", ["NOT", "(", "A", "AND", "B", ")"]),
        ("SET ( A\n)", ["A"]),
    ],
)
def test_words_are_split_as_cmake_splits_them(text: str, words: list[str]) -> None:
    (command,) = commands(text)
    assert [word.text for word in command.words] == words


def test_commands_know_their_lines_and_places() -> None:
    text = "# one\nset(A 1)\n\nfile(DOWNLOAD x y)\n"
    assert [(item.name, item.line, text[item.start :][:4]) for item in commands(text)] == [
        ("set", 2, "set("),
        ("file", 4, "file"),
    ]


def test_branches_hold_their_commands() -> None:
    (block,) = blocks(commands("if(A)\n one()\nelseif(B)\n two()\nelse()\n three()\nendif()"))
    assert isinstance(block, Block)
    told = [([word.text for word in words], [item.name for item in body]) for words, body in block.branches]  # type: ignore[union-attr]
    assert told == [(["A"], ["one"]), (["B"], ["two"]), (["TRUE"], ["three"])]


@pytest.mark.parametrize("text", ["set(A", 'set(A "b', "set(A [[b", ")", "set", "if(A)\nset(B c)", "\\"])
def test_a_text_that_cmake_would_not_read_ends_the_reading(text: str) -> None:
    assert len(blocks(commands(text))) <= 1
