"""Lock files: what is written is read, and what cannot be one is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trilith.build.locking.model import Lock, LockedArchive, LockedCrate, LockedGit, LockedWheel
from trilith.build.locking.text import digest_of, from_text, to_text
from trilith.build.problems import BuildError

HASHES = st.text("0123456789abcdef", min_size=64, max_size=64)
COMMITS = st.text("0123456789abcdef", min_size=40, max_size=40)
WORDS = st.text(max_size=20).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text))

LOCKS = st.builds(
    Lock,
    catalogue=WORDS.filter(bool),
    plan=WORDS.filter(bool),
    source_date_epoch=st.integers(0, 2**40),
    notes=st.lists(WORDS, max_size=2).map(tuple),
    target=st.dictionaries(WORDS, WORDS, max_size=2),
    options=st.dictionaries(WORDS, st.lists(WORDS, max_size=2).map(tuple), max_size=2),
    git=st.lists(
        st.builds(LockedGit, WORDS, WORDS, WORDS, COMMITS, COMMITS, st.lists(WORDS, max_size=2).map(tuple)),
        max_size=2,
    ).map(lambda items: tuple(sorted(items))),
    archive=st.lists(st.builds(LockedArchive, WORDS, WORDS, HASHES, st.integers(0)), max_size=2).map(
        lambda items: tuple(sorted(items))
    ),
    wheel=st.lists(st.builds(LockedWheel, WORDS, WORDS, st.just("a.whl"), HASHES), max_size=2).map(
        lambda items: tuple(sorted(items))
    ),
)


@settings(max_examples=25, deadline=None)
@given(LOCKS)
def test_every_lock_is_read_as_it_was_written(lock: Lock) -> None:
    """Reading is the inverse of writing, for any names and texts."""
    text = to_text(lock)
    again = from_text(text)
    assert to_text(again) == text
    assert digest_of(again) == digest_of(lock)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "format 1"),
        ("format = 2", "format 1"),
        ("format = 1", "is no lock"),
        ("not toml", "is no lock"),
        ('format = 1\ncatalogue = "x"\nplan = "p"\nsource_date_epoch = 0\nsurprise = 1', "surprise"),
        (
            (
                'format = 1\ncatalogue = "x"\nplan = "p"\nsource_date_epoch = 0\n'
                '[[crate]]\nname = "a"\nversion = "1"\nsha256 = "../../escaped"'
            ),
            "expected a hash",
        ),
        (
            (
                'format = 1\ncatalogue = "x"\nplan = "p"\nsource_date_epoch = 0\n'
                f'[[wheel]]\nname = "a"\nversion = "1"\nfile = "../a.whl"\nsha256 = "{"0" * 64}"'
            ),
            "is no name of a wheel",
        ),
    ],
)
def test_what_cannot_be_a_lock_is_refused(text: str, message: str) -> None:
    with pytest.raises(BuildError, match=message):
        from_text(text, "L")


def test_a_lock_of_crates_is_sorted() -> None:
    crates = tuple(LockedCrate(name, "1", "0" * 64) for name in "ba")
    text = to_text(Lock("x", "p", 0, crate=crates))
    assert text.index('name = "a"') < text.index('name = "b"')
