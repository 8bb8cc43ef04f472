"""What should be loaded: model folders found in the repositories.

- :mod:`~trilith.repository.filesystem`: how folders are looked into
- :mod:`~trilith.repository.names`: how models are told apart
- :mod:`~trilith.repository.scan`: which models and versions lie in them
- :mod:`~trilith.repository.changes`: whether a folder has changed
- :mod:`~trilith.repository.overrides`: what clients bring in place of what lies there
- :mod:`~trilith.repository.dependencies`: which models need which others
"""

from trilith.repository.filesystem import Filesystem, LocalFilesystem
from trilith.repository.scan import Inventory, ModelFolder, scan

__all__ = ["Filesystem", "Inventory", "LocalFilesystem", "ModelFolder", "scan"]
