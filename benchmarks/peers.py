"""The peer and the load generators, in an environment of their own.

None of this is a dependency of Trilith. The real Triton comes out of the wheel `nvidia-pytriton`;
the real clients and `perf_analyzer` out of `tritonclient`; the real network out of `magika`.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from ctypes.util import find_library
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import SetupError

DIRECTORY_VARIABLE = "TRILITH_PEERS"

REQUIREMENTS = (
    "nvidia-pytriton==0.7.0",  # tritonserver 2.51 and its python backend
    "tritonclient[http,grpc]==2.50.0",  # the last one that carries the perf_analyzer binary
    "nvidia-cuda-runtime-cu12",  # libcudart.so.12, which that binary is linked against
    "onnx",
    "onnxruntime",
    "numpy<2",  # what the stubs of that Triton were built for
)
# Apart from the others, because only its ONNX file is wanted and not what it depends on.
DATA_REQUIREMENTS = ("magika==1.0.3",)

# Debian's package for each tool that is looked for on the PATH, and for each shared library.
TOOLS = {"wrk": "wrk", "h2load": "nghttp2-client"}
LIBRARIES = {"b64": "libb64-0d"}  # perf_analyzer is linked against it


@dataclass(frozen=True)
class Peers:
    """Where the pieces lie once they are set up."""

    directory: Path

    @property
    def python(self) -> Path:
        """The interpreter that has the real clients."""
        return self.directory / "venv" / "bin" / "python"

    @property
    def packages(self) -> Path:
        """The site-packages folder of that interpreter."""
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        return self.directory / "venv" / "lib" / version / "site-packages"

    @property
    def magika_model(self) -> Path:
        """The ONNX network of `magika`: int32[N,2048] to float[N,214]."""
        found = sorted((self.packages / "magika" / "models").glob("standard_*/model.onnx"))
        if not found:
            raise SetupError(
                f"No ONNX model lies in {self.packages / 'magika'}; remove {self.directory} and run again."
            )
        return found[-1]

    def perf_analyzer_command(self) -> list[str]:
        """Name the real perf_analyzer, still without arguments."""
        return [str(self.python.with_name("perf_analyzer"))]

    def perf_analyzer_environment(self) -> dict[str, str]:
        """Give the variables under which it finds the CUDA runtime that it is linked against."""
        return {"LD_LIBRARY_PATH": str(self.packages / "nvidia" / "cuda_runtime" / "lib")}

    def triton_command(self) -> list[str]:
        """Name the real tritonserver, still without repository and ports."""
        home = self.packages / "pytriton" / "tritonserver"
        return [
            str(home / "bin" / "tritonserver"),
            f"--backend-directory={self.directory / 'backends'}",
            f"--cache-directory={home / 'caches'}",
        ]

    def triton_environment(self) -> dict[str, str]:
        """Give the variables under which tritonserver finds its libraries and its Python."""
        libraries = [str(sysconfig.get_config_var("LIBDIR")), str(self.packages / "nvidia_pytriton.libs")]
        path = f"{self.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return {"PATH": path, "LD_LIBRARY_PATH": os.pathsep.join(libraries)}


def locate(root: Path) -> Peers:
    """Say where the peers belong: the folder the variable names, else one beside this module."""
    return Peers(Path(os.environ.get(DIRECTORY_VARIABLE) or root / "benchmarks" / ".peers").absolute())


def prepare(peers: Peers) -> None:
    """Set up whatever is still missing; does nothing when all is there.

    Raises:
        SetupError: a tool of the system is missing, or an installation failed.

    """
    require_tools()
    require_libpython()
    wanted = [*REQUIREMENTS, *DATA_REQUIREMENTS]
    marker = peers.directory / "ready.json"
    if marker.exists() and json.loads(marker.read_text()) == wanted:
        return
    sys.stderr.write(f"Setting up the real Triton in {peers.directory} (about 600 MB, once).\n")
    peers.directory.mkdir(parents=True, exist_ok=True)
    if not peers.python.exists():
        venv.create(peers.directory / "venv", with_pip=True)
    _install(peers, REQUIREMENTS)
    _install(peers, ("--no-deps", *DATA_REQUIREMENTS))
    _lay_out_backends(peers)
    marker.write_text(json.dumps(wanted))


def require_tools() -> None:
    """Look for the load generators and name those that are missing, in one sentence."""
    missing = {tool: package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    missing |= {f"lib{name}": package for name, package in LIBRARIES.items() if find_library(name) is None}
    if missing:
        raise SetupError(
            f"The benchmarks need {' and '.join(missing)}, not found on this machine: "
            f"install with `apt-get install {' '.join(missing.values())}`."
        )


def require_libpython() -> None:
    """Triton's python backend loads libpython as a shared library: look for it."""
    library = f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"
    directory = Path(str(sysconfig.get_config_var("LIBDIR")))
    if not (directory / library).exists():
        raise SetupError(
            f"Triton's python backend needs {library}, which is not in {directory}: "
            "use a Python built with --enable-shared."
        )


def _install(peers: Peers, arguments: tuple[str, ...]) -> None:
    command = [
        str(peers.python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        *arguments,
    ]
    if subprocess.run(command, check=False).returncode:
        raise SetupError(f"pip, whose message stands above, could not install {', '.join(arguments)}.")


def _lay_out_backends(peers: Peers) -> None:
    """Copy the backends folder and put the stub of this Python version beside the backend."""
    home = peers.packages / "pytriton" / "tritonserver"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = home / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.exists():
        known = ", ".join(sorted(path.name for path in stub.parent.parent.iterdir()))
        raise SetupError(
            f"The real Triton's python backend has no stub for Python {version}; it has them for {known}."
        )
    shutil.copytree(home / "backends", peers.directory / "backends", dirs_exist_ok=True)
    shutil.copy2(stub, peers.directory / "backends" / "python" / stub.name)
