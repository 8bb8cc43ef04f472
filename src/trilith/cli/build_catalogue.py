"""``trilith build components`` and ``explain``: what there is, and what is known of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trilith.build.problems import BuildError, Problem
from trilith.cli.columns import write

if TYPE_CHECKING:
    from trilith.build import Catalogue


def components(catalogue: "Catalogue", words: Sequence[str]) -> int:
    """``trilith build components``: list everything that can be chosen."""
    from trilith.build.explaining import components  # noqa: PLC0415

    if words:
        hint = "trilith build explain NAME says what is known of one"
        raise BuildError([Problem(f"unexpected argument '{word}'", suggestion=hint) for word in words])
    write(components(catalogue))
    return 0


def explain(catalogue: "Catalogue", words: Sequence[str]) -> int:
    """``trilith build explain NAME...``: say what is known of each."""
    from trilith.build.explaining import explain, known_names  # noqa: PLC0415

    if not words:
        raise BuildError([Problem("explain needs a name", suggestion="trilith build components lists them")])
    texts = {word: explain(catalogue, word) for word in words}
    unknown = [word for word, text in texts.items() if not text]
    if unknown:
        raise BuildError(_unknown(word, catalogue, known_names(catalogue)) for word in unknown)
    write("\n".join(texts.values()))
    return 0


def _unknown(word: str, catalogue: "Catalogue", known: Sequence[str]) -> Problem:
    from trilith.build.catalogue import load, names  # noqa: PLC0415
    from trilith.build.explaining import explain  # noqa: PLC0415
    from trilith.build.spelling import suggest  # noqa: PLC0415

    others = [name for name in names() if name != catalogue.head.name and explain(load(name), word)]
    elsewhere = f"--catalogue={others[0]} has it" if others else ""
    hint = elsewhere or suggest(word, known) or "trilith build components lists what there is"
    return Problem(f"there is no '{word}' in the catalogue {catalogue.head.name}", suggestion=hint)
