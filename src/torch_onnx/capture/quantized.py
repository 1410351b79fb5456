"""Quantized tensors: to the graph they are the float numbers that they stand for.

No quantized dtype leaves the capture. A quantized tensor is a float Value that remembers by which
scale and zero point its elements were rounded; what an operator on it makes is rounded anew by the
calls ``quantized_decomposed::quantize_*`` and ``dequantize_*``, which are said by name and need not
be registered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from torch_onnx.errors import CaptureError
from torch_onnx.graph import Call, Value

# Integers that quantized dtypes hold: their dtype, the lowest and the highest.
# PyTorch means to give these dtypes up.
RANGES: dict[torch.dtype, tuple[torch.dtype, int, int]] = {
    getattr(torch, name): held
    for name, held in {
        "quint8": (torch.uint8, 0, 255),
        "qint8": (torch.int8, -128, 127),
        "qint32": (torch.int32, -(2**31), 2**31 - 1),
    }.items()
    if hasattr(torch, name)
}


def is_quantized(modules: Iterable[torch.nn.Module], tensors: Iterable[torch.Tensor]) -> bool:
    """Whether a model computes on quantized tensors, which only TorchScript holds."""
    if any(tensor.is_quantized for tensor in tensors):
        return True
    for module in modules:
        if isinstance(module, torch.jit.ScriptModule):
            continue
        held = [*vars(module).values(), *module.buffers(recurse=False)]
        for value in held:
            if isinstance(value, torch.ScriptObject):
                return True
            if isinstance(value, torch.Tensor) and value.is_quantized:
                return True
    return False


# Operators that make quantized tensors of others. To stand-ins their results are plain floats.
MAKERS = (
    "aten::quantize_per_tensor",
    "aten::quantize_per_channel",
    "aten::_make_per_tensor_quantized_tensor",
    "aten::_make_per_channel_quantized_tensor",
    "aten::_empty_affine_quantized",
)


def refuse_quantized(calls: Iterable[Call]) -> None:
    """Refuse a program that makes quantized tensors and whose front end does not follow them.

    Raises:
        CaptureError: naming the line.
    """
    for call in calls:
        if call.op.name.startswith(MAKERS):
            raise CaptureError(
                f"{call.op.name} makes a quantized tensor, which only TorchScript programs hold.",
                call.source.frame,
                "Export with strategy='trace'.",
            )


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a quantized tensor rounds: numbers known now, or values known at run time.

    With an ``axis``, scale and zero point are tensors of one number for each channel.
    """

    dtype: torch.dtype
    scale: Any
    zero_point: Any
    axis: int | None = None


PLAIN = Scheme(torch.float32, 1.0, 0)


@dataclass(slots=True, eq=False, repr=False)
class Quantized(Value):
    """The float numbers that a quantized tensor stands for, and how it rounds."""

    scheme: Scheme = field(default=PLAIN)

    def like(self, value: Value) -> Quantized:
        """Another value that is rounded by the same scale."""
        return Quantized(value.name, value.dtype, value.shape, fake=value.fake, scheme=self.scheme)


class Parts(NamedTuple):
    """A quantized tensor as a program gives it back, and as torch.onnx does: three tensors."""

    integers: Any
    scale: Any
    zero_point: Any


def parts_of(tensor: torch.Tensor, *, is_input: bool) -> list[torch.Tensor]:
    """A tensor of the model's arguments or results as the ONNX model has it.

    A quantized one is three: integers, scale, zero point. Like in torch.onnx the scale is float64
    and the zero point int64 in the inputs; in the outputs float32, and of the integers' dtype.
    """
    if not tensor.is_quantized:
        return [tensor]
    scale, zero_point = qparams_of(tensor)
    integers = tensor.int_repr()
    if is_input:
        return [integers, scale, zero_point]
    return [integers, scale.to(torch.float32), zero_point.to(integers.dtype)]


def qparams_of(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A quantized tensor's scale (float64) and zero point (int64), without axes or one."""
    if axis_of(tensor) is not None:
        scales, zero_points = tensor.q_per_channel_scales(), tensor.q_per_channel_zero_points()
        return scales.to(torch.float64), zero_points.to(torch.int64)
    scale, zero_point = tensor.q_scale(), tensor.q_zero_point()
    return torch.tensor(scale, dtype=torch.float64), torch.tensor(zero_point)


def axis_of(tensor: torch.Tensor) -> int | None:
    """The axis of a quantized tensor's channels, None where it has one scale."""
    if tensor.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
        return None
    return tensor.q_per_channel_axis()


def part_paths(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """What the three parts are called."""
    *outer, last = path or ("output",)
    return [path, (*outer, f"{last}_scale"), (*outer, f"{last}_zero_point")]


def spread(tensors: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], list[int]]:
    """All tensors as the ONNX model has them as inputs; and where the parts of each begin."""
    flat: list[torch.Tensor] = []
    places = []
    for tensor in tensors:
        places.append(len(flat))
        flat += parts_of(tensor, is_input=True)
    return flat, places
