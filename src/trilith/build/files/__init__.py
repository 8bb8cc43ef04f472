"""From a plan to files; every decision was made before.

- `trilith.build.files.cmake`, `trilith.build.files.bricks`: the inner script, one for each kind of catalogue
- `trilith.build.files.docker`: the script around it
- `trilith.build.files.dockerfiles`: the images
- `trilith.build.files.bundled`: what they say where everything lies in a bundle beside them
- `trilith.build.files.shell`, `trilith.build.files.quoting`: quoting
"""

from collections.abc import Mapping
from pathlib import Path

from trilith.build.files.bricks import brick_build
from trilith.build.files.bundled import Bundled
from trilith.build.files.cmake import cmake_build
from trilith.build.files.common import EmittedFile
from trilith.build.files.docker import docker_build
from trilith.build.files.dockerfiles import buildbase, cibase, result
from trilith.build.model import Plan
from trilith.build.result import write_text
from trilith.build.secrets import refuse_secrets

__all__ = ["Bundled", "EmittedFile", "emit", "inner_script", "write"]

INNER = {"cmake": ("cmake_build", cmake_build), "wheel": ("brick_build", brick_build)}
OUTER = "docker_build"


def inner_script(plan: Plan) -> str:
    """Return the name of the script that builds."""
    return INNER[plan.catalogue.head.builder][0]


def emit(plan: Plan, bundled: Bundled | None = None) -> dict[str, EmittedFile]:
    """Return the files of a build by name; the inner script alone after ``--no-container-build``.

    Args:
        plan: what is built.
        bundled: what lies beside the files, for a build in containers from a bundle.

    Raises:
        BuildError: a credential would be written down.
    """
    refuse_secrets(plan, rules=True)
    name, writer = INNER[plan.catalogue.head.builder]
    files = {name: EmittedFile(writer(plan), executable=True)}
    if not plan.selection.has("no-container-build"):
        files |= {
            OUTER: EmittedFile(docker_build(plan, name, bundled=bundled is not None), executable=True),
            "Dockerfile.buildbase": EmittedFile(buildbase(plan, name, bundled)),
            "Dockerfile": EmittedFile(result(plan, bundled)),
            "Dockerfile.cibase": EmittedFile(cibase(plan)),
        }
    return files


def write(files: Mapping[str, EmittedFile], folder: Path) -> list[Path]:
    """Write files into a folder, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, file in files.items():
        path = folder / name
        write_text(path, file.text, mode=0o755 if file.executable else 0o644)
        written.append(path)
    return written
