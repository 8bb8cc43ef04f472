"""Selections: flags, files, presets, and where each value came from."""

from pathlib import Path

from trilith.build.catalogue import load
from trilith.build.selection import Choice, Selection
from trilith.build.settings import named_catalogue
from trilith.build.words import select

CATALOGUE = load("triton")


def selected(*words: str) -> Selection:
    selection, rest, problems = select(words, CATALOGUE)
    assert not rest
    assert not problems
    return selection


def problems_of(*words: str) -> list[str]:
    return [str(problem) for problem in select(words, CATALOGUE)[2]]


def test_flags_take_their_values_in_every_usual_way() -> None:
    selection = selected("--endpoint=http", "--endpoint", "grpc", "-j8", "-v", "--build-type", "Debug")
    assert [choice.value for choice in selection.all("endpoint")] == ["http", "grpc"]
    assert (selection.text("build-parallel"), selection.text("build-type")) == ("8", "Debug")
    assert selection.has("verbose")


def test_flags_may_be_cut_short_while_they_stay_unique() -> None:
    assert selected("--dry").has("dryrun")
    assert "may be any of" in problems_of("--no-container")[0]


def test_old_command_lines_follow_two_dashes() -> None:
    selection = selected("--quiet", "--", "--backend=identity:r22.06", "--enable-gpu")
    assert [choice.value for choice in selection.all("backend")] == ["identity:r22.06"]


def test_the_other_name_of_the_container_version_means_the_same() -> None:
    assert selected("--triton-container-version=26.08").text("container-version") == "26.08"


def test_a_secret_takes_two_words() -> None:
    assert (
        selected("--build-secret", "req", "requirements.txt").text("build-secret") == "req=requirements.txt"
    )


def test_enabling_is_one_choice_however_it_is_written() -> None:
    selection = selected("--enable-stats", "--enable=stats")
    assert selection.all("enable") == (Choice("stats", "command line"),)


def test_settings_of_the_catalogue_are_flags() -> None:
    assert selected("--ort-version=1.20.1").text("ort-version") == "1.20.1"


def test_the_command_line_wins_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text(
        'catalogue = "triton"\npreset = "cpu"\nbackend = ["identity:r26.07", "onnxruntime:r26.08"]\n'
        'build_type = "Debug"\nenable-metrics = false\nbuild-parallel = 3\n'
    )
    selection = selected(f"--config={file}", "--backend=identity:main", "--build-type=Release")
    assert dict.fromkeys(selection.all("backend")) == {
        Choice("ensemble", "preset cpu"): None,
        Choice("onnxruntime:r26.08", str(file)): None,
        Choice("python", "preset cpu"): None,
        Choice("identity:main", "command line"): None,
    }
    assert selection.one("build-type") == Choice("Release", "command line")
    assert selection.one("build-parallel") == Choice("3", str(file))
    assert "metrics" not in [choice.value for choice in selection.all("enable")]


def test_the_command_line_chooses_what_a_file_left_out(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('preset = "cpu"\nenable-metrics = false\nwithout = ["grpc"]\n')
    selection = selected(f"--config={file}", "--enable-metrics", "--endpoint=grpc")
    assert Choice("metrics", "command line") in selection.all("enable")
    assert Choice("grpc", "command line") in selection.all("endpoint")
    left = selected(f"--config={file}")
    assert "grpc" not in [choice.value for choice in left.all("endpoint")]


def test_a_file_names_its_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('catalogue = "triton"\n')
    assert named_catalogue(["--dryrun", "--config", str(file)]) == "triton"
    assert named_catalogue([]) == "trilith"


def test_mistakes_of_a_file_are_named_with_their_key(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('backnd = ["x"]\nversion = ["1"]\ndry = 1\nendpoint = 3.5\nno-core-build = "yes"\n')
    found = problems_of(f"--config={file}")
    assert found == [
        f"{file}: backnd: unknown key; did you mean 'backend'?",
        f"{file}: version: takes one value, found a list",
        f"{file}: dry: unknown key; did you mean 'dryrun'?",
        f"{file}: endpoint: expected texts, found 3.5",
        f"{file}: no-core-build: expected true or false, found 'yes'",
    ]


def test_a_file_that_is_not_there_says_so() -> None:
    assert "cannot be read" in problems_of("--config=/nowhere/server.toml")[0]


def test_a_flag_without_its_value_says_what_it_needs() -> None:
    assert problems_of("--backend") == ["--backend needs a value: --backend=NAME[:TAG]"]
    assert problems_of("--dryrun=yes") == ["--dryrun takes no value, found 'yes'"]
    assert problems_of("-x") == ["unknown flag -x"]
    assert problems_of("--backend", "--dryrun") == ["--backend needs a value: --backend=NAME[:TAG]"]


def test_the_value_of_a_misspelt_flag_is_no_mistake_of_its_own() -> None:
    assert problems_of("--endpont", "http") == ["unknown flag --endpont; did you mean --endpoint?"]
    assert select(["--endpont", "http"], CATALOGUE)[1] == []
