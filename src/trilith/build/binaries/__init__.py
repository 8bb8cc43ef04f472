"""Executables and shared libraries, read rather than run.

- `trilith.build.binaries.elf`: what one file says of itself
- `trilith.build.binaries.tree`: a folder seen as the root of a system
- `trilith.build.binaries.search`: where the dynamic linker looks
- `trilith.build.binaries.closure`: all that a set of files needs
"""

from trilith.build.binaries.closure import Closure, Missing, Outdated, close
from trilith.build.binaries.elf import Binary, Damaged, is_binary, read
from trilith.build.binaries.tree import Tree

__all__ = ["Binary", "Closure", "Damaged", "Missing", "Outdated", "Tree", "close", "is_binary", "read"]
