"""Problems gathered while a draft is completed, placed where the file has what they are about."""

from trilith.config.draft import Draft
from trilith.contract import ConfigurationError, Problem


def place(error: ConfigurationError, draft: Draft, version: int | None = None) -> ConfigurationError:
    """Return an error whose problems say where in the draft they stand, those too that a backend found.

    Args:
        error: as it was raised.
        draft: that it is about.
        version: to be named with what a backend found in it, where there are several.
    """
    findings = Findings(draft)
    prefix = "" if version is None else f"version {version}: "
    for problem in error.problems:
        if not problem.file:
            findings.add(problem.field, prefix + problem.message, problem.suggestion)
    placed = [problem for problem in error.problems if problem.file]
    return ConfigurationError([*placed, *findings.problems])


class Findings:
    """The problems of one draft."""

    def __init__(self, draft: Draft) -> None:
        """Start with none."""
        self._draft = draft
        self._problems: list[Problem] = []

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._problems)

    def add(self, field: str, message: str, suggestion: str = "") -> None:
        """Note a problem of a field, or of the whole model where it is empty."""
        if not self._draft.file:
            message = f"model '{self._draft.name}': {message}"
        line = self._line(field)
        self._problems.append(Problem(message, self._draft.file, line, field, suggestion))

    @property
    def problems(self) -> list[Problem]:
        """What was found, in the order in which it was."""
        return list(self._problems)

    def raise_if_any(self) -> None:
        """Raise what was found, in the order of the file; what stands nowhere in it comes last.

        Raises:
            ConfigurationError: there is at least one problem.
        """
        if self._problems:
            last = max(problem.line for problem in self._problems) + 1
            raise ConfigurationError(sorted(self._problems, key=lambda problem: problem.line or last))

    def _line(self, field: str) -> int:
        """Return the line of a field, or of the innermost block around it that was written."""
        lines = self._draft.lines
        while field and field not in lines:
            field = field[: max(field.rfind("."), field.rfind("["), 0)]
        return lines.get(field, 0)
