"""Images without an engine: written from files, and read without being started.

- `trilith.build.image.entries`: what a layer is made of
- `trilith.build.image.layers`: layers whose bytes depend on nothing but their entries
- `trilith.build.image.debian`: packages, unpacked without running them
- `trilith.build.image.bases`: what an image stands on
- `trilith.build.image.content`: a result, as one layer for each brick
- `trilith.build.image.writing`: an OCI layout or an archive for ``docker load``
- `trilith.build.image.reading`: both again
- `trilith.build.image.unpacking`: a root folder out of layers, hostile ones included
"""

from trilith.build.image.bases import Base, debian_base, folder_base, image_base
from trilith.build.image.content import Content, Settings, assemble
from trilith.build.image.reading import Image, open_image
from trilith.build.image.unpacking import unpack
from trilith.build.image.writing import Destination, write

__all__ = [
    "Base",
    "Content",
    "Destination",
    "Image",
    "Settings",
    "assemble",
    "debian_base",
    "folder_base",
    "image_base",
    "open_image",
    "unpack",
    "write",
]
