import pytest

from trilith.config.syntax import scan


def test_blocks_lists_and_strings_are_found_with_their_lines() -> None:
    entries, problems = scan('a: "x"\n  "y" # both\nb [\n { c: -1.5e-3 },\n <d: word>\n]')

    assert problems == []
    assert [entry.name for entry in entries] == ["a", "b"]
    assert entries[0].values[0].text == '"x""y"'
    assert [value.line for value in entries[1].values] == [4, 5]
    assert entries[1].values[0].entries[0].values[0].text == "-1.5e-3"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\nb: 1", 1, "value is missing"),
        ('a: "x\nb: 1', 1, "not closed"),
        ("a {\n b: 1\n", 1, "never closed"),
        ("b: 1\n}", 2, "closes nothing"),
        ("= 1\nb: 1", 1, "field name was expected"),
        ("a: [1,, 2]\nb: 1", 1, "the list goes wrong"),
        ("a: [1\n", 1, "list opened here is never closed"),
        ("a: [1 2]\nb: 1", 1, "comma is missing"),
        ("a [\n{ }\n{ } ]", 3, "comma is missing"),
        ("a: [1, 2,]", 1, "a comma stands before ']'"),
        ("a {" * 100, 1, "nested too deeply"),
    ],
)
def test_a_mistake_is_placed_where_it_was_made(text: str, line: int, words: str) -> None:
    _, problems = scan(text)

    assert problems[0].line == line
    assert words in problems[0].message


def test_reading_goes_on_after_a_mistake() -> None:
    entries, problems = scan('a:\nb: [1,,2]\n}\nc: "x\nd: 1')

    assert [entry.name for entry in entries] == ["a", "b", "c", "d"]
    assert [problem.line for problem in problems] == [1, 2, 3, 4]
