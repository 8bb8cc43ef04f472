"""What a model is to be, and all that keeps it from being it."""

import pytest
from tests.doubles import native
from tests.unit.runtime.conftest import CATALOGUE, MakeFolder, MakeLife

from trilith.contract import ConfigurationError
from trilith.runtime.blueprint import draw_blueprint

SPELLING = 'max_queue: 3\ninput { name: "A" data_type: TYPE_FLOAT dims: [ 0 ] }\n'


def fields_of(make_folder: MakeFolder, config: str, *, whole: bool = False) -> list[str]:
    """Return the fields of all mistakes in a configuration, which follows the usual one or is the whole."""
    folder = make_folder(config="" if whole else config)
    assert folder.configuration
    if whole:
        folder.configuration.write_text(config)
    with pytest.raises(ConfigurationError) as caught:
        draw_blueprint(folder, CATALOGUE)
    assert all(problem.file.endswith("config.pbtxt") for problem in caught.value.problems)
    return [problem.field for problem in caught.value.problems]


def test_what_is_right_becomes_a_blueprint(make_folder: MakeFolder) -> None:
    blueprint = draw_blueprint(make_folder(versions=(1, 2)), CATALOGUE)
    assert (blueprint.brick.manifest.name, blueprint.versions) == ("echo", (2,))


def test_misspelt_fields_hide_no_other_mistake(make_folder: MakeFolder) -> None:
    config = f'{SPELLING}version_policy {{ specific {{ versions: 7 }} }}\nname: "b"\nmax_batch_size: -1'
    assert fields_of(make_folder, config) == [
        "max_queue",
        "input[0].data_type",
        "input[0].dims[0]",
        "version_policy.specific.versions[0]",
        "name",
        "max_batch_size",
    ]


def test_a_backend_that_is_not_installed_hides_no_other_mistake(make_folder: MakeFolder) -> None:
    config = 'backend: "ecco"\nmax_batch_size: -1\ndynamic_batching { priority_level: 2 }'
    assert fields_of(make_folder, config, whole=True) == [
        "backend",
        "max_batch_size",
        "dynamic_batching.priority_level",
    ]


def test_a_backend_that_is_misspelt_as_a_field_is_not_missed_besides(make_folder: MakeFolder) -> None:
    config = 'backnd: "echo"\nversion_policy { specific { versions: 7 } }'
    assert fields_of(make_folder, config, whole=True) == ["backnd", "version_policy.specific.versions[0]"]


def test_the_index_tells_all_of_it(server: native.Server, make_life: MakeLife) -> None:
    assert not make_life(f"{SPELLING}max_batch_size: -1").load()
    _, reason = server.states["a", 1]
    assert len(reason.splitlines()) == 4
