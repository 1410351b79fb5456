"""The discrete Fourier transform of one axis, as ONNX's DFT or as a product with its matrix.

Spectra and complex signals are real tensors with a last axis of 2 here; inverses are divided by
the length, as ONNX has it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import rank_of, shape_of, sizes_of
from torch_onnx.ops.shape import merge_axes, move_axes

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

LONG = 1024
"""Longer transforms are not worth a matrix, where there is an operator."""

QUARTER = math.pi / 2


def resized(g: Builder, x: OnnxValue, axis: int, length: Integer) -> OnnxValue:
    """x cut off or padded with zeros at the end of an axis."""
    size = g.size(x, axis)
    if size is length or size == length:
        return x
    if isinstance(size, int) and isinstance(length, int):
        if length < size:
            return g.Slice(x, [0], [length], axes=[axis])
    else:
        x = g.Slice(x, [0], [length], axes=[axis])
    after: list[Any] = [0] * (2 * rank_of(x))
    after[rank_of(x) + axis] = g.maximum(g.sub(length, size), 0)
    sizes = [*shape_of(x)]
    sizes[axis] = length.expression if isinstance(length, OnnxValue) else length
    x = g.Pad(x, g.vector(after))
    x.shape = tuple(sizes)
    return x


def of_complex(
    g: Builder, z: OnnxValue, axis: int, length: Integer, *, inverse: bool = False
) -> OnnxValue:
    """The transform of a complex signal (…, length, …, 2)."""
    if _has_operator(g, length):
        return _operator(g, z, axis, length, inverse=inverse)
    rows = g.Range(0, g.scalar(length), 1)
    turn = -QUARTER if inverse else QUARTER
    phases = [[[0.0, turn]], [[-turn, 0.0]]]
    angles = g.Unsqueeze(_angles(g, rows, rows, length), axes=[1, 3])
    matrix = g.Cos(g.Add(angles, torch.tensor(phases, dtype=torch.float64)))
    if inverse:
        matrix = g.Div(matrix, g.scalar(length, torch.float64))
    double = g.mul(length, 2)
    return _product(g, z, axis, g.reshape(matrix, [double, double]), length)


def of_real(g: Builder, x: OnnxValue, axis: int, length: Integer, *, onesided: bool) -> OnnxValue:
    """The transform of a real signal, with a last axis of 2; its first half, for ``onesided``."""
    count = g.add(g.floordiv(length, 2), 1) if onesided else length
    if _has_operator(g, length):
        z = g.Unsqueeze(x, axes=[rank_of(x)])
        spectrum = _operator(g, z, axis, length, onesided=onesided)
        sizes = [*shape_of(x), 2]
        sizes[axis] = count if isinstance(count, int) else None
        spectrum.shape = tuple(sizes)
        return spectrum
    rows, columns = (g.Range(0, g.scalar(n), 1) for n in (length, count))
    angles = g.Unsqueeze(_angles(g, rows, columns, length), axes=[2])
    matrix = g.Cos(g.Add(angles, torch.tensor([0.0, QUARTER], dtype=torch.float64)))
    return _product(g, x, axis, g.reshape(matrix, [length, g.mul(count, 2)]), count, spread=True)


def to_real(g: Builder, z: OnnxValue, axis: int, length: Integer) -> OnnxValue:
    """The real signal of which (…, length // 2 + 1, …, 2) is the first half of the spectrum."""
    if _has_operator(g, length):
        whole = _mirrored(g, z, axis, length)
        return g.Gather(of_complex(g, whole, axis, length, inverse=True), 0, axis=-1)
    count = g.add(g.floordiv(length, 2), 1)
    rows, columns = (g.Range(0, g.scalar(n), 1) for n in (count, length))
    angles = g.Unsqueeze(_angles(g, rows, columns, length), axes=[1])
    matrix = g.Cos(g.Add(angles, torch.tensor([[0.0], [QUARTER]], dtype=torch.float64)))
    # Each number stands for its mirror image too, but the first and, of an even length, the last.
    whole = g.scalar(length)
    alone = g.Equal(g.Mod(g.Mul(rows, 2), whole), 0)
    size = g.scalar(length, torch.float64)
    weights = g.Where(alone, g.like(1.0, size), g.like(2.0, size))
    matrix = g.Mul(matrix, g.Unsqueeze(g.Div(weights, size), axes=[1, 2]))
    return _product(g, z, axis, g.reshape(matrix, [g.mul(count, 2), length]), length, joined=True)


# As an operator.


def _has_operator(g: Builder, length: Integer) -> bool:
    """ONNX Runtime 1.32 loses digits of lengths that are no powers of two
    (tests/ops/test_runtime_faults.py), so that these are computed in float64: where that takes
    longer than the matrix, the matrix is used.
    """
    if g.opset < 17:
        return False
    return not isinstance(length, int) or is_power_of_two(length) or length > LONG


def is_power_of_two(length: int) -> bool:
    return length > 0 and length & (length - 1) == 0


def _operator(
    g: Builder,
    z: OnnxValue,
    axis: int,
    length: Integer,
    *,
    inverse: bool = False,
    onesided: bool = False,
) -> OnnxValue:
    dtype = z.dtype
    exact = isinstance(length, int) and is_power_of_two(length)
    if exact or (dtype != torch.float64 or not inverse):
        wide = z if exact else g.cast(z, torch.float64)
        spectrum = g.DFT(wide, axis=axis, inverse=int(inverse), onesided=int(onesided))
    else:
        # The kernel divides by the length in float32, so the conjugates go forward.
        mirror = g.constant([1.0, -1.0], dtype)
        forward = g.Mul(g.DFT(g.Mul(z, mirror), axis=axis), mirror)
        spectrum = g.Div(forward, g.scalar(length, dtype))
    spectrum.shape = None if onesided or z.shape is None else (*z.shape[:-1], 2)
    return g.cast(spectrum, dtype)


def _mirrored(g: Builder, z: OnnxValue, axis: int, length: Integer) -> OnnxValue:
    """All of a spectrum of which the first half is given: the rest are conjugates, in reverse."""
    last = g.floordiv(g.sub(length, 1), 2)
    rest = g.Slice(z, [last], [0], axes=[axis], steps=[-1])
    rest = g.Mul(rest, g.constant([1.0, -1.0], z.dtype))
    whole = g.Concat(z, rest, axis=axis)
    sizes = list(shape_of(z))
    sizes[axis] = length if isinstance(length, int) else None
    whole.shape = tuple(sizes)
    return whole


# As a product with a matrix.


def _angles(g: Builder, rows: OnnxValue, columns: OnnxValue, length: Integer) -> OnnxValue:
    """``2 π row column / length``, the whole turns taken off while the numbers are exact."""
    places = g.Mod(g.Mul(g.Unsqueeze(rows, axes=[1]), columns), g.scalar(length))
    turn = g.constant(2 * math.pi, torch.float64)
    return g.Div(g.Mul(g.cast(places, torch.float64), turn), g.scalar(length, torch.float64))


def _product(
    g: Builder,
    x: OnnxValue,
    axis: int,
    matrix: OnnxValue,
    count: Integer,
    *,
    spread: bool = False,
    joined: bool = False,
) -> OnnxValue:
    """The axis times a matrix. The numbers' axis of 2 belongs to the rows of the matrix unless x
    is real (``spread``), and to its columns unless the result is (``joined``).
    """
    last = rank_of(x) - (1 if spread else 2)
    x = move_axes(g, x, [axis], [last])
    if not spread:
        x = merge_axes(g, x, last, last + 2)
    y = g.MatMul(x, g.cast(matrix, x.dtype))
    if not joined:
        y = g.reshape(y, [*sizes_of(g, x)[:-1], count, 2])
    return move_axes(g, y, [last], [axis])
