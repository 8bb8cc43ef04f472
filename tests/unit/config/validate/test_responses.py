from collections.abc import Callable


def test_answers_of_a_decoupled_model_are_not_cached(field_problems: Callable[[str], list[str]]) -> None:
    text = "model_transaction_policy { decoupled: true } response_cache { enable: true }"

    assert field_problems(text) == ["response_cache"]
