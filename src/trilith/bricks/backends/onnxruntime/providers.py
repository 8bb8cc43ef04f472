"""Which execution providers a model runs on, and with which options."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from trilith.bricks.backends.onnxruntime.parameters import ParameterReader, flatten_parameters

Provider: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""Its name in ONNX Runtime and its options, sorted."""

CPU: Provider = ("CPUExecutionProvider", ())

_TENSORRT_NAMES = {
    "max_workspace_size_bytes": "trt_max_workspace_size",
    "int8_calibration_table_name": "trt_int8_calibration_table_name",
    "int8_use_native_calibration_table": "trt_int8_use_native_calibration_table",
}
_TENSORRT_PRECISIONS = {
    "FP32": "",
    "FP16": "trt_fp16_enable",
    "BF16": "trt_bf16_enable",
    "INT8": "trt_int8_enable",
}
_TENSORRT_SWITCHES = frozenset(
    {
        "trt_int8_use_native_calibration_table",
        "trt_dump_subgraphs",
        "trt_force_sequential_engine_build",
        "trt_layer_norm_fp32_fallback",
        "trt_force_timing_cache",
        "trt_detailed_build_log",
        "trt_dump_ep_context_model",
    }
)
"""Switches whose name does not end in ``_enable``."""

_SEARCHES = ("EXHAUSTIVE", "HEURISTIC", "DEFAULT")
_STRATEGIES = ("kNextPowerOfTwo", "kSameAsRequested")


def choose_providers(
    document: Mapping[str, Any], device: int | None, available: Sequence[str]
) -> tuple[tuple[Provider, ...], list[str]]:
    """Choose the providers of one session, most wanted first and the CPU always last.

    Args:
        document: the model configuration.
        device: number of the GPU, ``None`` for the CPU.
        available: names of the providers that the installed build offers.

    Returns:
        The providers, and what is wrong with the wish for them.
    """
    problems: list[str] = []
    accelerators = document.get("optimization", {}).get("execution_accelerators", {})
    wanted: list[Provider] = []
    if device is not None:
        wanted += _choose_gpu(document, accelerators, device, problems)
    wanted += _choose_cpu(accelerators, problems)
    problems += [
        f"the installed build of ONNX Runtime has no {name} (it has {', '.join(available)}); "
        f"install one that has, such as onnxruntime-gpu for CUDA and TensorRT"
        for name, _ in wanted
        if name not in available
    ]
    return (*wanted, CPU), problems


def _choose_gpu(
    document: Mapping[str, Any], accelerators: Mapping[str, Any], device: int, problems: list[str]
) -> Iterator[Provider]:
    options = _read_cuda_parameters(document, problems)
    for accelerator in accelerators.get("gpu_execution_accelerator", ()):
        name = accelerator.get("name", "")
        parameters = accelerator.get("parameters", {})
        if name == "tensorrt":
            tensorrt = _read_tensorrt_parameters(parameters, problems)
            yield _make_provider("TensorrtExecutionProvider", tensorrt, device)
        elif name == "cuda":
            options |= parameters
        else:
            problems.append(f"unknown GPU execution accelerator '{name}', expected 'tensorrt' or 'cuda'")
    yield _make_provider("CUDAExecutionProvider", options, device)


def _make_provider(name: str, options: Mapping[str, str], device: int) -> Provider:
    return name, tuple(sorted({**options, "device_id": str(device)}.items()))


def _choose_cpu(accelerators: Mapping[str, Any], problems: list[str]) -> Iterator[Provider]:
    for accelerator in accelerators.get("cpu_execution_accelerator", ()):
        name = accelerator.get("name", "")
        if name == "openvino":
            options = {"device_type": "CPU", **accelerator.get("parameters", {})}
            yield "OpenVINOExecutionProvider", tuple(sorted(options.items()))
        else:
            problems.append(f"unknown CPU execution accelerator '{name}', expected 'openvino'")


def _read_cuda_parameters(document: Mapping[str, Any], problems: list[str]) -> dict[str, str]:
    reader = ParameterReader(flatten_parameters(document))
    options = {
        "cudnn_conv_algo_search": reader.read_choice("cudnn_conv_algo_search", _SEARCHES),
        "arena_extend_strategy": reader.read_choice("arena_extend_strategy", _STRATEGIES),
        "do_copy_in_default_stream": "0" if reader.read_switch("do_copy_in_default_stream") is False else "1",
    }
    if limit := reader.read_integer("gpu_mem_limit"):
        options["gpu_mem_limit"] = str(limit)
    problems += reader.problems
    return options


def _read_tensorrt_parameters(parameters: Mapping[str, str], problems: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    reader = ParameterReader(parameters)
    for key, text in parameters.items():
        option = _TENSORRT_NAMES.get(key, key)
        if key == "precision_mode":
            if text not in _TENSORRT_PRECISIONS:
                problems.append(f"TensorRT's precision_mode is '{text}', expected FP32, FP16, BF16 or INT8")
            elif switch := _TENSORRT_PRECISIONS[text]:
                options[switch] = "True"
        elif not option.startswith("trt_"):
            problems.append(f"unknown parameter '{key}' of the execution accelerator 'tensorrt'")
        elif option.endswith("_enable") or option in _TENSORRT_SWITCHES:
            options[option] = str(reader.read_switch(key))
        else:
            options[option] = text
    problems += reader.problems
    return options
