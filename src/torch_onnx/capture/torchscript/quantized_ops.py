"""PyTorch's operators ``quantized::*``, and those that make, read and undo quantized tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.binding import operator_named
from torch_onnx.capture.quantized import RANGES, Quantized, Scheme
from torch_onnx.capture.torchscript import packed
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.quantized import (
    as_quantized,
    dequantize,
    from_integers,
    integers,
    quantize,
    record,
)
from torch_onnx.capture.torchscript.values import Handler
from torch_onnx.graph import Value

Arguments = dict[str, Any]
Float = Callable[[Interpreter, Arguments], Value]

# PyTorch does not go below this step when it chooses one at run time.
SMALLEST_STEP = 6.1e-5

TABLE: dict[str, Handler] = {}


def _arguments(node: Any, inputs: list[Any]) -> Arguments:
    op = operator_named(node.schema().partition("(")[0])
    assert op is not None, node.kind()
    return {a.name: i for a, i in zip(op.arguments, inputs, strict=True)}


def handles(
    *kinds: str,
) -> Callable[[Callable[[Interpreter, Arguments], Any]], Callable[[Interpreter, Arguments], Any]]:
    """The function does these operators, its arguments by the schema's names."""

    def register(
        function: Callable[[Interpreter, Arguments], Any],
    ) -> Callable[[Interpreter, Arguments], Any]:
        def handler(run: Interpreter, node: Any, inputs: list[Any]) -> Any:
            return function(run, _arguments(node, inputs))

        for kind in kinds:
            assert kind not in TABLE, kind
            TABLE[kind] = handler
        return function

    return register


def _dtype(number: Any) -> torch.dtype:
    dtype = compat.dtype_numbered(number) if isinstance(number, int) else number
    assert isinstance(dtype, torch.dtype)
    return dtype


def _known(run: Interpreter, number: Any) -> Any:
    """A scale or zero point; a number where it is one that the program owns and never writes."""
    if not isinstance(number, Value):
        return run.item(number)
    held = number
    for call in reversed(run.calls):
        if call.op.name == "aten::item" and call.outputs[0] is number:
            held = call.args["self"]
        if call.op.is_mutating and held in call.values_in():
            return number
    for parameter in run.parameters.values():
        if parameter.value is held and parameter.tensor.numel() == 1:
            return parameter.tensor.item()
    return number


# Making and undoing.


@handles("aten::quantize_per_tensor")
def quantize_per_tensor(run: Interpreter, args: Arguments) -> Any:
    if "tensors" in args:
        raise run.error("Lists of tensors are not quantized at once: quantize each.")
    scheme = _scheme(run, _dtype(args["dtype"]), args["scale"], args["zero_point"])
    return quantize(run, run.tensor(args["self"]), scheme)


def _scheme(run: Interpreter, dtype: torch.dtype, scale: Any, zero_point: Any) -> Scheme:
    if dtype not in RANGES:
        raise run.error(f"Tensors of {dtype} are not translated.")
    scale, zero_point = _known(run, scale), _known(run, zero_point)
    if isinstance(scale, Value) or isinstance(zero_point, Value):
        return Scheme(dtype, scale, zero_point)
    return Scheme(dtype, float(scale), int(zero_point))


@handles("aten::quantize_per_channel")
def quantize_per_channel(run: Interpreter, args: Arguments) -> Any:
    x, dtype = run.tensor(args["self"]), _dtype(args["dtype"])
    scales, zero_points = run.tensor(args["scales"]), run.tensor(args["zero_points"])
    return quantize(run, x, Scheme(dtype, scales, zero_points, args["axis"] % x.fake.dim()))


@handles("aten::quantize_per_tensor_dynamic")
def quantize_per_tensor_dynamic(run: Interpreter, args: Arguments) -> Any:
    return _dynamic(run, args["self"], _dtype(args["dtype"]), args["reduce_range"])


def _dynamic(run: Interpreter, x: Value, dtype: torch.dtype, reduce_range: bool) -> Quantized:
    """x rounded by a scale that its own range gives."""
    held, low, high = RANGES[dtype]
    # QNNPACK's kernels take the whole range whatever is asked.
    if reduce_range and torch.backends.quantized.engine != "qnnpack":
        low, high = low // 2, high // 2
    with run.fakes.mode:
        scale = torch.empty(1, dtype=torch.float64)
        zero_point = torch.empty(1, dtype=torch.int64)
    args = {"input": x, "quant_min": low, "quant_max": high, "eps": SMALLEST_STEP, "dtype": held}
    name = "quantized_decomposed::choose_qparams.tensor"
    chosen = record(run, name, args, scale, zero_point)
    return quantize(run, x, Scheme(dtype, chosen[0], chosen[1]))


@handles("aten::_make_per_tensor_quantized_tensor")
def make_per_tensor(run: Interpreter, args: Arguments) -> Any:
    x = run.tensor(args["self"])
    dtypes = {held: dtype for dtype, (held, _, _) in RANGES.items()}
    return from_integers(
        run, x, _scheme(run, dtypes[x.fake.dtype], args["scale"], args["zero_point"])
    )


@handles("aten::dequantize", "quantized::dequantize")
def undo(run: Interpreter, args: Arguments) -> Any:
    (x,) = args.values()
    return dequantize(run, x)


# Reading.


def _quantized(run: Interpreter, x: Any) -> Quantized:
    if not isinstance(x, Quantized):
        raise run.error(
            "A quantized tensor is needed here, and a branch or loop that is decided at run time "
            "has mixed its scale with another's."
        )
    return x


@handles("aten::int_repr")
def int_repr(run: Interpreter, args: Arguments) -> Any:
    x = _quantized(run, args["self"])
    return integers(run, x, x.scheme)


@handles("aten::q_scale")
def q_scale(run: Interpreter, args: Arguments) -> Any:
    return run.item(_quantized(run, args["self"]).scheme.scale)


@handles("aten::q_zero_point")
def q_zero_point(run: Interpreter, args: Arguments) -> Any:
    return run.item(_quantized(run, args["self"]).scheme.zero_point)


@handles("aten::q_per_channel_scales")
def q_per_channel_scales(run: Interpreter, args: Arguments) -> Any:
    scale = _quantized(run, args["self"]).scheme.scale
    return run.named("aten::to.dtype", self=scale, dtype=torch.float64)


@handles("aten::q_per_channel_zero_points")
def q_per_channel_zero_points(run: Interpreter, args: Arguments) -> Any:
    zero_point = _quantized(run, args["self"]).scheme.zero_point
    return run.named("aten::to.dtype", self=zero_point, dtype=torch.int64)


@handles("aten::q_per_channel_axis")
def q_per_channel_axis(run: Interpreter, args: Arguments) -> Any:
    return _quantized(run, args["self"]).scheme.axis


# Layers with packed parameters.


def _linear(run: Interpreter, args: Arguments) -> Value:
    layer = packed.linear(run, args["W_prepack"], args["X"], args.get("Y_scale_i"))
    made: Value = run.named("aten::linear", input=args["X"], weight=layer.weight, bias=layer.bias)
    return made


def _conv(rank: int, transposed: bool = False) -> Float:
    def convolution(run: Interpreter, args: Arguments) -> Value:
        owner = args["packed_weight"] if "packed_weight" in args else args["weight"]
        x = args["qx"]
        layer = packed.conv(run, owner, x, rank, transposed, args.get("output_scale"))
        named = {
            "input": x,
            "weight": layer.weight,
            "bias": layer.bias,
            "stride": list(layer.stride),
            "padding": list(layer.padding),
            "dilation": list(layer.dilation),
            "groups": layer.groups,
        }
        name = f"aten::conv{rank}d"
        if transposed:
            named["output_padding"] = list(layer.output_padding)
            name = f"aten::conv_transpose{rank}d" + (".input" if rank > 1 else "")
        made: Value = run.named(name, **named)
        return made

    return convolution


def _conv2d_add(run: Interpreter, args: Arguments) -> Value:
    made: Value = run.named("aten::add.Tensor", self=_conv(2)(run, args), other=args["qaccum"])
    return made


def _with_relu(function: Float) -> Float:
    def rectified(run: Interpreter, args: Arguments) -> Value:
        made: Value = run.named("aten::relu", self=function(run, args))
        return made

    return rectified


def _linear_then(name: str, *more: str) -> Float:
    def bent(run: Interpreter, args: Arguments) -> Value:
        made: Value = run.named(name, self=_linear(run, args), **{n: args[n] for n in more})
        return made

    return bent


def _linear_dynamic(run: Interpreter, args: Arguments) -> Value:
    """The float result of a layer on an input that is rounded by its own range."""
    x = _dynamic(run, run.tensor(args["X"]), torch.quint8, bool(args["reduce_range"]))
    return _linear(run, {**args, "X": x})


def _conv_dynamically(function: Float) -> Float:
    """PyTorch rounds the result of a convolution by the scale that it chose for the input."""

    def layer(run: Interpreter, args: Arguments) -> Value:
        x = _dynamic(run, run.tensor(args["qx"]), torch.quint8, bool(args["reduce_range"]))
        made: Value = dequantize(run, quantize(run, function(run, {**args, "qx": x}), x.scheme))
        return made

    return layer


def _linear_of_rounded(run: Interpreter, args: Arguments) -> Value:
    """A linear layer on a float input that is rounded first; its result is float."""
    scheme = _scheme(run, torch.quint8, args["X_scale"], args["X_zero_point"])
    return _linear(run, {**args, "X": quantize(run, run.tensor(args["X"]), scheme)})


def _linear_fp16(run: Interpreter, args: Arguments) -> Value:
    layer = packed.linear_fp16(run, args["W_prepack"])
    made: Value = run.named("aten::linear", input=args["X"], weight=layer.weight, bias=layer.bias)
    return made


# Float operators of the same arguments, or nearly so.


def _float(name: str, **renamed: str) -> Float:
    """``renamed`` gives the float operator's argument its name in the quantized operator."""

    def function(run: Interpreter, args: Arguments) -> Value:
        op = operator_named(name)
        assert op is not None, name
        named = {}
        for formal in op.arguments:
            source = renamed.get(formal.name, formal.name)
            if source in args:
                named[formal.name] = args[source]
        made: Value = run.named(name, **named)
        return made

    return function


def _batch_norm(run: Interpreter, args: Arguments) -> Value:
    made: Value = run.named(
        "aten::batch_norm",
        input=args["qx"],
        weight=args["weight"],
        bias=args["bias"],
        running_mean=args["mean"],
        running_var=args["var"],
        training=False,
        momentum=0.1,
        eps=args["eps"],
        cudnn_enabled=False,
    )
    return made


def _instance_norm(run: Interpreter, args: Arguments) -> Value:
    made: Value = run.named(
        "aten::instance_norm",
        input=args["input"],
        weight=args["weight"],
        bias=args["bias"],
        use_input_stats=True,
        momentum=0.1,
        eps=args["eps"],
        cudnn_enabled=False,
    )
    return made


def _two(name: str) -> Float:
    def function(run: Interpreter, args: Arguments) -> Value:
        tensor = name + ".Tensor"
        made: Value = run.named(f"aten::{tensor}", self=args["qa"], other=args["qb"])
        return made

    return function


def _cat(run: Interpreter, args: Arguments) -> Value:
    made: Value = run.named("aten::cat", tensors=args["qx"], dim=args["dim"])
    return made


# Float results that are rounded by the scale that the operator is given.
ROUNDED: dict[str, Float] = {
    "linear": _linear,
    "linear_relu": _with_relu(_linear),
    "linear_leaky_relu": _linear_then("aten::leaky_relu", "negative_slope"),
    "linear_tanh": _linear_then("aten::tanh"),
    "conv2d_add": _conv2d_add,
    "conv2d_add_relu": _with_relu(_conv2d_add),
    "batch_norm": _batch_norm,
    "batch_norm1d": _batch_norm,
    "batch_norm2d": _batch_norm,
    "batch_norm3d": _batch_norm,
    "batch_norm_relu": _with_relu(_batch_norm),
    "batch_norm1d_relu": _with_relu(_batch_norm),
    "batch_norm2d_relu": _with_relu(_batch_norm),
    "batch_norm3d_relu": _with_relu(_batch_norm),
    "layer_norm": _float("aten::layer_norm"),
    "group_norm": _float("aten::group_norm"),
    "instance_norm": _instance_norm,
    "hardswish": _float("aten::hardswish", self="input"),
    "sigmoid": _float("aten::sigmoid", self="qx"),
    "softmax": _float("aten::softmax.int", self="qx"),
    "leaky_relu": _float("aten::leaky_relu", self="qx"),
    "elu": _float("aten::elu"),
    "celu": _float("aten::celu"),
    "prelu": _float("aten::prelu", self="qx"),
    "matmul": _float("aten::matmul", self="qa", other="qb"),
    "add": _two("add"),
    "add_relu": _with_relu(_two("add")),
    "mul": _two("mul"),
    "mul_relu": _with_relu(_two("mul")),
    "cat": _cat,
    "cat_relu": _with_relu(_cat),
}
for _rank in (1, 2, 3):
    ROUNDED[f"conv{_rank}d"] = _conv(_rank)
    ROUNDED[f"conv{_rank}d_relu"] = _with_relu(_conv(_rank))
    ROUNDED[f"conv_transpose{_rank}d"] = _conv(_rank, transposed=True)

# Float results that stay so.
FLOAT: dict[str, Float] = {
    "linear_dynamic": _linear_dynamic,
    "linear_relu_dynamic": _with_relu(_linear_dynamic),
    "linear_with_input_q_dq_qweight_dq_output_fp32": _linear_of_rounded,
    "linear_with_input_q_dq_qweight_dq_relu_output_fp32": _with_relu(_linear_of_rounded),
    "linear_dynamic_fp16": _linear_fp16,
    "linear_relu_dynamic_fp16": _with_relu(_linear_fp16),
}
# PyTorch's transposed ones are far from their float layers, and are refused.
for _rank in (1, 2, 3):
    FLOAT[f"conv{_rank}d_dynamic"] = _conv_dynamically(_conv(_rank))

# Results that are rounded by the scale of the input.
SAME_SCALE: dict[str, Float] = {
    "relu6": _float("aten::relu6", self="qx"),
    "clamp": _float("aten::clamp", self="qx"),
    "threshold": _float("aten::threshold", self="qx"),
}

SCALE = ("Y_scale_i", "output_scale", "scale")
ZERO_POINT = ("Y_zero_point_i", "output_zero_point", "zero_point")


def _rounded(name: str, function: Float) -> Callable[[Interpreter, Arguments], Any]:
    def operator(run: Interpreter, args: Arguments) -> Any:
        if "b" in args:
            return WITH_A_NUMBER[name](run, args)
        if "out" in args:
            raise run.error(f"quantized::{name} that writes to out= is not translated.")
        first = next(x for a in args.values() for x in (a if isinstance(a, list) else [a]))
        dtype = first.scheme.dtype if isinstance(first, Quantized) else torch.quint8
        # elu has a scale of its own beside that of its result.
        scale = next(args[name] for name in SCALE if name in args)
        zero_point = next(args[name] for name in ZERO_POINT if name in args)
        if scale is None:
            scheme = _quantized(run, first).scheme
        else:
            scheme = _scheme(run, dtype, scale, zero_point)
        return quantize(run, function(run, args), scheme)

    return operator


def _same_scale(function: Float) -> Callable[[Interpreter, Arguments], Any]:
    def operator(run: Interpreter, args: Arguments) -> Any:
        x = _quantized(run, args["qx"])
        return quantize(run, function(run, args), x.scheme)

    return operator


for _name, _function in ROUNDED.items():
    handles(f"quantized::{_name}")(_rounded(_name, _function))
for _name, _function in FLOAT.items():
    handles(f"quantized::{_name}")(_function)
for _name, _function in SAME_SCALE.items():
    handles(f"quantized::{_name}")(_same_scale(_function))


@handles("quantized::max_pool1d", "quantized::max_pool2d")
def max_pool(run: Interpreter, args: Arguments) -> Any:
    x = _quantized(run, args["qx"])
    rank = len(args["kernel_size"])
    named = {name: args[name] for name in args if name != "qx"}
    return as_quantized(run, run.named(f"aten::max_pool{rank}d", self=x, **named), x.scheme)


@handles("quantized::dropout")
def dropout(run: Interpreter, args: Arguments) -> Any:
    if args["training"]:
        raise run.error("quantized::dropout in training is not translated.")
    return args["self"]


@handles("aten::quantized_lstm", "aten::quantized_gru")
@handles("quantized::quantized_lstm_cell_dynamic", "quantized::quantized_gru_cell_dynamic")
@handles("quantized::quantized_rnn_relu_cell_dynamic", "quantized::quantized_rnn_tanh_cell_dynamic")
def recurrent(run: Interpreter, args: Arguments) -> Any:
    raise run.error(
        "Recurrent layers of integers choose a scale at every step, which is not translated.",
        "Keep recurrent layers in float: leave them out of quantize_dynamic's set of modules.",
    )


# With a Python number the scale itself moves, and the integers stay where they can.


@handles("quantized::add_scalar")
def add_scalar(run: Interpreter, args: Arguments) -> Any:
    x, scheme, number = _known_scale(run, args)
    _, low, high = RANGES[scheme.dtype]
    zero = scheme.zero_point
    steps = round(number / scheme.scale)
    scale, zero_point = scheme.scale, zero - steps
    if low > zero - steps:
        scale = (high - (zero - steps)) / (high - low) * scheme.scale
        zero_point = low
    elif high < zero - steps:
        scale = ((zero - steps) - low) / (high - low) * scheme.scale
        zero_point = high
    moved = run.named("aten::add.Scalar", self=x, other=steps * scheme.scale)
    return quantize(run, moved, Scheme(scheme.dtype, scale, zero_point))


@handles("quantized::add_scalar_relu")
def add_scalar_relu(run: Interpreter, args: Arguments) -> Any:
    return _relu(run, add_scalar(run, args))


@handles("quantized::mul_scalar")
def mul_scalar(run: Interpreter, args: Arguments) -> Any:
    x, scheme, number = _known_scale(run, args)
    _, low, high = RANGES[scheme.dtype]
    moved = run.named("aten::mul.Scalar", self=x, other=number)
    if number == 0:
        return quantize(run, moved, Scheme(scheme.dtype, 1.0, 0))
    zero_point = scheme.zero_point if number > 0 else low + high - scheme.zero_point
    return quantize(
        run, moved, replace(scheme, scale=scheme.scale * abs(number), zero_point=zero_point)
    )


@handles("quantized::mul_scalar_relu")
def mul_scalar_relu(run: Interpreter, args: Arguments) -> Any:
    return _relu(run, mul_scalar(run, args))


WITH_A_NUMBER: dict[str, Callable[[Interpreter, Arguments], Any]] = {
    "add": add_scalar,
    "add_relu": add_scalar_relu,
    "mul": mul_scalar,
    "mul_relu": mul_scalar_relu,
}


def _relu(run: Interpreter, x: Quantized) -> Quantized:
    return quantize(run, run.named("aten::relu", self=x), x.scheme)


def _known_scale(run: Interpreter, args: Arguments) -> tuple[Quantized, Scheme, float]:
    x, number = _quantized(run, args["qa"]), run.item(args["b"])
    run_time = isinstance(x.scheme.scale, Value) or isinstance(number, Value)
    if run_time or x.scheme.axis is not None:
        raise run.error("A quantized operator with a number needs a scale known at export.")
    return x, x.scheme, float(number)


@handles("quantized::embedding_byte", "quantized::embedding_4bit")
def embedding(run: Interpreter, args: Arguments) -> Any:
    rows, scale, offset = packed.embedding(run, args["weight"])
    indices = run.tensor(args["indices"])

    def looked_up(weight: Value) -> Any:
        return run.named("aten::embedding", weight=weight, indices=indices)

    return _of_rows(run, looked_up(rows), looked_up(scale), looked_up(offset))


def _of_rows(run: Interpreter, rows: Value, scale: Value, offset: Value) -> Value:
    steps = run.named("aten::to.dtype", self=rows, dtype=torch.float32)
    scaled = run.named("aten::mul.Tensor", self=steps, other=scale)
    made: Value = run.named("aten::add.Tensor", self=scaled, other=offset)
    return made


@handles("quantized::embedding_bag_byte", "quantized::embedding_bag_4bit")
def embedding_bag(run: Interpreter, args: Arguments) -> Any:
    """Sums of rows: of each row of a matrix of indices, or from each offset to the next."""
    if args["pruned_weights"] or args["compressed_indices_mapping"] is not None:
        raise run.error("Pruned embeddings are not translated.")
    indices, weights = run.tensor(args["indices"]), args["per_sample_weights"]
    if indices.fake.dim() == 2:
        found = embedding(run, {"weight": args["weight"], "indices": indices})
        if weights is not None:
            weights = run.named("aten::unsqueeze", self=weights, dim=-1)
            found = run.named("aten::mul.Tensor", self=found, other=weights)
        return run.named("aten::sum.dim_IntList", self=found, dim=[1])
    table = _of_rows(run, *packed.embedding(run, args["weight"]))
    found = run.named(
        "aten::embedding_bag",
        weight=table,
        indices=indices,
        offsets=run.tensor(args["offsets"]),
        per_sample_weights=weights,
        include_last_offset=args["include_last_offset"],
    )
    return found[0]
