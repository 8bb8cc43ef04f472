import pytest

from trilith.config.spelling import nearest, suggest, suggest_value

FIELDS = ["max_batch_size", "backend", "platform", "input", "output", "dims"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("max_batchsize", "max_batch_size"),
        ("maxBatchSize", "max_batch_size"),
        ("bakend", "backend"),
        ("bcakend", "backend"),
        ("inptu", "input"),
        ("dim", "dims"),
    ],
)
def test_a_misspelled_word_leads_to_the_one_that_was_meant(word: str, meant: str) -> None:
    assert nearest(word, FIELDS) == meant


def test_a_word_unlike_any_other_leads_nowhere() -> None:
    assert nearest("flux_capacitor", FIELDS) == ""
    assert suggest("flux_capacitor", FIELDS) == ""


def test_a_name_without_its_prefix_is_found() -> None:
    assert nearest("fp32", ["TYPE_FP16", "TYPE_FP32"]) == "TYPE_FP32"


def test_names_that_other_frameworks_use_are_known() -> None:
    names = ["TYPE_INVALID", "TYPE_FP32", "TYPE_STRING"]

    assert suggest_value("TYPE_BYTES", names) == "did you mean 'TYPE_STRING'?"
    assert suggest_value("float", names) == "did you mean 'TYPE_FP32'?"
    assert suggest_value("quaternion", names) == "they are TYPE_FP32, TYPE_STRING"
