"""What is known of a component, as text."""

from trilith.build.catalogue import load
from trilith.build.explaining import components, explain, known_names

TRITON, OWN = load("triton"), load("trilith")


def test_a_component_says_how_it_is_chosen_and_which_presets_have_it() -> None:
    told = explain(OWN, "http").splitlines()
    assert told[0].startswith("endpoint.http: ")
    assert "    chosen by: --endpoint=http" in told
    assert "    in presets: minimal, cpu, gpu, edge, full" in told
    assert "    listens on: port 8000, unless --http-port says otherwise" in told


def test_a_name_that_several_have_is_explained_for_each() -> None:
    assert [
        line for line in explain(TRITON, "metrics").splitlines() if not line.startswith(" ") and line
    ] == [
        "endpoint.metrics: Prometheus text; the same as --enable-metrics",
        "feature.metrics: Prometheus text",
    ]


def test_what_must_be_chosen_too_is_named() -> None:
    assert "    not without: --enable-stats" in explain(TRITON, "feature.metrics").splitlines()


def test_a_library_says_what_lies_inside_it() -> None:
    assert "third_party.protobuf" in explain(TRITON, "grpc-repo")


def test_presets_and_settings_are_explained() -> None:
    assert "    endpoint: http, grpc" in explain(TRITON, "cpu").splitlines()
    assert "26.08: 1.28.0" in explain(TRITON, "--ort-version")


def test_a_library_can_be_handed_over() -> None:
    assert (
        "    handed over with: --component=onnxruntime=FOLDER" in explain(TRITON, "onnxruntime").splitlines()
    )


def test_what_nobody_knows_is_empty() -> None:
    assert not explain(OWN, "nothing")


def test_every_known_name_is_explained_and_every_component_listed() -> None:
    for catalogue in (OWN, TRITON):
        listed = components(catalogue)
        assert all(explain(catalogue, name) for name in known_names(catalogue))
        assert all(f"    {part.name}" in listed for part in catalogue.components.values())
