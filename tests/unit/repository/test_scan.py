"""Which models and versions lie in the repositories."""

from pathlib import Path

import pytest

from trilith import config
from trilith.contract import ConfigurationError
from trilith.repository import ModelFolder, scan
from trilith.repository.scan import list_keys


def make_model(repository: Path, name: str, *versions: str, config: bool = True) -> Path:
    directory = repository / name
    directory.mkdir(parents=True)
    for version in versions:
        (directory / version).mkdir()
    if config:
        (directory / "config.pbtxt").write_text("")
    return directory


def test_a_model_is_a_folder_with_numbered_versions(tmp_path: Path) -> None:
    directory = make_model(tmp_path, "a", "10", "2", "1")
    assert scan([tmp_path]).models == (ModelFolder("a", directory, (1, 2, 10), directory / "config.pbtxt"),)


def test_a_model_may_have_no_configuration(tmp_path: Path) -> None:
    make_model(tmp_path, "a", "1", config=False)
    assert scan([tmp_path]).models[0].configuration is None


def test_files_and_hidden_folders_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("")
    make_model(tmp_path, ".git", "1")
    make_model(tmp_path, "a", "1")
    assert [model.name for model in scan([tmp_path]).models] == ["a"]


@pytest.mark.parametrize("folder", ["v1", "01", "1a", "-1", "configs", "²"])
def test_a_folder_that_is_no_plain_number_is_no_version(tmp_path: Path, folder: str) -> None:
    make_model(tmp_path, "a", "1", folder)
    assert scan([tmp_path]).models[0].versions == (1,)


def test_repositories_keep_their_order_and_models_are_sorted_within_each(tmp_path: Path) -> None:
    for place, name in (("z", "b"), ("z", "a"), ("y", "c")):
        make_model(tmp_path / place, name, "1")
    names = [model.name for model in scan([tmp_path / "z", tmp_path / "y"]).models]
    assert names == ["a", "b", "c"]


def test_a_name_in_two_repositories_is_refused_and_both_places_are_named(tmp_path: Path) -> None:
    first = make_model(tmp_path / "one", "same", "1")
    second = make_model(tmp_path / "two", "same", "1")
    make_model(tmp_path / "two", "other", "1")
    inventory = scan([tmp_path / "one", tmp_path / "two"])
    assert [model.name for model in inventory.models] == ["other"]
    assert str(first) in inventory.refused["same"]
    assert str(second) in inventory.refused["same"]


def test_a_repository_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    make_model(tmp_path, "a", "1")
    inventory = scan([tmp_path, tmp_path])
    assert [model.name for model in inventory.models] == ["a"]
    assert inventory.refused == {}


def test_all_missing_repositories_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        scan([tmp_path / "one", tmp_path / "two"])
    text = str(caught.value)
    assert f"{tmp_path}/one" in text
    assert f"{tmp_path}/two" in text
    assert "there is no such folder" in text


def test_a_file_is_no_repository(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="Not a directory"):
        scan([tmp_path / "file"])


def test_a_named_configuration_goes_before_the_usual_one(tmp_path: Path) -> None:
    directory = make_model(tmp_path, "a", "1")
    (directory / "configs").mkdir()
    (directory / "configs" / "h100.pbtxt").write_text("")
    make_model(tmp_path, "b", "1")
    models = scan([tmp_path], configuration_name="h100").models
    assert models[0].configuration == directory / "configs" / "h100.pbtxt"
    assert models[1].configuration == tmp_path / "b" / "config.pbtxt"


def test_a_link_to_a_model_counts_and_a_dangling_one_does_not(tmp_path: Path) -> None:
    make_model(tmp_path / "elsewhere", "a", "1")
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "linked").symlink_to(tmp_path / "elsewhere" / "a")
    (repository / "dangling").symlink_to(tmp_path / "nowhere")
    assert [model.name for model in scan([repository]).models] == ["linked"]


def test_a_configuration_that_is_a_dangling_link_is_one_that_cannot_be_read(tmp_path: Path) -> None:
    directory = make_model(tmp_path, "a", "1", config=False)
    (directory / "config.pbtxt").symlink_to(tmp_path / "nowhere")
    found = scan([tmp_path]).models[0].configuration
    assert found == directory / "config.pbtxt"
    with pytest.raises(ConfigurationError, match=r"config\.pbtxt: cannot be read: No such file"):
        config.read(found, "a")


def test_with_namespaces_a_name_may_lie_in_every_repository(tmp_path: Path) -> None:
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        make_model(place, "a", "1")
    inventory = scan(places, namespaces=True)
    keys = [f"{place}/a" for place in places]
    assert [model.key for model in inventory.models] == keys == list_keys(places, namespaces=True)
    assert [model.name for model in inventory.models] == ["a", "a"]
    assert inventory.refused == {}
    assert list_keys(places) == ["a"]
    assert list(scan(places).refused) == ["a"]
