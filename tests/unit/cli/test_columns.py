"""Text as wide as the terminal."""

from trilith.cli.columns import wrap

TEXT = "head\n    name      a description of some words\n    fact: one, two, three, four, five, six, seven\n"


def test_what_fits_stays_as_it_is() -> None:
    assert wrap(TEXT, 80) == TEXT


def test_a_second_column_hangs_below_itself() -> None:
    line = f"    name      {'word ' * 10}end\n"
    assert wrap(line, 40) == (
        "    name      word word word word word\n              word word word word word\n              end\n"
    )


def test_other_lines_hang_a_little_further_in() -> None:
    line = f"    fact: {'word, ' * 6}end\n"
    assert wrap(line, 40) == "    fact: word, word, word, word, word,\n        word, end\n"


def test_a_long_word_is_not_broken() -> None:
    assert "a" * 60 in wrap(f"    fact: {'a' * 60} b\n", 40)


def test_a_narrow_terminal_wraps_by_itself() -> None:
    assert wrap(TEXT, 10) == TEXT
