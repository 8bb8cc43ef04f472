"""What CMake files fetch, found by reading them: addresses put together from variables included.

- `parsing`, `blocks`: text to commands; `values`, `conditions`, `setting`: what variables may be
- `places`: where addresses stand; `downloads`: what each command fetches
- `walking`: through includes, folders, functions and projects

Nothing is run. Where CMake itself decides by what it finds on a machine, both ways are looked at.
"""

from collections.abc import Callable, Mapping

from trilith.build.cmake.downloads import ARCHIVES, GIT, Download
from trilith.build.cmake.walking import Tree, Walk

__all__ = ["ARCHIVES", "GIT", "Download", "Tree", "find"]


def find(
    name: str,
    tree: Tree,
    told: Mapping[str, str],
    *,
    below: str = "",
    follow: Callable[[Download], Tree | None] = lambda _: None,
) -> list[Download]:
    """Return what configuring and building a project fetches.

    Args:
        name: what its files are called by.
        tree: its files.
        told: what CMake is told with ``-D``.
        below: the folder of its ``CMakeLists.txt``.
        follow: opens repositories that it fetches, to look into them too.
    """
    walk = Walk(follow)
    walk.project(name, tree, below, told)
    return list(dict.fromkeys(walk.found))
