"""The network that is written byte by byte."""

import celsius
import numpy as np
import onnx
import onnxruntime


def test_the_network_is_valid_onnx() -> None:
    model = onnx.load_model_from_string(celsius.network())
    onnx.checker.check_model(model, full_check=True)


def test_water_freezes_at_0_and_boils_at_100_degrees() -> None:
    session = onnxruntime.InferenceSession(celsius.network())
    (result,) = session.run(None, {"fahrenheit": np.array([[32], [212], [-40]], np.float32)})
    np.testing.assert_allclose(result, [[0], [100], [-40]])
