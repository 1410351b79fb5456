"""Operators on quantized tensors: the float operator, then its result rounded.

An operator that only picks elements needs no rounding, nor do results of which nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from torch_onnx.capture.binding import number_operator
from torch_onnx.capture.functionalize import functional_form
from torch_onnx.capture.quantized import RANGES, Parts, Quantized, Scheme, axis_of, qparams_of
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.graph import Call, Operator, Value

QUANTIZE = "quantized_decomposed::quantize_per"
DEQUANTIZE = "quantized_decomposed::dequantize_per"

# Every element of the result is one of the input's.
PICKS = frozenset(
    "alias as_strided broadcast_to channel_shuffle chunk clone contiguous detach diagonal dropout "
    "expand expand_as feature_dropout flatten flip gather index index_select max max_pool1d "
    "max_pool2d max_pool3d min movedim narrow permute pixel_shuffle pixel_unshuffle "
    "quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d reflection_pad1d "
    "reflection_pad2d repeat replication_pad1d replication_pad2d replication_pad3d reshape "
    "reshape_as roll select slice sort split split_with_sizes squeeze swapaxes t take_along_dim "
    "topk transpose unbind unflatten unfold unsqueeze upsample_nearest1d upsample_nearest2d "
    "upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d view view_as".split()
)
KEEPS_AXES = frozenset("alias clone contiguous detach".split())
# The result is rounded by the scale of the (first) input.
ROUNDS = frozenset(
    "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d avg_pool1d avg_pool2d avg_pool3d "
    "cat celu clamp clamp_max clamp_min concat constant_pad_nd elu fill gelu hardswish hardtanh "
    "index_put "
    "leaky_relu masked_fill mean pad relu relu6 stack threshold upsample_bicubic2d "
    "upsample_bilinear2d upsample_linear1d upsample_trilinear3d where zeros_like".split()
)
# The result's scale is the operator's own, as are the zero points of quint8 and qint8.
OWN_SCALE = {
    "sigmoid": (1 / 256, 0, -128),
    "hardsigmoid": (1 / 256, 0, -128),
    "tanh": (2 / 256, 128, 0),
}
# Float numbers, or none: nothing is rounded.
PLAIN = frozenset("eq ne lt le gt ge argmax argmin equal isnan any all".split())


# Calls.


def record(run: Interpreter, name: str, args: dict[str, Any], *fakes: torch.Tensor) -> list[Value]:
    """A call said by its operator's name and its arguments' names."""
    op = number_operator(name, tuple(args))
    outputs = [run.value(fake) for fake in fakes]
    op = replace(op, returns=op.returns * len(outputs))
    run.calls.append(Call(op, args, list(outputs), run.source))
    return outputs


def _numbers(scheme: Scheme) -> tuple[str, dict[str, Any]]:
    """The overload, and the arguments that hold scale and zero point."""
    dtype, low, high = RANGES[scheme.dtype]
    bounds = {"quant_min": low, "quant_max": high, "dtype": dtype}
    if scheme.axis is not None:
        named = {"scales": scheme.scale, "zero_points": scheme.zero_point, "axis": scheme.axis}
        return "_channel", {**named, **bounds}
    run_time = isinstance(scheme.scale, Value) or isinstance(scheme.zero_point, Value)
    named = {"scale": scheme.scale, "zero_point": scheme.zero_point}
    return "_tensor.tensor" if run_time else "_tensor", {**named, **bounds}


def integers(run: Interpreter, x: Value, scheme: Scheme) -> Value:
    """The integers that x is rounded to."""
    overload, numbers = _numbers(scheme)
    with run.fakes.mode:
        fake = torch.empty_like(x.fake, dtype=numbers["dtype"])
    return record(run, QUANTIZE + overload, {"input": x, **numbers}, fake)[0]


def from_integers(run: Interpreter, x: Value, scheme: Scheme) -> Quantized:
    """What integers stand for."""
    overload, numbers = _numbers(scheme)
    with run.fakes.mode:
        fake = torch.empty_like(x.fake, dtype=torch.float32)
    (value,) = record(run, DEQUANTIZE + overload, {"input": x, **numbers}, fake)
    return as_quantized(run, value, scheme)


def quantize(run: Interpreter, x: Value, scheme: Scheme) -> Quantized:
    """x rounded."""
    return from_integers(run, integers(run, x, scheme), scheme)


def dequantize(run: Interpreter, x: Any) -> Any:
    """The float tensor that x stands for, with no memory of how it was rounded."""
    if isinstance(x, (list, tuple)):
        return type(x)(dequantize(run, item) for item in x)
    if not isinstance(x, Quantized):
        return x
    made: Value = run.named("aten::alias", self=x)
    if isinstance(x.scheme.scale, float):
        run.steps[made] = x.scheme.scale
    return made


def as_quantized(run: Interpreter, value: Value, scheme: Scheme) -> Quantized:
    """What the last call made, as a tensor that is rounded like this."""
    made = Quantized(value.name, value.dtype, value.shape, fake=value.fake, scheme=scheme)
    call = run.calls[-1]
    call.outputs = [
        [made if member is value else member for member in output]
        if isinstance(output, list)
        else made
        if output is value
        else output
        for output in call.outputs
    ]
    return made


def owned(run: Interpreter, name: str, tensor: torch.Tensor, kind: str) -> Quantized:
    """A quantized tensor that the program owns: its integers are stored."""
    scale, zero_point = qparams_of(tensor)
    axis = axis_of(tensor)
    value = run.parameter(name, tensor.int_repr(), kind)
    if axis is None:
        scheme = Scheme(tensor.dtype, float(scale), int(zero_point))
    else:
        scales = run.parameter(f"{name}.scale", scale.to(torch.float32), "constant")
        zeros = run.parameter(f"{name}.zero_point", zero_point.to(value.fake.dtype), "constant")
        scheme = Scheme(tensor.dtype, scales, zeros, axis)
    return from_integers(run, value, scheme)


def given(run: Interpreter, parts: Sequence[Value], tensor: torch.Tensor) -> Value:
    """An input of the program: of a quantized tensor, its three parts are the graph's inputs."""
    if not tensor.is_quantized:
        return parts[0]
    return from_integers(run, parts[0], Scheme(tensor.dtype, parts[1], parts[2], axis_of(tensor)))


def finished(run: Interpreter, x: Quantized) -> Parts:
    """A result of the program as tensors that ONNX has."""
    scheme = x.scheme
    dtype = RANGES[scheme.dtype][0]

    def part(number: Any, of: torch.dtype) -> Value:
        if not isinstance(number, Value):
            return run.constant(torch.tensor(number, dtype=of))
        made: Value = run.named("aten::to.dtype", self=number, dtype=of)
        return made

    made = integers(run, x, scheme)
    run.steps[made] = 1.0
    return Parts(made, part(scheme.scale, torch.float32), part(scheme.zero_point, dtype))


# ATen's operators.


def compute(run: Interpreter, op: Operator, args: dict[str, Any]) -> Any:
    """An operator of ATen on quantized tensors.

    Raises:
        CaptureError: when it is none of those whose results are known.
    """
    base = op.name.removeprefix("aten::").partition(".")[0]
    tensors = [item for argument in args.values() for item in _quantized(argument)]
    scheme = tensors[0].scheme
    if base == "copy_":
        return _copy(run, args)
    if op.is_mutating:
        return _in_place(run, op, args)
    if base in PLAIN:
        return run.call(op, args)
    if scheme.axis is not None and base not in KEEPS_AXES:
        raise run.error(f"{op.name} on a tensor with a scale for each channel is not translated.")
    if base in PICKS:
        return _adopted(run, run.call(op, args), scheme)
    if base in OWN_SCALE:
        scale, unsigned, signed = OWN_SCALE[base]
        zero_point = unsigned if scheme.dtype == torch.quint8 else signed
        return quantize(run, run.call(op, args), Scheme(scheme.dtype, scale, zero_point))
    if base in ("cat", "stack", "concat") and all(x.scheme == scheme for x in tensors):
        return _adopted(run, run.call(op, args), scheme)
    if base in ROUNDS:
        return quantize(run, run.call(op, args), scheme)
    if base == "to" or base == "type_as":
        x = args["self"]
        dtype = args.get("dtype")
        if isinstance(x, Quantized) and dtype is None:
            return x
    raise run.error(f"{op.name} on a quantized tensor is not translated.")


def _quantized(argument: Any) -> list[Quantized]:
    if isinstance(argument, (list, tuple)):
        return [x for item in argument for x in _quantized(item)]
    return [argument] if isinstance(argument, Quantized) else []


def _adopted(run: Interpreter, result: Any, scheme: Scheme) -> Any:
    """The float results of the last call, rounded like its input without doing anything."""
    if isinstance(result, list):
        return [_adopted(run, item, scheme) for item in result]
    if isinstance(result, Value) and result.dtype == torch.float32:
        return as_quantized(run, result, scheme)
    return result


def _in_place(run: Interpreter, op: Operator, args: dict[str, Any]) -> Any:
    functional = functional_form(op)
    x = args[op.arguments[0].name]
    if functional is None or not isinstance(x, Quantized):
        raise run.error(f"{op.name} on a quantized tensor is not translated.")
    renamed = {
        new.name: argument
        for new, argument in zip(functional.arguments, args.values(), strict=False)
    }
    result = compute(run, functional, renamed)
    return _copy(run, {"self": x, "src": result})


def _copy(run: Interpreter, args: dict[str, Any]) -> Any:
    """What is written to a quantized tensor is rounded like that."""
    target, source = args["self"], args["src"]
    if isinstance(target, Quantized):
        same = isinstance(source, Quantized) and source.scheme == target.scheme
        source = source if same else quantize(run, source, target.scheme)
    return run.named("aten::copy_", self=target, src=source, non_blocking=False)
