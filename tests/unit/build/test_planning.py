"""Plans: what follows from a selection, and which selections cannot be."""

import time
from collections.abc import Callable

import pytest

from trilith.build import Plan
from trilith.build.catalogue import load
from trilith.build.validation import validate
from trilith.build.words import select

Planned = Callable[..., Plan]
Refused = Callable[..., list[str]]

ARTICLE = (
    "-v --backend=identity --enable-logging --enable-stats --enable-metrics --enable-cpu-metrics "
    "--endpoint=http --endpoint=grpc --dryrun"
)


def defines(plan: Plan, key: str) -> dict[str, str]:
    part = plan.part(key)
    assert part is not None
    return {define.name: define.value for define in part.defines}


@pytest.mark.parametrize("catalogue", ["triton", "trilith"])
def test_the_usual_command_line_works_in_both_catalogues(planned: Planned, catalogue: str) -> None:
    keys = {part.key for part in planned(ARTICLE, catalogue).parts}
    assert {"core.server", "backend.identity", "endpoint.http", "endpoint.grpc"} <= keys


def test_a_plan_takes_less_than_300_ms(planned: Planned) -> None:
    planned(ARTICLE)
    start = time.process_time()  # what it takes itself, however busy the machine is
    planned(ARTICLE)
    assert time.process_time() - start < 0.3


def test_features_become_arguments(planned: Planned) -> None:
    told = defines(planned(ARTICLE), "core.server")
    assert told["TRITON_ENABLE_GRPC"] == told["TRITON_ENABLE_METRICS_CPU"] == "ON"
    assert told["TRITON_ENABLE_SAGEMAKER"] == told["TRITON_ENABLE_GPU"] == "OFF"


def test_each_part_says_why_it_is_there(planned: Planned) -> None:
    reasons = {part.key: part.reason for part in planned(ARTICLE).parts}
    assert reasons["backend.identity"] == "command line"
    assert reasons["core.common"] == "needed by core.core"


def test_what_is_needed_comes_first(planned: Planned) -> None:
    keys = [part.key for part in planned("--preset=cpu --backend=vllm --image=inference,mine").parts]
    for part in planned("--preset=cpu --backend=vllm --image=inference,mine").parts:
        assert all(keys.index(need) < keys.index(part.key) for need in part.component.requires)


def test_a_component_brings_those_it_needs_and_they_are_built(planned: Planned) -> None:
    plan = planned("--backend=vllm --endpoint=http --image=inference,mine")
    assert "backend.python" in {part.key for part in plan.built}


def test_the_closure_holds_what_submodules_lie_in(planned: Planned) -> None:
    assert "third_party.grpc-repo" in {item.part.key for item in planned(ARTICLE).closure}


def test_nothing_is_pulled_in_that_was_not_chosen(planned: Planned) -> None:
    keys = {item.part.key for item in planned("--endpoint=http").closure}
    assert not keys & {"third_party.grpc", "third_party.aws-sdk-cpp", "third_party.prometheus-cpp"}


def test_a_metrics_endpoint_is_the_metrics_feature(planned: Planned) -> None:
    plan = planned("--endpoint=http --endpoint=metrics --enable-stats")
    assert defines(plan, "core.server")["TRITON_ENABLE_METRICS"] == "ON"


def test_the_container_version_decides_the_tags(planned: Planned) -> None:
    plan = planned("--endpoint=http --backend=identity --container-version=26.07")
    assert {part.ref for part in plan.parts if part.address} == {"r26.07"}
    assert plan.version.text == "2.71.0"
    assert plan.settings["ort-version"].text == "1.27.0"


def test_tags_that_agree_decide_the_container_version(planned: Planned) -> None:
    line = "--endpoint=http --repo-tag=common:r22.06 --repo-tag=core:r22.06 --backend=identity:r22.06"
    plan = planned(line)
    assert (plan.container_version.text, plan.version.text) == ("22.06", "2.23.0")
    assert {part.ref for part in plan.parts if part.address} == {"r22.06"}


def test_a_development_version_follows_the_main_branch(planned: Planned) -> None:
    assert {part.ref for part in planned(ARTICLE).parts if part.address} == {"main"}


def test_a_pull_request_is_a_ref(planned: Planned) -> None:
    part = planned("--endpoint=http --backend=identity:pull/12/head").part("backend.identity")
    assert part is not None
    assert part.ref == "pull/12/head"


def test_arguments_can_be_added_and_overridden(planned: Planned) -> None:
    plan = planned(
        "--endpoint=http --backend=onnxruntime --extra-core-cmake-arg=TRITON_ENABLE_ASAN=ON "
        "--override-core-cmake-arg=TRITON_ENABLE_NVTX=ON "
        "--extra-backend-cmake-arg=onnxruntime:TRITON_ONNXRUNTIME_LIB_PATHS:PATH=/opt/o=rt "
        "--override-backend-cmake-arg=onnxruntime:TRITON_BUILD_ONNXRUNTIME_VERSION=9"
    )
    core, backend = defines(plan, "core.server"), defines(plan, "backend.onnxruntime")
    assert core["TRITON_ENABLE_ASAN"] == core["TRITON_ENABLE_NVTX"] == "ON"
    assert backend["TRITON_ONNXRUNTIME_LIB_PATHS"] == "/opt/o=rt"
    assert backend["TRITON_BUILD_ONNXRUNTIME_VERSION"] == "9"
    assert not any("containers of its own" in note for note in plan.notes)


def test_a_backend_that_starts_containers_is_noted(planned: Planned) -> None:
    notes = planned("--endpoint=http --backend=onnxruntime").notes
    assert any("TRITON_ONNXRUNTIME_LIB_PATHS" in note for note in notes)


def test_another_organization_reaches_arguments_clones_and_nested_clones(planned: Planned) -> None:
    plan = planned("--endpoint=http --backend=identity --github-organization=https://mirror.example/t/")
    part = plan.part("backend.identity")
    assert part is not None
    assert part.address == "https://mirror.example/t/identity_backend.git"
    assert defines(plan, "backend.identity")["TRITON_REPO_ORGANIZATION"] == "https://mirror.example/t"
    assert plan.mirrors.send("git", "https://github.com/triton-inference-server/common.git") == (
        "https://mirror.example/t/common.git"
    )


def test_equal_decisions_have_equal_digests(planned: Planned) -> None:
    one = planned(ARTICLE)
    assert one.digest == planned(f"{ARTICLE} --build-dir=elsewhere").digest
    assert one.digest != planned(f"{ARTICLE} --backend=square").digest


def test_a_preset_can_be_added_to_and_taken_from(planned: Planned) -> None:
    plan = planned("--preset=cpu --without=grpc --backend=square")
    keys = {part.key for part in plan.parts}
    assert "endpoint.grpc" not in keys
    assert {"backend.square", "backend.onnxruntime"} <= keys
    part = plan.part("backend.onnxruntime")
    assert part is not None
    assert part.reason == "preset cpu"


@pytest.mark.parametrize("preset", ["minimal", "cpu", "edge"])
@pytest.mark.parametrize("catalogue", ["triton", "trilith"])
def test_presets_can_be_built(planned: Planned, preset: str, catalogue: str) -> None:
    assert planned(f"--preset={preset}", catalogue).parts


def test_everything_is_every_brick_that_ships(planned: Planned) -> None:
    bricks = {key for key, part in load("trilith").components.items() if part.folder}
    for line in ("--preset=full", "--enable-all"):
        assert bricks <= {part.key for part in planned(line, "trilith").parts}


@pytest.mark.parametrize("line", ["--preset=gpu", "--enable-all"])
def test_images_of_a_registry_need_its_name(planned: Planned, refused: Refused, line: str) -> None:
    assert any("--image=base,IMAGE or --container-registry" in text for text in refused(line))
    assert (
        planned(f"{line} --container-registry=registry.example")
        .images["base"]
        .startswith("registry.example/nvidia/tritonserver:")
    )
    assert planned(f"{line} --no-container-build").parts


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("--endpoint=htp", "--endpoint=htp (command line): there is no endpoint 'htp'; did you mean 'http'?"),
        (
            "--endpoint=http --enable-metrics",
            "--enable-metrics needs --enable-stats; add it, or leave it out",
        ),
        (
            "--endpoint=http --build-type=Fast",
            "--build-type=Fast: there is no such type; there are Release, Debug",
        ),
        ("--endpoint=http --target-machine=riscv", "--target-machine=riscv: there is no such machine"),
        ("--endpoint=http --extra-core-cmake-arg=NO=1", "core.server declares no option 'NO'"),
        (
            "--endpoint=http --extra-backend-cmake-arg=fil:A=1",
            "backend 'fil' is not in the build; add --backend=fil",
        ),
        ("--endpoint=http --repo-tag=cor:main", "there is no repository 'cor'; did you mean 'core'?"),
        ("--endpoint=http --image=bas,x", "no image is called 'bas'; did you mean 'base'?"),
        ("--endpoint=http -j0", "--build-parallel=0: expected a whole number above 0"),
        (
            "--endpoint=http --container-version=latest",
            "--container-version=latest: expected YY.MM or YY.MMdev",
        ),
        ("--endpoint=http --version=2.71.0 --container-version=26.08", "26.08 holds 2.72.0"),
        ("--endpoint=http --container-version=26.08 --backend=fil:r26.07", "do not go together"),
        (
            "--endpoint=http --backend=tensorrt",
            "backend.tensorrt needs a GPU; add --enable-gpu, or leave it out",
        ),
        ("--endpoint=http --backend=armnn_tflite", "backend.armnn_tflite is not for machine x86_64"),
        ("--endpoint=http --override-core-cmake-arg=TRITON_ENABLE_ASAN=ON", "use --extra-core-cmake-arg"),
        ("--endpoint=http --preset=tiny", "there is no preset 'tiny'"),
        ("--endpoint=http --backnd=x", "unknown flag --backnd; did you mean --backend?"),
        ("--endpoint=http --build-presets-file=x", "write a server.toml"),
        ("--endpoint=http --enable-metrix", "--enable-metrix: there is no feature 'metrix'; did you mean"),
        ("--endpoint=http --build-dir=", "--build-dir (command line) needs a value"),
        ("--endpoint=http --without=htp", "there is nothing of that name to leave out; did you mean 'http'?"),
        ("--endpoint=http --without=server", "that is the server itself; write --no-core-build"),
        ("--endpoint=http --backend=vllm --without=python --image=inference,x", "backend.vllm needs it"),
        (
            "--endpoint=http --backend=identity --backend=fi;l --extra-backend-cmake-arg=idntity:A=1",
            "backend 'idntity' is not in the build; did you mean 'identity'?",
        ),
        (
            "--endpoint=http --backend=identity --extra-backend-cmake-arg=identity:NO=1",
            "--extra-backend-cmake-arg=identity:NO=1: backend.identity declares no option 'NO'",
        ),
        (
            "--endpoint=http --cmake-dir=/src",
            "--cmake-dir=/src: a build in containers does not see folders of this machine",
        ),
        ("--endpoint=http --target-platform=rhel", "for platform rhel stand on; add --image=base,IMAGE"),
        ("", "no endpoint is chosen"),
    ],
)
def test_what_cannot_be_is_refused(refused: Refused, line: str, expected: str) -> None:
    assert expected in "\n".join(refused(line))


def test_everything_wrong_is_reported_together(refused: Refused) -> None:
    found = refused("--enable-metrics --backend=identty --build-type=x --repo-tag=a:b --nonsense")
    assert len(found) == 6


@pytest.mark.parametrize(
    "value", ["identity;touch x", "$(touch x)", "identity:r1;touch", "identity:-f", "../x", "identity:`x`"]
)
def test_hostile_names_are_refused(value: str) -> None:
    catalogue = load("triton")
    selection, _, _ = select([f"--backend={value}", "--endpoint=http"], catalogue)
    assert list(validate(selection, catalogue))


def test_flags_of_cmake_have_no_meaning_for_wheels(refused: Refused) -> None:
    found = refused("--endpoint=http --extra-core-cmake-arg=A=1", "trilith")
    assert any("has no meaning for the catalogue trilith" in text for text in found)


def test_flags_that_have_no_meaning_are_named_once(refused: Refused) -> None:
    assert refused("--endpoint=http --repo-tag=core:main", "trilith") == [
        "--repo-tag has no meaning for the catalogue trilith; leave it out"
    ]


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--container-version=24.10", "--container-version has no meaning for the catalogue trilith"),
        ("--no-core-build", "--no-core-build has no meaning for the catalogue trilith"),
        ("--backend=identity:r24.09", "it has no repository of its own; write --backend=identity"),
    ],
)
def test_a_release_of_upstream_is_refused_once(refused: Refused, flag: str, expected: str) -> None:
    (told,) = refused(f"--endpoint=http {flag}", "trilith")
    assert expected in told


def test_folders_of_this_machine_are_for_builds_on_it(planned: Planned) -> None:
    assert planned("--endpoint=http --cmake-dir=/src --no-container-build").folders.source == "/src"
    line = "--endpoint=http --cmake-dir=/src --container-build"
    assert planned(line, "trilith").folders.source == "/src"


def test_what_a_machine_needs_for_gpus_is_noted_where_it_builds_itself(planned: Planned) -> None:
    notes = "\n".join(planned("--preset=gpu --no-container-build").notes)
    assert "feature.gpu is built on this machine, which needs the CUDA toolkit" in notes
    assert "backend.tensorrt is built on this machine, which needs TensorRT" in notes
    contained = planned("--preset=gpu --container-registry=registry.example").notes
    assert "built on this machine" not in "\n".join(contained)


def test_metrics_of_this_server_bring_their_statistics(planned: Planned, refused: Refused) -> None:
    part = planned("--endpoint=http --enable-metrics", "trilith").part("feature.stats")
    assert part is not None
    assert part.reason == "needed by feature.metrics"
    found = refused("--endpoint=http --enable-metrics --without=stats", "trilith")
    assert found == [
        "--without=stats (command line): feature.metrics needs it; leave feature.metrics out too"
    ]


def test_a_server_for_gpus_comes_with_their_libraries(planned: Planned) -> None:
    def requirements(line: str) -> tuple[str, ...]:
        part = planned(line, "trilith").part("backend.onnxruntime")
        assert part is not None
        return part.component.python_requirements

    assert requirements("--preset=gpu") == ("onnxruntime-gpu>=1.18",)
    assert requirements("--preset=cpu") == ("onnxruntime>=1.18",)
    assert requirements("--preset=cpu --enable-gpu") == requirements("--preset=gpu")
    sizes = {
        preset: sum(part.component.size_megabytes for part in planned(f"--preset={preset}", "trilith").parts)
        for preset in ("cpu", "gpu")
    }
    assert sizes["gpu"] > 2 * sizes["cpu"]
    assert planned("--preset=gpu", "trilith").digest != planned("--preset=cpu", "trilith").digest


def test_a_flag_that_says_nothing_any_more_is_taken_and_told(planned: Callable[..., Plan]) -> None:
    line = "--no-container-build --endpoint=http"
    notes = planned(f"{line} --vllm-version=0.11.1", "triton").notes
    assert any(note.startswith("--vllm-version does nothing: vLLM comes with the image") for note in notes)
    assert not any("vllm" in note for note in planned(line, "triton").notes)
