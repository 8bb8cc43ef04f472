"""A smaller server, cut out of one that is there already; without a daemon and without a build.

- `trilith.build.compose.cutting`: which files stay, and why
- `trilith.build.compose.metadata`: what the smaller result says of itself
- `trilith.build.compose.output`: as a folder, or as an image whose untouched layers are the same
"""

from trilith.build.compose.cutting import Cut, cut
from trilith.build.compose.output import compose

__all__ = ["Cut", "compose", "cut"]
