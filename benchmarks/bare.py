"""A bare loop over `session.run`, the ceiling of any server around ONNX Runtime.

Runs in a process of its own under the Python that serves, so that the library is the same one:
`python -m benchmarks.bare MODEL SECONDS '{"batch size": executions}'` prints one line of JSON.
"""

import json
import sys
import time

import numpy as np
import onnxruntime

from benchmarks.batches import replay


def main(arguments: list[str]) -> None:
    """Load the network with one thread, run it in rounds until the time is over, print items and seconds."""
    path, seconds, histogram = arguments[0], float(arguments[1]), json.loads(arguments[2])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (argument,) = session.get_inputs()
    sizes = replay({int(size): int(count) for size, count in histogram.items()})
    random = np.random.default_rng(0)
    row = random.integers(0, 256, (1, argument.shape[1]), dtype=np.int32)
    batches = {size: np.repeat(row, size, axis=0) for size in set(sizes)}
    for batch in batches.values():
        session.run(None, {argument.name: batch})
    items, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        for size in sizes:
            session.run(None, {argument.name: batches[size]})
            items += size
    elapsed = time.perf_counter() - start
    sys.stdout.write(
        json.dumps({"items": items, "seconds": elapsed, "onnxruntime": onnxruntime.__version__}) + "\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
