"""Packed parameters: the weights of PyTorch's quantized layers, taken out of their objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from torch_onnx.capture.quantized import Quantized, Scheme, axis_of, qparams_of
from torch_onnx.capture.torchscript import quantized
from torch_onnx.capture.torchscript.interpreter import Interpreter
from torch_onnx.capture.torchscript.values import ModuleAt
from torch_onnx.graph import Value

FINE_ENOUGH = 1 / 16
SMALLEST_NORMAL = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, slots=True)
class Layer:
    """A packed layer: its weight as the graph has it, its bias, and what a convolution does."""

    weight: Value
    bias: Value | None
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    output_padding: tuple[int, ...] = ()
    groups: int = 1


def _object(owner: Any) -> Any:
    return owner.module if isinstance(owner, ModuleAt) else owner


def _name(run: Interpreter, owner: Any) -> str:
    """The path of the layer that the packed parameters belong to."""
    path = owner.path if isinstance(owner, ModuleAt) else f"packed_{len(run.parameters)}"
    steps = path.split(".")
    while steps and steps[-1] in ("_packed_params", "_packed_weight"):
        steps.pop()
    return ".".join(steps)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def linear(run: Interpreter, owner: Any, x: Value, step: Any = None) -> Layer:
    """A linear layer's weight and bias, of which a result is rounded to a ``step``."""
    weight, bias = torch.ops.quantized.linear_unpack(_object(owner))
    return _layer(run, _name(run, owner), weight, bias, x, step)


def linear_fp16(run: Interpreter, owner: Any) -> Layer:
    """A linear layer whose weight is kept in float16."""
    weight, bias = torch.ops.quantized.linear_unpack_fp16(_object(owner))
    path = _name(run, owner)
    half = run.parameter(_join(path, "weight"), weight.to(torch.float16), "parameter")
    full = run.named("aten::to.dtype", self=half, dtype=torch.float32)
    kept = None if bias is None else run.parameter(_join(path, "bias"), bias, "parameter")
    return Layer(full, kept)


def conv(
    run: Interpreter, owner: Any, x: Value, rank: int, transposed: bool, step: Any = None
) -> Layer:
    """A convolution's weight, bias and numbers, one for each of its ``rank`` axes."""
    packed, ops = _object(owner), torch.ops.quantized
    kind = "conv_transpose" if transposed else "conv"
    weight, bias = getattr(ops, f"{kind}{rank}d_unpack")(packed)
    # One-dimensional convolutions are packed as two-dimensional ones of height one.
    held = f"conv{max(rank, 2)}d"

    def numbers(name: str) -> tuple[int, ...]:
        return tuple(int(n) for n in getattr(ops, f"{held}_{name}")(packed))[-rank:]

    layer = _layer(run, _name(run, owner), weight, bias, x, step, int(transposed))
    return Layer(
        layer.weight,
        layer.bias,
        numbers("stride"),
        numbers("padding"),
        numbers("dilation"),
        numbers("output_padding") if transposed else (),
        int(getattr(ops, f"{held}_groups")(packed)),
    )


def _layer(
    run: Interpreter,
    path: str,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    x: Value,
    step: Any,
    channels: int = 0,
) -> Layer:
    made = quantized.owned(run, _join(path, "weight"), weight, "parameter")
    if bias is None:
        return Layer(made, None)
    name, bias = _join(path, "bias"), bias.detach()
    scale = _scale_of_sums(weight, bias, x, step, channels)
    if scale is None:
        return Layer(made, _own(run, name, bias))
    value = _own(run, name, torch.round(bias.double() / scale.double()).to(torch.int32))
    if scale.dim() == 0:
        scheme = Scheme(torch.qint32, float(scale), 0)
    else:
        zeros = run.constant(torch.zeros(len(scale), dtype=torch.int32))
        scheme = Scheme(torch.qint32, run.constant(scale), zeros, 0)
    return Layer(made, quantized.from_integers(run, value, scheme))


def _scale_of_sums(
    weight: torch.Tensor, bias: torch.Tensor, x: Value, step: Any, channels: int
) -> torch.Tensor | None:
    """The scale of the integers that a layer adds up, so that runtimes add its bias to them.

    None where a bias of such integers would not do: PyTorch does not round it, which shows where
    the sums are about as coarse as the result.
    """
    if not isinstance(x, Quantized) or not isinstance(step, float):
        return None
    if x.scheme.axis is not None or not isinstance(x.scheme.scale, float):
        return None
    if not weight.is_quantized or axis_of(weight) not in (None, channels):
        return None
    scale = (qparams_of(weight)[0] * x.scheme.scale).to(torch.float32)
    if scale.dim() and scale.shape != bias.shape:
        return None
    fine = scale.max() <= step * FINE_ENOUGH and scale.min() >= SMALLEST_NORMAL
    fits = fine and (bias.double() / scale.double()).abs().max() < 2**31 - 1
    return scale if bool(fits) else None


def _own(run: Interpreter, name: str, bias: torch.Tensor) -> Value:
    """A bias, which a layer that is called again may need in another form."""
    taken = run.parameters.get(name)
    if taken is not None and not (taken.tensor.dtype == bias.dtype and taken.tensor.equal(bias)):
        name = f"{name}.{len(run.parameters)}"
    return run.parameter(name, bias, "parameter")


def embedding(run: Interpreter, owner: Any) -> tuple[Value, Value, Value]:
    """An embedding's rows as uint8, and what each row is multiplied by and then moved by."""
    weight = torch.ops.quantized.embedding_bag_unpack(_object(owner))
    scale, zero_point = weight.q_per_channel_scales(), weight.q_per_channel_zero_points()
    scale, zero_point = scale.to(torch.float32)[:, None], zero_point.to(torch.float32)[:, None]
    rows = (weight.dequantize() / scale + zero_point).round().clamp(0, 255).to(torch.uint8)
    offset = -scale * zero_point
    if weight.dtype == torch.quint4x2:
        # Rows of four bits keep both in float16.
        scale, offset = scale.half().float(), offset.half().float()
    path = _name(run, owner)
    return (
        run.parameter(_join(path, "weight"), rows, "parameter"),
        run.parameter(_join(path, "weight.scale"), scale, "constant"),
        run.parameter(_join(path, "weight.offset"), offset, "constant"),
    )
