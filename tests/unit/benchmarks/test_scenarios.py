from collections import Counter

from benchmarks.models import MODELS
from benchmarks.scenarios import SCENARIOS, Load, Side, models_of, select


def test_every_name_is_given_once() -> None:
    assert [name for name, count in Counter(row.name for row in SCENARIOS).items() if count > 1] == []


def test_every_load_names_a_model_that_its_side_can_serve() -> None:
    for row in SCENARIOS:
        for run in (row.subject, row.peer):
            if isinstance(run, Load):
                assert run.model in MODELS
                assert run.side is Side.TRILITH or MODELS[run.model].peer == run.model


def test_a_name_selects_itself_or_what_stands_under_it() -> None:
    assert [row.name for row in select(["identity/grpc/16"])] == ["identity/grpc/16"]
    assert {row.name.split("/")[0] for row in select(["identity"])} == {"identity"}
    assert {row.name.split("/")[1] for row in select(["*/grpc/1"])} == {"grpc"}
    assert select([]) == list(SCENARIOS)


def test_a_server_holds_only_the_models_that_are_asked_for() -> None:
    assert models_of(select(["mlp/grpc/16"]), Side.TRILITH) == ("mlp",)
    assert models_of(select(["mlp/grpc/16"]), Side.TRITON) == ("identity",)
    assert models_of(select(["resident"]), Side.TRITON) == ()
