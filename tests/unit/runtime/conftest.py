"""A runtime over the stand-in for the native core, with a backend of the tests' own."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))  # the doubles are shared by several folders of tests, and by worker processes

from tests.doubles import native  # noqa: E402  needs the path above

try:
    import trilith.native  # noqa: F401  the real one, where it is built
except ImportError:
    sys.modules["trilith.native"] = native

from trilith.contract import BrickKind, Manifest  # noqa: E402  as above
from trilith.repository import ModelFolder, scan  # noqa: E402
from trilith.runtime.bricks import Brick, Catalogue  # noqa: E402
from trilith.runtime.life import ModelLife, Settings  # noqa: E402

WORKER_SCRIPT = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "src")!r}]
from tests.doubles import native
sys.modules["trilith.native"] = native
from trilith.runtime.worker import main
sys.exit(main(sys.argv[1:]))
"""
WORKER_COMMAND = (sys.executable, "-c", WORKER_SCRIPT)

CATALOGUE = Catalogue(
    (
        Brick(
            Manifest("echo", BrickKind.BACKEND, "Gives its input back", default_filename="model.echo"),
            "tests.doubles.backends:Echo",
        ),
    )
)


@pytest.fixture
def server() -> native.Server:
    return native.Server("{}")


MakeFolder = Callable[..., ModelFolder]
MakeLife = Callable[..., ModelLife]


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """Make a model's folder: ``make_folder("a", "max_batch_size: 8", versions=(1, 2))``."""

    def make(name: str = "a", config: str = "", versions: tuple[int, ...] = (1,)) -> ModelFolder:
        repository = tmp_path / "repository"
        for version in versions:
            (repository / name / str(version)).mkdir(parents=True)
        (repository / name).mkdir(parents=True, exist_ok=True)
        (repository / name / "config.pbtxt").write_text(f'backend: "echo"\n{config}')
        return next(model for model in scan([repository]).models if model.name == name)

    return make


@pytest.fixture
def make_life(server: native.Server, make_folder: MakeFolder) -> Iterator[MakeLife]:
    """Make the life of a model whose instances run as ``isolation`` says; it ends with the test."""
    lives: list[ModelLife] = []

    def make(
        config: str = "", isolation: str = "thread", *, complete: bool = True, **folder: object
    ) -> ModelLife:
        parameter = f'parameters {{ key: "isolation" value {{ string_value: "{isolation}" }} }}\n'
        settings = Settings(complete=complete, worker_command=WORKER_COMMAND)
        life = ModelLife(make_folder(config=parameter + config, **folder), server, CATALOGUE, settings)
        lives.append(life)
        return life

    yield make
    for life in lives:
        life.unload(5.0)


def parameter(key: str, value: str) -> str:
    return f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}\n'
