"""ONNX operators that PyTorch lacks, for ``torch_onnx.ops``; see ``operators``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torch_onnx.operators import node


def hardmax(x: torch.Tensor, axis: int = -1) -> torch.Tensor:
    """Hardmax (opset 13): 1 at the first largest element along an axis, 0 elsewhere."""

    def eager(x: Any, axis: int) -> Any:
        zeros = torch.zeros_like(x)
        return zeros.scatter(axis, x.argmax(axis, keepdim=True), 1)

    return _one("Hardmax", 13, eager, [x], {"axis": axis})


def depth_to_space(x: torch.Tensor, blocksize: int, mode: str = "DCR") -> torch.Tensor:
    """DepthToSpace: blocks of channels go to space; ``CRD`` is pixel_shuffle."""

    def eager(x: Any, blocksize: int, mode: str) -> Any:
        n, c, h, w = x.shape
        b = blocksize
        if mode == "CRD":
            return x.reshape(n, c // b**2, b, b, h, w).permute(0, 1, 4, 2, 5, 3).reshape(
                n, c // b**2, h * b, w * b)  # fmt: skip
        return x.reshape(n, b, b, c // b**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(
            n, c // b**2, h * b, w * b)  # fmt: skip

    return _one("DepthToSpace", 11, eager, [x], {"blocksize": blocksize, "mode": mode})


def space_to_depth(x: torch.Tensor, blocksize: int) -> torch.Tensor:
    """SpaceToDepth: the inverse of ``depth_to_space`` in its ``DCR`` mode."""

    def eager(x: Any, blocksize: int) -> Any:
        n, c, h, w = x.shape
        b = blocksize
        x = x.reshape(n, c, h // b, b, w // b, b).permute(0, 3, 5, 1, 2, 4)
        return x.reshape(n, c * b**2, h // b, w // b)

    return _one("SpaceToDepth", 11, eager, [x], {"blocksize": blocksize})


def mean_variance_normalization(x: torch.Tensor, axes: Sequence[int] = (0, 2, 3)) -> torch.Tensor:
    """MeanVarianceNormalization (opset 13): ``(x − mean) / (std + 1e-9)``."""

    def eager(x: Any, axes: Sequence[int]) -> Any:
        centred = x - x.mean(list(axes), keepdim=True)
        return centred / (centred.square().mean(list(axes), keepdim=True).sqrt() + 1e-9)

    return _one("MeanVarianceNormalization", 13, eager, [x], {"axes": list(axes)})


def thresholded_relu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    """ThresholdedRelu: x where it is above alpha, else 0."""

    def eager(x: Any, alpha: float) -> Any:
        return torch.where(x > alpha, x, torch.zeros_like(x))

    return _one("ThresholdedRelu", 11, eager, [x], {"alpha": alpha})


def shrink(x: torch.Tensor, lambd: float = 0.5, bias: float = 0.0) -> torch.Tensor:
    """Shrink: x − bias above lambd, x + bias below −lambd, else 0."""

    def eager(x: Any, lambd: float, bias: float) -> Any:
        zeros = torch.zeros_like(x)
        return torch.where(x < -lambd, x + bias, torch.where(x > lambd, x - bias, zeros))

    return _one("Shrink", 11, eager, [x], {"lambd": lambd, "bias": bias})


def reverse_sequence(
    x: torch.Tensor, sequence_lens: torch.Tensor, time_axis: int = 0, batch_axis: int = 1
) -> torch.Tensor:
    """ReverseSequence: the first ``sequence_lens[b]`` steps of each sequence, backwards."""

    def eager(x: Any, lengths: Any, time_axis: int, batch_axis: int) -> Any:
        steps = torch.arange(x.shape[time_axis], device=x.device)
        turned = lengths.unsqueeze(1) - 1 - steps
        index = torch.where(turned >= 0, turned, steps)
        index = index if batch_axis < time_axis else index.t()
        index = index.reshape(*index.shape, *[1] * (x.dim() - 2)).expand(x.shape)
        return x.gather(time_axis, index)

    attributes = {"time_axis": time_axis, "batch_axis": batch_axis}
    return _one("ReverseSequence", 11, eager, [x, sequence_lens], attributes)


def quantize_linear(
    x: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor, axis: int = 1
) -> torch.Tensor:
    """QuantizeLinear (opset 13): ``round(x / scale) + zero_point``, saturated to its type.

    Raises:
        TypeError: for a zero point that is no int8 or uint8.
    """
    if zero_point.dtype not in (torch.int8, torch.uint8):
        raise TypeError(f"zero_point is int8 or uint8, not {zero_point.dtype}")

    def eager(x: Any, scale: Any, zero_point: Any, axis: int) -> Any:
        low, high = (-128, 127) if zero_point.dtype == torch.int8 else (0, 255)
        scale, zero = (_along(t, x, axis) for t in (scale, zero_point))
        return ((x / scale).round() + zero).clamp(low, high).to(zero_point.dtype)

    return _one("QuantizeLinear", 13, eager, [x, scale, zero_point], {"axis": axis})


def dequantize_linear(
    x: torch.Tensor, scale: torch.Tensor, zero_point: torch.Tensor, axis: int = 1
) -> torch.Tensor:
    """DequantizeLinear (opset 13): ``(x − zero_point) · scale``."""

    def eager(x: Any, scale: Any, zero_point: Any, axis: int) -> Any:
        zero = _along(zero_point, x, axis).to(torch.int32)
        return (x.to(torch.int32) - zero).to(scale.dtype) * _along(scale, x, axis)

    return _one("DequantizeLinear", 13, eager, [x, scale, zero_point], {"axis": axis})


def dynamic_quantize_linear(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """DynamicQuantizeLinear: x as uint8, and the scale and zero point found for it."""

    def eager(x: Any) -> Any:
        low, high = x.amin().clamp(max=0.0), x.amax().clamp(min=0.0)
        scale = (high - low) / 255
        # What holds zeros alone has the scale 0, and PyTorch would divide by it.
        safe = torch.where(scale == 0, torch.ones_like(scale), scale)
        zero = (-low / safe).clamp(0, 255).round()
        quantized = ((x / safe).round() + zero).clamp(0, 255).to(torch.uint8)
        return quantized, scale, zero.to(torch.uint8)

    made: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = node(
        "DynamicQuantizeLinear", 11, eager, [x], {}
    )
    return made


def matmul_integer(
    a: torch.Tensor,
    b: torch.Tensor,
    a_zero_point: torch.Tensor | None = None,
    b_zero_point: torch.Tensor | None = None,
) -> torch.Tensor:
    """MatMulInteger: ``(a − a_zero_point) @ (b − b_zero_point)`` of 8-bit integers in int32."""

    def eager(a: Any, b: Any, a_zero: Any = None, b_zero: Any = None) -> Any:
        a, b = a.to(torch.int32), b.to(torch.int32)
        if a_zero is not None:
            a = a - (a_zero.unsqueeze(-1) if a_zero.dim() else a_zero).to(torch.int32)
        if b_zero is not None:
            b = b - b_zero.to(torch.int32)
        return a @ b

    return _one("MatMulInteger", 11, eager, [a, b, a_zero_point, b_zero_point], {})


def tensor_scatter(
    past_cache: torch.Tensor,
    update: torch.Tensor,
    write_indices: torch.Tensor | None = None,
    *,
    axis: int = -2,
    mode: str = "linear",
) -> torch.Tensor:
    """TensorScatter (opset 24): the cache with ``update`` written from ``write_indices[b]`` on.

    ``mode="circular"`` goes on at the start where the end is reached.
    """

    def eager(cache: Any, update: Any, starts: Any = None, *, axis: int, mode: str) -> Any:
        axis = axis % cache.dim()
        steps = torch.arange(update.shape[axis], device=cache.device)
        first = starts.unsqueeze(1) if starts is not None else steps.new_zeros(cache.shape[0], 1)
        index = first + steps
        if mode == "circular":
            index = index % cache.shape[axis]
        shape = [1] * cache.dim()
        shape[0], shape[axis] = -1, update.shape[axis]
        return cache.scatter(axis, index.reshape(shape).expand(update.shape), update)

    inputs = [past_cache, update, write_indices]
    return _one("TensorScatter", 24, eager, inputs, {"axis": axis, "mode": mode})


def _one(
    operator: str, since: int, eager: Any, inputs: Sequence[Any], attributes: dict[str, Any]
) -> torch.Tensor:
    made: torch.Tensor = node(operator, since, eager, inputs, attributes)
    return made


def _along(t: torch.Tensor, x: torch.Tensor, axis: int) -> torch.Tensor:
    """A scale for each slice along an axis, to broadcast with x."""
    if t.dim() == 0:
        return t
    shape = [1] * x.dim()
    shape[axis] = -1
    return t.reshape(shape)
