"""Newer operators that ONNX Runtime does not compute, so that older ones are written instead.

Each test shows the fault with one node. One that fails tells that the runtime has been mended and
the operator can be used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

AT_FAULT = "1.32"

pytestmark = pytest.mark.skipif(
    not onnxruntime.__version__.startswith(AT_FAULT), reason=f"said of ONNX Runtime {AT_FAULT}"
)
X = np.random.default_rng(0).standard_normal((2, 4, 8, 8)).astype(np.float32)


def run(operator: str, opset: int, *inputs: Any, **attributes: Any) -> Any:
    names = [f"x{i}" for i in range(len(inputs))]
    kinds = [helper.np_dtype_to_tensor_dtype(value.dtype) for value in inputs]
    declared = [
        helper.make_tensor_value_info(name, kind, value.shape)
        for name, kind, value in zip(names, kinds, inputs, strict=True)
    ]
    node = helper.make_node(operator, names, ["y"], **attributes)
    graph = helper.make_graph([node], "one", declared, [onnx.ValueInfoProto(name="y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=11)
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
    )
    return session.run(None, dict(zip(names, inputs, strict=True)))[0]


@pytest.mark.parametrize("opset", [25, 26, 28])
def test_swish_has_no_kernel_after_opset_24(opset: int) -> None:
    with pytest.raises(Exception, match="implementation for Swish"):
        run("Swish", opset, X)
    np.testing.assert_allclose(run("Swish", 24, X), X / (1 + np.exp(-X)), rtol=1e-5, atol=1e-6)


def test_swiglu_has_no_kernel() -> None:
    with pytest.raises(Exception, match="implementation for Swish"):
        run("SwiGLU", 28, X, X)


def test_roi_align_has_no_kernel_from_opset_22_on() -> None:
    boxes, images = np.array([[0, 0, 4, 4]], np.float32), np.zeros(1, np.int64)
    with pytest.raises(Exception, match="implementation for RoiAlign"):
        run("RoiAlign", 22, X, boxes, images)
    run("RoiAlign", 21, X, boxes, images)


def test_group_normalization_loses_the_digits_of_data_far_from_zero() -> None:
    far = X + 1000
    scale, bias = np.ones(4, np.float32), np.zeros(4, np.float32)
    got = run("GroupNormalization", 21, far, scale, bias, num_groups=2, epsilon=1e-5)
    groups = far.astype(np.float64).reshape(2, 2, -1)
    wanted = groups - groups.mean(-1, keepdims=True)
    wanted = (wanted / np.sqrt(groups.var(-1, keepdims=True) + 1e-5)).reshape(far.shape)
    assert np.abs(got - wanted).max() > 1e-3


def test_reducing_scatter_nd_loses_updates() -> None:
    """Its threads write over each other, so any one run may be right: some of many are wrong."""
    places = np.random.default_rng(0).integers(0, 64, (20000, 1))
    updates = np.ones((20000, 64), np.float32)
    wanted = np.zeros((64, 64), np.float32)
    np.add.at(wanted, places[:, 0], updates)
    start = np.zeros_like(wanted)
    runs = [run("ScatterND", 18, start, places, updates, reduction="add") for _ in range(20)]
    index = np.repeat(places, 64, axis=1)
    safe = [run("ScatterElements", 18, start, index, updates, reduction="add") for _ in range(20)]
    assert all(np.array_equal(got, wanted) for got in safe)
    if all(np.array_equal(got, wanted) for got in runs):
        pytest.skip("a race: no update was lost in these runs")


def test_quantize_linear_has_no_kernel_in_opset_28() -> None:
    scale, zero = np.array(0.25, np.float32), np.array(3, np.uint8)
    with pytest.raises(Exception, match="implementation for QuantizeLinear"):
        run("QuantizeLinear", 28, X, scale, zero)
    for opset in (24, 25, 26, 27):
        integers = run("QuantizeLinear", opset, X, scale, zero)
        back = run("DequantizeLinear", opset, integers, scale, zero)
        assert np.abs(back - X.clip(-0.75, None)).max() <= 0.126


def test_dft_of_other_lengths_than_powers_of_two_loses_digits() -> None:
    signal = np.random.default_rng(0).standard_normal((1, 400, 1)).astype(np.float32)
    wanted = np.fft.fft(signal[..., 0].astype(np.float64))

    def error(signal: Any) -> float:
        got = run("DFT", 17, signal, axis=1)
        return float(np.abs(got[..., 0] + 1j * got[..., 1] - wanted).max())

    assert error(signal) > 1e-3
    assert error(signal.astype(np.float64)) < 1e-9


def test_inverse_dft_divides_doubles_in_float32() -> None:
    spectrum = np.random.default_rng(0).standard_normal((1, 7, 2))
    wanted = np.fft.ifft(spectrum[..., 0] + 1j * spectrum[..., 1])
    got = run("DFT", 17, spectrum, axis=1, inverse=1)
    assert np.abs(got[..., 0] + 1j * got[..., 1] - wanted).max() > 1e-9


@pytest.mark.parametrize("operator", ["RandomUniformLike", "RandomNormalLike", "Multinomial"])
def test_random_operators_have_no_kernels_from_opset_22_on(operator: str) -> None:
    rows = X[0, 0]
    with pytest.raises(Exception, match=f"implementation for {operator}"):
        run(operator, 22, rows)
    run(operator, 21, rows)


def test_dropout_of_training_is_taken_away_where_its_mask_is_not_used() -> None:
    ratio, training = (
        helper.make_tensor("ratio", onnx.TensorProto.FLOAT, [], [0.5]),
        helper.make_tensor("training", onnx.TensorProto.BOOL, [], [True]),
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Dropout", ["a", "ratio", "training"], ["b"]),
        helper.make_node("Relu", ["b"], ["y"]),
    ]
    declared = [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, X.shape)]
    graph = helper.make_graph(
        nodes, "one", declared, [onnx.ValueInfoProto(name="y")], [ratio, training]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    np.testing.assert_array_equal(session.run(None, {"x": X})[0], np.maximum(X, 0))


def test_powers_and_sums_of_integers_are_computed_in_float64() -> None:
    odd = np.array([3**39])
    assert run("Pow", 20, np.array([3]), np.array([39]))[0] != odd[0]
    assert run("ReduceSum", 20, odd, np.array([0]))[0] != odd[0]
    assert run("Mul", 20, odd, np.array([1]))[0] == odd[0]


def test_scattering_reduces_no_half_types() -> None:
    half = np.ones(3, np.float16)
    with pytest.raises(Exception, match="not supported"):
        run("ScatterElements", 18, half, np.array([0, 1, 1]), half, axis=0, reduction="add")


def test_log_sum_exp_overflows_in_opset_28() -> None:
    far = np.array([[2000.0, 1000.0]], np.float32)
    assert np.isinf(run("ReduceLogSumExp", 28, far, np.array([1]))).all()
    assert (run("ReduceLogSumExp", 27, far, np.array([1])) == 2000).all()


def test_log_sum_exp_takes_0_for_the_largest_after_infinity() -> None:
    hidden = np.array([[-np.inf, -1234.0]], np.float32)
    assert np.isinf(run("ReduceLogSumExp", 20, hidden, np.array([1]))).all()
