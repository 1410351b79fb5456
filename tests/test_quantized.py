"""Quantized programs, traced and scripted.

PyTorch's kernels sum integers and round once; ONNX has the same numbers as floats between
DequantizeLinear and QuantizeLinear. A sum that lies within a float's rounding of the middle between
two steps may so be rounded to the other one: results agree within one step of their scale, and
nearly all of them are equal. What only picks elements is equal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torch_onnx
from torch_onnx import errors

tq = pytest.importorskip("torch.ao.quantization")
nnq = pytest.importorskip("torch.ao.nn.quantized")
nniq = pytest.importorskip("torch.ao.nn.intrinsic.quantized")
nnqd = pytest.importorskip("torch.ao.nn.quantized.dynamic")

torch.manual_seed(2)
BOTH = ("trace", "script")
# Scales without a common measure: else many sums lie just in the middle between two steps.
STEP, OTHER_STEP = 0.04371, 0.02913


class Between(nn.Module):
    """A model of quantized tensors, between float ones."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.quantize = nnq.Quantize(STEP, 120, torch.quint8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(self.quantize(x)).dequantize()


class BetweenTwo(Between):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.quantize_per_tensor(x.flip(0), OTHER_STEP, 100, torch.quint8)
        return self.inner(self.quantize(x), y).dequantize()


def weights(module: nn.Module, per_channel: bool = False, axis: int = 0) -> nn.Module:
    """A quantized layer with random weights."""
    weight, bias = module._weight_bias()
    values = torch.randn(weight.shape) / 3
    if per_channel:
        scales = torch.rand(weight.shape[axis], dtype=torch.float64) / 50 + 0.005
        zeros = torch.zeros(weight.shape[axis], dtype=torch.int64)
        held = torch.quantize_per_channel(values, scales, zeros, axis, torch.qint8)
    else:
        held = torch.quantize_per_tensor(values, 0.011, 3, torch.qint8)
    module.set_weight_bias(held, None if bias is None else torch.randn(bias.shape))
    module.scale, module.zero_point = 0.0713, 90
    return module


def slopes(module: Any) -> nn.Module:
    values = torch.tensor([0.3, 0.1, 0.2, -0.2])
    module.set_weight(torch.quantize_per_tensor(values, 0.01, 64, torch.quint8))
    return module


def norm(module: Any) -> nn.Module:
    for name in ("weight", "bias", "running_mean"):
        held = getattr(module, name, None)
        if held is not None:
            held.data.copy_(torch.randn(held.shape))
    module.scale, module.zero_point = module.scale * 0 + 0.04, module.zero_point * 0 + 110
    return module.eval()


def affine(size: int) -> tuple[nn.Parameter, nn.Parameter]:
    return nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))


AFFINE4, AFFINE8 = affine(4), affine(8)
VECTOR, IMAGE = torch.randn(40, 6), torch.randn(2, 4, 9, 8)
LINE, SPACE = torch.randn(2, 4, 9), torch.randn(2, 4, 5, 6, 5)
LAYERS: dict[str, tuple[nn.Module, torch.Tensor]] = {
    "linear": (weights(nnq.Linear(6, 5)), VECTOR),
    "linear-channels": (weights(nnq.Linear(6, 5), True), VECTOR),
    "linear-3d": (weights(nnq.Linear(9, 5), True), LINE),
    "linear-no-bias": (weights(nnq.Linear(6, 5, bias_=False)), VECTOR),
    "linear-relu": (weights(nniq.LinearReLU(6, 5)), VECTOR),
    "conv1d": (weights(nnq.Conv1d(4, 6, 3, stride=2, padding=1)), LINE),
    "conv2d": (weights(nnq.Conv2d(4, 6, (3, 2), 2, (1, 0)), True), IMAGE),
    "conv2d-groups": (weights(nnq.Conv2d(4, 6, 3, dilation=2, groups=2)), IMAGE),
    "conv2d-reflect": (weights(nnq.Conv2d(4, 6, 3, padding=1, padding_mode="reflect")), IMAGE),
    "conv3d": (weights(nnq.Conv3d(4, 6, 3)), SPACE),
    "conv1d-relu": (weights(nniq.ConvReLU1d(4, 6, 3)), LINE),
    "conv2d-relu": (weights(nniq.ConvReLU2d(4, 6, 3), True), IMAGE),
    "conv3d-relu": (weights(nniq.ConvReLU3d(4, 6, 3)), SPACE),
    "conv-transpose1d": (weights(nnq.ConvTranspose1d(4, 6, 3, stride=2)), LINE),
    "conv-transpose2d": (
        weights(nnq.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1)),
        IMAGE,
    ),
    "conv-transpose3d": (weights(nnq.ConvTranspose3d(4, 6, 3)), SPACE),
    "batch-norm2d": (norm(nnq.BatchNorm2d(4)), IMAGE),
    "batch-norm3d": (norm(nnq.BatchNorm3d(4)), SPACE),
    "bn-relu2d": (norm(nniq.BNReLU2d(4)), IMAGE),
    "layer-norm": (
        norm(nnq.LayerNorm(8, *AFFINE8, 0.04, 110)),
        IMAGE,
    ),
    "group-norm": (norm(nnq.GroupNorm(2, 4, *AFFINE4, 0.04, 110)), IMAGE),
    "instance-norm1d": (
        norm(nnq.InstanceNorm1d(4, *AFFINE4, 0.04, 110)),
        LINE,
    ),
    "instance-norm2d": (
        norm(nnq.InstanceNorm2d(4, *AFFINE4, 0.04, 110)),
        IMAGE,
    ),
    "hardswish": (nnq.Hardswish(0.0317, 5), VECTOR),
    "elu": (nnq.ELU(0.03, 40, 0.7), VECTOR),
    "leaky-relu": (nnq.LeakyReLU(0.03, 40, 0.2), VECTOR),
    "prelu": (slopes(nnq.PReLU(0.0417, 50, 4)), IMAGE),
    "sigmoid": (nnq.Sigmoid(1 / 200, 2), VECTOR),
    "softmax": (nnq.Softmax(-1, 1 / 256, 0), VECTOR),
    "relu6": (nnq.ReLU6(), VECTOR * 3),
}


class Function(nn.Module):
    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        return self.function(*tensors)


def in_place(x: torch.Tensor) -> torch.Tensor:
    y = x.clone()
    y[:, 1].relu_()
    F.hardtanh_(y, -0.31, 1.17)
    return y


SCALES = torch.tensor([0.0217, 0.313, 0.0511, 0.1023, 0.0719, 0.0337])

# On one quantized tensor, traced. True: no element is rounded otherwise.
ATEN: dict[str, tuple[Callable[..., Any], torch.Tensor, bool]] = {
    "relu": (torch.relu, IMAGE, True),
    "max-pool1d": (lambda x: F.max_pool1d(x, 3, 2, 1), LINE, True),
    "max-pool2d": (lambda x: F.max_pool2d(x, 3, 2, 1), IMAGE, True),
    "avg-pool2d": (lambda x: F.avg_pool2d(x, 3, 2, 1), IMAGE, False),
    "avg-pool3d": (lambda x: F.avg_pool3d(x, 2), SPACE, False),
    "adaptive-avg-pool2d": (lambda x: F.adaptive_avg_pool2d(x, (3, 1)), IMAGE, False),
    "adaptive-avg-pool3d": (lambda x: F.adaptive_avg_pool3d(x, 1), SPACE, False),
    "nearest": (lambda x: F.interpolate(x, scale_factor=2.0), IMAGE, True),
    "bilinear": (
        lambda x: F.interpolate(x, size=(5, 13), mode="bilinear", align_corners=True),
        IMAGE,
        False,
    ),
    "reshape": (
        lambda x: x.flatten(1).view(2, -1, 4).transpose(1, 2)[:, 1:].unsqueeze(0),
        IMAGE,
        1,
    ),
    "split": (lambda x: torch.cat([p.contiguous() for p in x.chunk(2, 1)], 0), IMAGE, True),
    "pad": (lambda x: F.pad(x, (1, 2), mode="reflect"), LINE, True),
    "constant-pad": (lambda x: F.pad(x, (1, 2, 0, 1)), IMAGE, True),
    "mean": (lambda x: x.mean([2]), IMAGE, False),
    "clamp": (lambda x: torch.clamp(x, -0.33, 0.91), IMAGE, True),
    "hardtanh": (lambda x: F.hardtanh(x, -0.33, 0.91), IMAGE, True),
    "relu6": (F.relu6, IMAGE * 4, True),
    "leaky-relu": (lambda x: F.leaky_relu(x, 0.1), IMAGE, False),
    "gelu": (F.gelu, IMAGE, False),
    "sigmoid": (torch.sigmoid, IMAGE, False),
    "hardsigmoid": (F.hardsigmoid, IMAGE, False),
    "tanh": (torch.tanh, IMAGE, False),
    "threshold": (lambda x: torch.ops.quantized.threshold(x, 0.2, -0.4), IMAGE, False),
    "topk": (lambda x: x.topk(2)[0], VECTOR, True),
    "in-place": (in_place, IMAGE, True),
    "stack": (lambda x: torch.stack([x, x]), VECTOR, True),
    "channel-shuffle": (lambda x: F.channel_shuffle(x, 2), IMAGE, True),
    "add-scalar": (lambda x: torch.ops.quantized.add_scalar(x, 1.3), VECTOR, True),
    "add-scalar-far": (lambda x: torch.ops.quantized.add_scalar(x, 20.0), VECTOR, False),
    "add-scalar-below": (lambda x: torch.ops.quantized.add_scalar(x, -20.0), VECTOR, False),
    "mul-scalar": (lambda x: torch.ops.quantized.mul_scalar(x, 0.7), VECTOR, True),
    "mul-scalar-negative": (lambda x: torch.ops.quantized.mul_scalar(x, -0.7), VECTOR, True),
    "mul-overload": (lambda x: torch.ops.quantized.mul(x, 0.7), VECTOR, True),
    "scalar-relu": (lambda x: torch.ops.quantized.add_scalar_relu(x, 0.3), VECTOR, True),
    "dropout": (lambda x: torch.ops.quantized.dropout(x, 0.1, 0), VECTOR, True),
    "celu": (lambda x: torch.ops.quantized.celu(x, 0.03, 9, 1.5), VECTOR, False),
    "qint8": (
        lambda x: torch.quantize_per_tensor(x.dequantize() * 1.1, 0.02113, -3, torch.qint8),
        VECTOR,
        False,
    ),
    "sigmoid-qint8": (
        lambda x: torch.sigmoid(torch.quantize_per_tensor(x.dequantize(), 0.03, 2, torch.qint8)),
        VECTOR,
        False,
    ),
    "facts": (lambda x: x.int_repr() * x.q_scale() + x.q_zero_point(), VECTOR, False),
    "per-channel": (
        lambda x: torch.quantize_per_channel(
            x.dequantize(), SCALES, torch.tensor([1, 0, 9, 2, 0, -3]), 1, torch.qint8
        ),
        VECTOR,
        False,
    ),
}
OPERATIONS = {
    "add": lambda a, b: torch.ops.quantized.add(a, b, 0.06127, 100),
    "add-relu": lambda a, b: torch.ops.quantized.add_relu(a, b, 0.06127, 3),
    "mul": lambda a, b: torch.ops.quantized.mul(a, b, 0.08877, 100),
    "mul-relu": lambda a, b: torch.ops.quantized.mul_relu(a, b, 0.08877, 0),
    "cat": lambda a, b: torch.ops.quantized.cat([a, b], 1, 0.06127, 100),
    "cat-own-scale": lambda a, b: torch.cat([a, b], 0),
    "matmul": lambda a, b: torch.ops.quantized.matmul(a, b.transpose(0, 1), 0.2, 120),
}


def scale_of(module: nn.Module, *inputs: torch.Tensor) -> float:
    """The step of the model's result."""
    inner = module.inner
    x = module.quantize(inputs[0])
    y = torch.quantize_per_tensor(inputs[0].flip(0), OTHER_STEP, 100, torch.quint8)
    result = inner(x, y) if isinstance(module, BetweenTwo) else inner(x)
    if not result.is_quantized:
        return 1e-6
    if result.qscheme() == torch.per_channel_affine:
        return float(result.q_per_channel_scales().max())
    return result.q_scale()


def check(
    model: nn.Module, x: torch.Tensor, strategy: str, step: float, equal: float = 0.95, **more: Any
) -> onnx.ModelProto:
    """The largest error is one step, and nearly all elements have none."""
    model = model.eval()
    program = torch_onnx.export(
        model, (x,), strategy=strategy, input_names=["x"], dynamic_axes={"x": [0]}, **more
    )
    for inputs in (x, torch.cat([x, x.flip(0) * 0.9])):
        (got,) = program(inputs)
        wanted = model(inputs)
        assert got.dtype == wanted.dtype
        assert got.shape == wanted.shape
        error = (got - wanted).abs()
        assert error.max() <= step * 1.001
        assert (error <= step * 0.01).float().mean() >= equal
    return program.model_proto


# One of each way in which a layer holds its numbers is scripted too.
SCRIPTED = (
    "linear linear-channels conv1d conv2d conv-transpose2d batch-norm2d layer-norm hardswish prelu"
)
RUNS = [(name, "trace") for name in LAYERS] + [(name, "script") for name in SCRIPTED.split()]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "strategy"), RUNS)
def test_layers(name: str, strategy: str) -> None:
    layer, x = LAYERS[name]
    model = Between(layer).eval()
    check(model, x, strategy, scale_of(model, x))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ATEN)
def test_operators_on_quantized_tensors(name: str) -> None:
    function, x, exact = ATEN[name]
    model = Between(Function(function))
    if name == "facts":
        model.forward = lambda x: model.inner(model.quantize(x))
    check(model, x, "trace", 1e-6 if exact else scale_of(model, x))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", OPERATIONS)
def test_two_quantized_tensors(name: str) -> None:
    model = BetweenTwo(Function(OPERATIONS[name]))
    check(model, VECTOR, "trace", scale_of(model, VECTOR))


# Whole models, as torch.ao.quantization makes them.


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.quant, self.dequant = tq.QuantStub(), tq.DeQuantStub()
        self.conv, self.norm, self.relu = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()
        self.other, self.pool = nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.MaxPool2d(2)
        self.sum, self.classify = nnq.FloatFunctional(), nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.relu(self.norm(self.conv(self.quant(x)))))
        x = self.sum.add_relu(x, self.other(x))
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.dequant(self.classify(x))


def quantized_net(engine: str, trained: bool = False) -> nn.Module:
    torch.manual_seed(0)
    net = Net().train(trained)
    parts = [["conv", "norm", "relu"]]
    if trained:
        tq.fuse_modules_qat(net, parts, inplace=True)
        net.qconfig = tq.get_default_qat_qconfig(engine)
        tq.prepare_qat(net, inplace=True)
    else:
        tq.fuse_modules(net, parts, inplace=True)
        net.qconfig = tq.get_default_qconfig(engine)
        tq.prepare(net, inplace=True)
    for _ in range(3):
        net(torch.randn(2, 3, 12, 12))
    return tq.convert(net.eval())


PICTURE = torch.randn(2, 3, 12, 12)


def operators(program: torch_onnx.ONNXProgram) -> list[str]:
    return [node.op_type for node in program.model.graph]


def initializers(proto: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in proto.graph.initializer}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("strategy", BOTH)
@pytest.mark.parametrize("engine", ["fbgemm", "x86", "qnnpack"])
def test_converted_models(engine: str, strategy: str) -> None:
    net = quantized_net(engine)
    # An element that one layer rounds otherwise changes those after it: two steps at most here.
    proto = check(net, PICTURE, strategy, 2 * net.classify.scale, equal=0.6)
    held = initializers(proto)
    for layer in ("conv", "other", "classify"):
        assert held[f"{layer}.weight"] == onnx.TensorProto.INT8
        assert held[f"{layer}.bias"] == onnx.TensorProto.INT32
    operators = [node.op_type for node in proto.graph.node]
    assert operators.count("QuantizeLinear") == 6
    assert "Cast" not in operators


@pytest.mark.filterwarnings("ignore")
def test_a_model_trained_with_quantization() -> None:
    net = quantized_net("fbgemm", trained=True)
    check(net, PICTURE, "trace", 2 * net.classify.scale, equal=0.6)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("opset", [11, 13, 19, 23, 28])
def test_opsets(opset: int) -> None:
    net = quantized_net("qnnpack")
    check(net, PICTURE, "trace", 2 * net.classify.scale, equal=0.6, opset_version=opset)


@pytest.mark.filterwarnings("ignore")
def test_scales_of_channels_need_opset_13() -> None:
    with pytest.raises(errors.UnsupportedOperators, match="13"):
        torch_onnx.export(quantized_net("fbgemm"), (PICTURE,), strategy="trace", opset_version=11)


@pytest.mark.filterwarnings("ignore")
def test_onnx_runtime_fuses_the_layers(tmp_path: Any) -> None:
    ort = pytest.importorskip("onnxruntime")
    torch_onnx.export(quantized_net("x86"), (PICTURE,), tmp_path / "net.onnx", strategy="trace")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    ort.InferenceSession(tmp_path / "net.onnx", options, providers=["CPUExecutionProvider"])
    fused = [node.op_type for node in onnx.load(tmp_path / "fused.onnx").graph.node]
    assert fused.count("QLinearConv") == 2
    assert fused.count("QGemm") == 1
    assert "Conv" not in fused


@pytest.mark.filterwarnings("ignore")
def test_quantized_models_are_traced_by_themselves() -> None:
    assert "QuantizeLinear" in operators(torch_onnx.export(quantized_net("x86"), (PICTURE,)))
    x = torch.quantize_per_tensor(VECTOR, 0.05, 128, torch.quint8)
    assert "QuantizeLinear" in operators(torch_onnx.export(OnQuantized(), (x,)))
    plain = Function(lambda x: torch.quantize_per_tensor(x, STEP, 3, torch.quint8).dequantize())
    assert "QuantizeLinear" in operators(torch_onnx.export(plain, (VECTOR,)))
    for strategy in ("export", "record"):
        # PyTorch 2.6 has no quantized stand-ins, and says so first.
        with pytest.raises(errors.CaptureError, match=r"strategy='trace'|quantized nyi"):
            torch_onnx.export(plain, (VECTOR,), strategy=strategy)


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 16), nn.Linear(16, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(F.relu(self.first(x)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("strategy", BOTH)
@pytest.mark.parametrize("dtype", [torch.qint8, torch.float16])
def test_dynamically_quantized(dtype: torch.dtype, strategy: str) -> None:
    model = tq.quantize_dynamic(Plain().eval(), {nn.Linear}, dtype=dtype)
    proto = check(model, torch.randn(5, 6), strategy, 0.02, equal=0)
    kind = onnx.TensorProto.INT8 if dtype == torch.qint8 else onnx.TensorProto.FLOAT16
    assert initializers(proto)["first.weight"] == kind


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("kind", "x"), [(nnqd.Conv1d, LINE), (nnqd.Conv2d, IMAGE), (nnqd.Conv3d, SPACE)]
)
def test_dynamic_convolutions(kind: Any, x: torch.Tensor) -> None:
    model = weights(kind(4, 6, 3))
    # PyTorch rounds the result by the input's scale, of 127 steps.
    check(model, x, "trace", float(x.max() - x.min()) / 127)


@pytest.mark.filterwarnings("ignore")
def test_dynamic_transposed_convolutions_are_refused() -> None:
    with pytest.raises(errors.CaptureError, match="conv_transpose2d_dynamic"):
        torch_onnx.export(weights(nnqd.ConvTranspose2d(4, 6, 3)), (IMAGE,))


@pytest.mark.filterwarnings("ignore")
def test_recurrent_layers_of_integers_are_refused() -> None:
    model = tq.quantize_dynamic(nn.Sequential(nn.LSTM(4, 5)).eval(), {nn.LSTM})
    with pytest.raises(errors.CaptureError, match="Keep recurrent layers in float"):
        torch_onnx.export(model, (torch.randn(2, 3, 4),))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["converted", "reference", "decomposed"])
def test_models_of_graph_mode(kind: str) -> None:
    graph_mode = pytest.importorskip("torch.ao.quantization.quantize_fx")
    convert = {
        "converted": graph_mode.convert_fx,
        "reference": graph_mode.convert_to_reference_fx,
        "decomposed": graph_mode._convert_to_reference_decomposed_fx,
    }[kind]
    net, mapping = Plain().eval(), tq.get_default_qconfig_mapping("fbgemm")
    prepared = graph_mode.prepare_fx(net, mapping, (VECTOR,))
    prepared(VECTOR)
    model = convert(prepared)
    strategy = "auto" if kind == "decomposed" else "trace"
    proto = check(model, VECTOR, strategy, 0.02, equal=0.9)
    # Whatever holds the weights, the file has their integers.
    held = [t for t in proto.graph.initializer if t.data_type == onnx.TensorProto.INT8]
    assert {(16, 6), (3, 16)} <= {tuple(t.dims) for t in held}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("strategy", BOTH)
@pytest.mark.parametrize("dtype", [torch.quint8, torch.quint4x2])
def test_embeddings(dtype: torch.dtype, strategy: str) -> None:
    layer = filled(nnq.Embedding(9, 8, dtype=dtype))
    indices = torch.tensor([[1, 2], [8, 0]])
    program = torch_onnx.export(layer, (indices,), strategy=strategy)
    torch.testing.assert_close(program(indices)[0], layer(indices))
    assert initializers(program.model_proto)["weight"] == onnx.TensorProto.UINT8


def filled(layer: Any) -> nn.Module:
    """An embedding with random weights, a scale for each row."""
    observer = tq.PerChannelMinMaxObserver(
        dtype=layer.dtype, qscheme=torch.per_channel_affine_float_qparams, ch_axis=0
    )
    values = torch.randn(9, 8)
    observer(values)
    scale, zero_point = (qparams.float() for qparams in observer.calculate_qparams())
    layer.set_weight(torch.quantize_per_channel(values, scale, zero_point, 0, layer.dtype))
    return layer.eval()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", [torch.quint8, torch.quint4x2])
def test_sums_of_embeddings(dtype: torch.dtype) -> None:
    layer = filled(nnq.EmbeddingBag(9, 8, dtype=dtype))
    table = torch.tensor([[1, 2, 2], [8, 0, 5]])
    program = torch_onnx.export(layer, (table,), strategy="trace")
    torch.testing.assert_close(program(table)[0], layer(table))
    flat = torch.tensor([1, 2, 2, 8, 0]), torch.tensor([0, 2, 2])
    program = torch_onnx.export(layer, flat, strategy="trace")
    torch.testing.assert_close(program(*flat)[0], layer(*flat))


class OnQuantized(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = weights(nnq.Linear(6, 5))

    def forward(self, x: torch.Tensor, offset: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
        return self.layer(x), torch.relu(x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("strategy", BOTH)
def test_quantized_inputs_and_outputs_are_three_tensors(strategy: str) -> None:
    x = torch.quantize_per_tensor(VECTOR, 0.05, 128, torch.quint8)
    model = OnQuantized().eval()
    program = torch_onnx.export(model, (x,), strategy=strategy, dynamic_axes={"x": [0]})
    assert program.input_names == ["x", "x_scale", "x_zero_point"]
    assert len(program.output_names) == 6
    # Another scale, zero point and size: none of them is fixed.
    for y in (x, torch.quantize_per_tensor(VECTOR[:2] * 2, 0.09, 100, torch.quint8)):
        wanted = model(y)
        got = program(y)
        assert (got[0].int() - wanted[0].int_repr().int()).abs().max() <= 1
        assert torch.equal(got[3], wanted[1].int_repr())
        assert float(got[4]) == pytest.approx(wanted[1].q_scale())
        assert got[5].dtype == torch.uint8
        assert int(got[5]) == wanted[1].q_zero_point()


@pytest.mark.filterwarnings("ignore")
def test_a_quantized_model_is_verified_within_a_step() -> None:
    def add(x: torch.Tensor) -> torch.Tensor:
        a = torch.quantize_per_tensor(x, 0.05, 120, torch.quint8)
        b = torch.quantize_per_tensor(x.flip(0), 0.03, 100, torch.quint8)
        # Many of the sums lie in the middle between two steps.
        return torch.ops.quantized.add(a, b, 0.06, 100).dequantize()

    program = torch_onnx.export(Function(add), (VECTOR,))
    assert program.verify().largest_error == pytest.approx(0.06, 1e-4)
    inputs = torch.quantize_per_tensor(VECTOR, 0.05, 128, torch.quint8)
    torch_onnx.export(OnQuantized(), (inputs,), verify=True)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = weights(nnq.Linear(6, 6), True)
        self.coarse = weights(nnq.Linear(6, 6))
        self.coarse.scale = 0.0011

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        once = self.layer(torch.quantize_per_tensor(x, STEP, 120, torch.quint8))
        again = torch.quantize_per_tensor(x, OTHER_STEP, 100, torch.quint8)
        sums = torch.ops.quantized.add(self.layer(once), self.layer(again), 0.1713, 100)
        return sums.dequantize() + self.coarse(again).dequantize()


@pytest.mark.filterwarnings("ignore")
def test_a_bias_is_held_by_the_scale_of_each_input() -> None:
    proto = check(Twice(), VECTOR, "trace", 0.1713 * 2, equal=0.6)
    held = {name: kind for name, kind in initializers(proto).items() if "bias" in name}
    kinds = [kind for name, kind in held.items() if name.startswith("layer")]
    assert kinds == [onnx.TensorProto.INT32] * 3
    # Sums as coarse as the result: a bias of such steps would be seen in it.
    assert held["coarse.bias"] == onnx.TensorProto.FLOAT


class Choosing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = weights(nnq.Linear(6, 6))
        self.quantize = nnq.Quantize(STEP, 120, torch.quint8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.quantize(x)
        if bool(x.sum() > 0):
            y = torch.relu(y)
        else:
            y = torch.clamp(y, -0.3, 0.4)
        return self.layer(y).dequantize()


@pytest.mark.filterwarnings("ignore")
def test_branches_on_quantized_tensors() -> None:
    model = Choosing()
    check(model, VECTOR, "script", 0.0713)
    check(model, -VECTOR, "script", 0.0713)


@pytest.mark.filterwarnings("ignore")
def test_unknown_operators_are_named() -> None:
    model = Between(Function(lambda x: torch.empty_like(x))).eval()
    with pytest.raises(errors.CaptureError, match="empty_like on a quantized tensor"):
        torch_onnx.export(model, (VECTOR,), strategy="trace")
