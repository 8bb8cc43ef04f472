"""Images that depend on what is in them and on nothing else."""

import json
import tarfile
from pathlib import Path

import pytest

from support.images import FILES, make_layout, make_result, member, settings
from trilith.build.image import Base, Content, Destination, assemble, image_base, open_image, unpack, write
from trilith.build.problems import BuildError


def write_small(folder: Path, kind: str = "oci", base: Base | None = None) -> tuple[str, Path]:
    root = folder / "result of größe"
    content = Content(root, make_result(root))
    target = folder / "image"
    digest = write(Destination(kind, target), lambda blobs: assemble(content, settings(), base, blobs))
    return digest, target


def test_two_folders_give_one_digest(tmp_path: Path) -> None:
    one, first = write_small(tmp_path / "one")
    two, second = write_small(tmp_path / "two, elsewhere")
    assert one == two
    assert sorted(path.relative_to(first) for path in first.rglob("*")) == sorted(
        path.relative_to(second) for path in second.rglob("*")
    )
    assert (first / "index.json").read_bytes() == (second / "index.json").read_bytes()


def test_two_archives_are_one_file(tmp_path: Path) -> None:
    _, first = write_small(tmp_path / "one", "docker-archive")
    _, second = write_small(tmp_path / "two", "docker-archive")
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("kind", ["oci", "docker-archive"])
def test_what_was_written_is_read_again(tmp_path: Path, kind: str) -> None:
    _, path = write_small(tmp_path, kind)
    image = open_image(path)
    assert image.settings["User"] == "1000:1000"
    assert image.settings["Labels"] == {"a": "b"}
    assert image.settings["Env"][0].startswith("PATH=/opt/small/bin:")
    assert image.machine == "x86_64"
    root = unpack(image, tmp_path / "root").root
    for name, (_, data) in FILES.items():
        assert (root / "opt/small" / name).read_bytes() == data
    assert (root / "opt/small/bin/serve").stat().st_mode & 0o777 == 0o755
    assert "small:x:1000:1000" in (root / "etc/passwd").read_text()
    assert (root / "tmp").stat().st_mode & 0o1777 == 0o1777


def test_images_share_the_layers_of_bricks_they_both_have(tmp_path: Path) -> None:
    _, first = write_small(tmp_path / "one")
    root = tmp_path / "two" / "result"
    less = {name: told for name, told in FILES.items() if told[0] != "backend.two"}
    content = Content(root, make_result(root, less))
    second = tmp_path / "two" / "image"
    write(Destination("oci", second), lambda blobs: assemble(content, settings(), None, blobs))
    layers = [{layer.title: layer.digest for layer in open_image(path).layers} for path in (first, second)]
    assert "brick backend.two" not in layers[1]
    for title in ("brick core.server", "brick backend.one", "user and folders"):
        assert layers[0][title] == layers[1][title]


def test_an_image_stands_on_another(tmp_path: Path) -> None:
    passwd = b"root:x:0:0:root:/:/bin/sh\nubuntu:x:1000:1000::/var/ubuntu:/bin/sh\n"
    layers = [[(member("etc/passwd"), passwd), (member("usr/bin/sh"), b"shell")]]
    below = make_layout(tmp_path / "base", layers)
    _, path = write_small(tmp_path, base=image_base(below))
    image = open_image(path)
    assert image.layers[0].digest == open_image(below).layers[0].digest
    assert "A=1" in image.settings["Env"]
    assert image.settings["Labels"] == {"from": "base", "a": "b"}
    root = unpack(image, tmp_path / "root").root
    assert (root / "usr/bin/sh").read_bytes() == b"shell"
    assert (root / "etc/passwd").read_text().splitlines() == [
        "root:x:0:0:root:/:/bin/sh",
        f"small:x:1000:1000::/home/{settings().user}:/usr/sbin/nologin",
    ]


def test_nothing_but_an_image_is_replaced(tmp_path: Path) -> None:
    first, path = write_small(tmp_path)
    assert write_small(tmp_path)[0] == first
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    with pytest.raises(BuildError, match="is no image"):
        write(
            Destination("oci", precious),
            lambda blobs: assemble(Content(path, make_result(path)), settings(), None, blobs),
        )
    assert (precious / "file").read_text() == "kept"


def test_an_image_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    def fail(_blobs: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(BuildError, match=r"is full .*make room"):
        write(Destination("oci", tmp_path / "image"), fail)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["tar:x", "oci", "oci:", "docker-archive:"])
def test_a_destination_that_is_none_is_explained(text: str) -> None:
    with pytest.raises(BuildError, match="write oci:FOLDER or docker-archive:FILE"):
        Destination.parse(text)


def test_a_docker_archive_names_its_layers_by_content(tmp_path: Path) -> None:
    _, path = write_small(tmp_path, "docker-archive")
    with tarfile.open(path) as archive:
        content = archive.extractfile("manifest.json")
        assert content
        described = json.load(content)[0]
        assert described["RepoTags"] == ["small:1.0"]
        assert set(described["Layers"]) <= set(archive.getnames())
