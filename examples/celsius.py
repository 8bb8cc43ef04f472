"""Write a network small enough to be read byte by byte: degrees Fahrenheit in, degrees Celsius out.

Usage: ``python examples/celsius.py MODEL.onnx``.

An ONNX file is a protobuf message; field numbers are those of ``onnx.proto``. The network comes without
a ``config.pbtxt``, so that the server completes its configuration from the network itself.
"""

import struct
import sys
from pathlib import Path

FLOAT = 1
# The oldest versions that hold what is used here, so that every ONNX Runtime reads them.
IR_VERSION = 8
OPERATOR_SET = 13


def number(field: int, value: int) -> bytes:
    """Encode a number below 128."""
    return bytes([field << 3, value])


def message(field: int, *parts: bytes) -> bytes:
    """Encode a message, a string or bytes shorter than 16384."""
    content = b"".join(parts)
    length = len(content)
    prefix = bytes([length]) if length < 128 else bytes([length & 127 | 128, length >> 7])  # noqa: PLR2004 - a varint
    return bytes([field << 3 | 2]) + prefix + content


def constant(name: str, value: float) -> bytes:
    """Encode an initializer of the graph: one float without dimensions."""
    return message(5, number(2, FLOAT), message(8, name.encode()), message(9, struct.pack("<f", value)))


def node(operator: str, inputs: list[str], output: str) -> bytes:
    """Encode an operation of the graph."""
    names = [message(1, name.encode()) for name in inputs]
    return message(1, *names, message(2, output.encode()), message(4, operator.encode()))


def tensor(field: int, name: str) -> bytes:
    """Encode an input or output of the graph: FP32[any number, 1]."""
    any_number, one = message(1, message(2, b"N")), message(1, number(1, 1))
    kind = message(1, number(1, FLOAT), message(2, any_number, one))
    return message(field, message(1, name.encode()), message(2, kind))


def network() -> bytes:
    """Encode celsius = (fahrenheit - 32) / 1.8."""
    graph = message(
        7,
        node("Sub", ["fahrenheit", "freezing"], "above_freezing"),
        node("Div", ["above_freezing", "ratio"], "celsius"),
        message(2, b"celsius"),
        constant("freezing", 32.0),
        constant("ratio", 1.8),
        tensor(11, "fahrenheit"),
        tensor(12, "celsius"),
    )
    return number(1, IR_VERSION) + graph + message(8, number(2, OPERATOR_SET))


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(network())
