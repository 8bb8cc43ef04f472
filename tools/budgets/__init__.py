"""What the project holds itself to and no linter of its own looks after.

- :mod:`budgets.tree`: the files that are looked at
- :mod:`budgets.sizes`: how long files and functions may be
- :mod:`budgets.crates`: which crate may depend on which
- :mod:`budgets.words`: what must not stand in a file
"""
