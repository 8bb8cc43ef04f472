"""Asks another model, in the way that the parameter ``mode`` says, and answers with the sum of what came."""

import asyncio
import json
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """Written as for Triton."""

    async def execute(self, requests: list[Any]) -> list[Any]:
        """Answer a batch."""
        return [await self.answer(request) for request in requests]

    async def answer(self, request: Any) -> Any:
        """Answer one request."""
        parameters = json.loads(request.parameters())
        call = pb_utils.InferenceRequest(
            model_name=parameters["model"],
            requested_output_names=["OUT"],
            inputs=[pb_utils.Tensor("COUNT", pb_utils.get_input_tensor_by_name(request, "COUNT").as_numpy())],
            request_id="from inside",
            parameters={"model": parameters.get("then", ""), "mode": parameters.get("its_mode", "count")},
        )
        mode = parameters.get("mode", "exec")
        told = {}
        if mode == "exec":
            responses = [call.exec()]
        elif mode == "async":
            responses = list(await asyncio.gather(*(call.async_exec() for _ in range(20))))
        elif mode == "stream":
            iterator = call.exec(decoupled=True)
            responses = list(iterator)
            told["again"] = len(list(iterator))
        elif mode == "async_stream":
            responses = [response async for response in await call.async_exec(decoupled=True)]
        else:
            responses = []
            told["ready"] = pb_utils.is_model_ready(parameters["model"])
        return summarize(responses, told)


def summarize(responses: list[Any], told: dict[str, Any]) -> Any:
    """Return a response with the sum, and what else there is to say as parameters."""
    total = 0
    for response in responses:
        if response.has_error():
            told["error"], told["code"] = response.error().message(), int(response.error().code())
            continue
        inner = json.loads(response.parameters())
        if "error" in inner:
            told["error"] = inner["error"]
        tensor = pb_utils.get_output_tensor_by_name(response, "OUT")
        total += int(tensor.as_numpy()[0]) if tensor is not None else 0
    told["responses"] = len(responses)
    return pb_utils.InferenceResponse([pb_utils.Tensor("OUT", np.array([total], np.int32))], parameters=told)
