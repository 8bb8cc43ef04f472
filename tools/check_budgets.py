"""Hold the project to its budgets: sizes, the crate graph, and what must not stand anywhere.

Usage: ``python tools/check_budgets.py [ROOT]``. Everything that is found is reported together.
"""

import sys
from pathlib import Path

from budgets import crates, sizes, words
from budgets.tree import read

RULES = (sizes, crates, words)


def main(arguments: list[str]) -> int:
    """Report what was found and the sizes as they are; 1 if anything was found."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    tree = read(root)
    findings = sorted(finding for rule in RULES for finding in rule.find(tree))
    for finding in findings:
        print(finding)
    for line in sizes.summary(tree):
        print(line)
    print(f"{len(findings)} findings" if findings else "Within every budget")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
