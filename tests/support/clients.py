"""The four clients of the package ``tritonclient`` behind one face, so that one test drives them all."""

import asyncio
import importlib
from collections.abc import Callable, Mapping
from types import ModuleType, TracebackType
from typing import Any, Self

import numpy as np

from support.server import ServerProcess

KINDS = ("http", "grpc", "http.aio", "grpc.aio")


class Client:
    """One of the clients; its methods are called alike, whether they are coroutines or not."""

    def __init__(self, kind: str, server: ServerProcess, **options: Any) -> None:
        """Connect to the door that this kind speaks to."""
        self.kind = kind
        self.is_http = kind.startswith("http")
        self.is_asynchronous = kind.endswith("aio")
        self._loop = asyncio.new_event_loop()
        self.module: ModuleType = importlib.import_module(f"tritonclient.{kind}")
        self.types: ModuleType = importlib.import_module(f"tritonclient.{kind.removesuffix('.aio')}")
        url = server.http if self.is_http else server.grpc
        self.inner: Any = self.call(lambda: self.module.InferenceServerClient(url, **options))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.call(self.inner.close)
        self._loop.close()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.inner, name)
        return lambda *positional, **named: self.call(method, *positional, **named)

    def call(self, function: Callable[..., Any], *positional: Any, **named: Any) -> Any:
        """Call a function, and wait for what it gives back if that has to be waited for."""

        async def enter() -> Any:
            result = function(*positional, **named)
            return await result if asyncio.iscoroutine(result) else result

        return (
            self._loop.run_until_complete(enter()) if self.is_asynchronous else function(*positional, **named)
        )

    def describe(self, method: str, *positional: Any, **named: Any) -> Any:
        """Call a method that describes something; the answer as JSON says it, on every wire."""
        if not self.is_http:
            named["as_json"] = True
        return getattr(self, method)(*positional, **named)

    def send(
        self, model: str, arrays: Mapping[str, Any], *, binary: bool = True, **named: Any
    ) -> dict[str, Any]:
        """Ask a model; its outputs by name. ``binary`` is for inputs and requested outputs over HTTP."""
        result = self.infer(model, self.inputs(arrays, binary=binary), **named)
        return self.read(result)

    def read(self, result: Any) -> dict[str, Any]:
        """Take the arrays out of an answer."""
        response = result.get_response()
        names = [
            output["name"] if self.is_http else output.name
            for output in (response.get("outputs", []) if self.is_http else response.outputs)
        ]
        return {name: result.as_numpy(name) for name in names}

    def inputs(self, arrays: Mapping[str, Any], *, binary: bool = True) -> list[Any]:
        """Make the inputs of a request."""
        return [self.input(name, array, binary=binary) for name, array in arrays.items()]

    def input(self, name: str, array: Any, *, binary: bool = True, datatype: str = "") -> Any:
        """Make one input; its datatype follows from the array unless named."""
        from tritonclient.utils import np_to_triton_dtype  # noqa: PLC0415  slow to import

        array = np.asarray(array)
        made = self.types.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
        if self.is_http:
            made.set_data_from_numpy(array, binary_data=binary)
        else:
            made.set_data_from_numpy(array)
        return made

    def output(self, name: str, *, binary: bool = True, classes: int = 0) -> Any:
        """Ask for one output."""
        if self.is_http:
            return self.types.InferRequestedOutput(name, binary_data=binary, class_count=classes)
        return self.types.InferRequestedOutput(name, class_count=classes)
