"""Write the network of the example model ``list_sums``.

Usage: ``python examples/ragged/make_model.py``; it takes the package ``onnx``.
"""

import argparse
import sys
from pathlib import Path

import onnx
from onnx import TensorProto, helper


def make_model() -> onnx.ModelProto:
    """Add up everything from the start, and take what lies between the bounds of each list."""
    nodes = [
        helper.make_node("Constant", [], ["nothing"], value_floats=[0.0]),
        helper.make_node("Constant", [], ["first_axis"], value_int=0),
        helper.make_node("Constant", [], ["zero"], value_ints=[0]),
        helper.make_node("Constant", [], ["one"], value_ints=[1]),
        helper.make_node("Constant", [], ["last"], value_ints=[-1]),
        helper.make_node("Constant", [], ["end"], value_ints=[2**31 - 1]),
        helper.make_node("CumSum", ["NUMBERS", "first_axis"], ["sums"]),
        helper.make_node("Concat", ["nothing", "sums"], ["sums_before"], axis=0),
        helper.make_node("Gather", ["sums_before", "BOUNDS"], ["at_bounds"]),
        helper.make_node("Slice", ["at_bounds", "zero", "last"], ["at_begin"]),
        helper.make_node("Slice", ["at_bounds", "one", "end"], ["at_end"]),
        helper.make_node("Sub", ["at_end", "at_begin"], ["of_each"]),
        helper.make_node("Unsqueeze", ["of_each", "one"], ["SUM"]),
    ]
    numbers = helper.make_tensor_value_info("NUMBERS", TensorProto.FLOAT, ["numbers"])
    bounds = helper.make_tensor_value_info("BOUNDS", TensorProto.INT32, ["bounds"])
    total = helper.make_tensor_value_info("SUM", TensorProto.FLOAT, ["lists", 1])
    graph = helper.make_graph(nodes, "list_sums", [numbers, bounds], [total])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def main(arguments: list[str]) -> int:
    """Write the network beside its configuration."""
    parser = argparse.ArgumentParser(description="Write the network of the model list_sums.")
    here = Path(__file__).parent / "list_sums"
    parser.add_argument(
        "folder", nargs="?", type=Path, default=here, help="of the model (default %(default)s)"
    )
    target: Path = parser.parse_args(arguments).folder / "1" / "model.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(make_model().SerializeToString())
    print(f"wrote {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
