"""What should be loaded: model folders found in the repositories.

- :mod:`~trilith.repository.filesystem`: how folders are looked into
- :mod:`~trilith.repository.scan`: which models and versions lie in them
"""

from trilith.repository.filesystem import Filesystem, LocalFilesystem
from trilith.repository.scan import Inventory, ModelFolder, scan

__all__ = ["Filesystem", "Inventory", "LocalFilesystem", "ModelFolder", "scan"]
