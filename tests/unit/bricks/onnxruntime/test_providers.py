from typing import Any

from trilith.bricks.backends.onnxruntime.providers import CPU, choose_providers

EVERY = [
    "TensorrtExecutionProvider",
    "CUDAExecutionProvider",
    "OpenVINOExecutionProvider",
    "CPUExecutionProvider",
]


def choose(
    document: dict[str, Any], device: int | None
) -> tuple[list[tuple[str, dict[str, str]]], list[str]]:
    providers, problems = choose_providers(document, device, EVERY)
    assert providers[-1] == CPU
    return [(name, dict(options)) for name, options in providers[:-1]], problems


def accelerate(role: str, name: str, **parameters: str) -> dict[str, Any]:
    accelerator = {"name": name, "parameters": parameters}
    return {"optimization": {"execution_accelerators": {f"{role}_execution_accelerator": [accelerator]}}}


def test_on_the_cpu_there_is_the_cpu_alone() -> None:
    assert choose(accelerate("gpu", "tensorrt"), None) == ([], [])


def test_on_a_gpu_cuda_has_triton_s_defaults() -> None:
    defaults = {
        "device_id": "2",
        "cudnn_conv_algo_search": "EXHAUSTIVE",
        "arena_extend_strategy": "kNextPowerOfTwo",
        "do_copy_in_default_stream": "1",
    }
    assert choose({}, 2) == ([("CUDAExecutionProvider", defaults)], [])


def test_parameters_of_the_model_choose_options_of_cuda_by_number() -> None:
    parameters = {
        "cudnn_conv_algo_search": "1",
        "arena_extend_strategy": "1",
        "gpu_mem_limit": "1000",
        "do_copy_in_default_stream": "0",
    }
    document = {"parameters": {key: {"string_value": text} for key, text in parameters.items()}}
    ((_, options),), problems = choose(document, 0)
    assert not problems
    assert options == {
        "device_id": "0",
        "cudnn_conv_algo_search": "HEURISTIC",
        "arena_extend_strategy": "kSameAsRequested",
        "gpu_mem_limit": "1000",
        "do_copy_in_default_stream": "0",
    }


def test_parameters_of_the_accelerator_win_over_those_of_the_model() -> None:
    document = accelerate("gpu", "cuda", cudnn_conv_algo_search="DEFAULT", use_ep_level_unified_stream="1")
    ((_, options),), _ = choose(document, 0)
    assert options["cudnn_conv_algo_search"] == "DEFAULT"
    assert options["use_ep_level_unified_stream"] == "1"


def test_tensorrt_comes_before_cuda_with_its_options_translated() -> None:
    document = accelerate(
        "gpu",
        "tensorrt",
        precision_mode="FP16",
        max_workspace_size_bytes="1073741824",
        trt_engine_cache_enable="1",
        trt_dump_subgraphs="false",
        trt_engine_cache_path="cache",
    )
    providers, problems = choose(document, 1)
    assert not problems
    assert [name for name, _ in providers] == ["TensorrtExecutionProvider", "CUDAExecutionProvider"]
    assert providers[0][1] == {
        "device_id": "1",
        "trt_fp16_enable": "True",
        "trt_max_workspace_size": "1073741824",
        "trt_engine_cache_enable": "True",
        "trt_dump_subgraphs": "False",
        "trt_engine_cache_path": "cache",
    }


def test_openvino_serves_the_cpu() -> None:
    assert choose(accelerate("cpu", "openvino"), None)[0] == [
        ("OpenVINOExecutionProvider", {"device_type": "CPU"})
    ]


def test_every_wrong_wish_is_named() -> None:
    document = accelerate(
        "gpu", "tensorrt", precision_mode="FP7", speed="high", trt_cuda_graph_enable="maybe"
    )
    document["optimization"]["execution_accelerators"]["cpu_execution_accelerator"] = [{"name": "abacus"}]
    document["parameters"] = {"cudnn_conv_algo_search": {"string_value": "9"}}
    _, problems = choose(document, 0)
    text = "\n".join(problems)
    assert "precision_mode is 'FP7', expected FP32, FP16, BF16 or INT8" in text
    assert "unknown parameter 'speed' of the execution accelerator 'tensorrt'" in text
    assert "parameter 'trt_cuda_graph_enable' is 'maybe', expected 1 or 0" in text
    assert "unknown CPU execution accelerator 'abacus', expected 'openvino'" in text
    assert (
        "'cudnn_conv_algo_search' is '9', expected one of 0 (EXHAUSTIVE), 1 (HEURISTIC), 2 (DEFAULT)" in text
    )


def test_a_provider_that_the_build_lacks_is_a_problem() -> None:
    _, problems = choose_providers({}, 0, ["CPUExecutionProvider"])
    assert len(problems) == 1
    assert "has no CUDAExecutionProvider" in problems[0]
