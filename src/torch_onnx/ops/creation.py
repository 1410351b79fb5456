"""Tensors made of numbers: full, arange, linspace, eye, tril and triu."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx import compat
from torch_onnx.builder.dtypes import is_integer
from torch_onnx.builder.fold import LARGEST
from torch_onnx.builder.values import Integer, Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of, refuse_complex
from torch_onnx.ops.slicing import row_and_column
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("creation")

# The dtypes that ConstantOfShape has at every opset.
FILLS = frozenset(
    "float16 float32 float64 bool int8 int16 int32 int64 uint8 uint16 uint32 uint64".split()
)


# One number everywhere. The dtype is the one that PyTorch declares for the result.


def filled(
    g: Builder, shape: OnnxValue, value: Number | OnnxValue, dtype: torch.dtype
) -> OnnxValue:
    """A tensor of a shape (a vector) that holds one number everywhere."""
    if isinstance(value, OnnxValue):
        if value.constant is None:
            return g.Expand(g.scalar(value, dtype), shape)
        value = value.constant.item()
    if dtype.is_complex:
        raise NotExpressible("complex tensors can't be filled")
    if str(dtype).removeprefix("torch.") not in FILLS:
        return g.Expand(g.constant(value, dtype), shape)
    return g.ConstantOfShape(shape, value=torch.full((1,), value, dtype=dtype))


def filled_sizes(
    g: Builder, sizes: Sequence[Integer], value: Number, dtype: torch.dtype
) -> OnnxValue:
    return filled(g, g.vector(sizes), value, dtype)


def filled_like(g: Builder, x: OnnxValue, value: Number, dtype: torch.dtype) -> OnnxValue:
    refuse_complex(x)
    return filled(g, g.shape_vector(x), value, dtype)


@aten("full")
def full(
    g: Builder,
    size: Sequence[Integer],
    fill_value: Number,
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return filled_sizes(g, size, fill_value, result.dtype)


# What "empty" holds is anybody's guess; zeros are reproducible.
@aten("zeros", "empty.memory_format", "_efficientzerotensor")
def zeros(
    g: Builder, size: Sequence[Integer], result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return filled_sizes(g, size, 0, result.dtype)


@aten("ones")
def ones(
    g: Builder, size: Sequence[Integer], result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return filled_sizes(g, size, 1, result.dtype)


@aten("empty_strided")
def empty_strided(
    g: Builder,
    size: Sequence[Integer],
    stride: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return filled_sizes(g, size, 0, result.dtype)


@aten("empty_permuted")
def empty_permuted(
    g: Builder,
    size: Sequence[Integer],
    physical_layout: Sequence[int],
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return filled_sizes(g, size, 0, result.dtype)


@aten("new_full")
def new_full(
    g: Builder,
    self: OnnxValue,
    size: Sequence[Integer],
    fill_value: Number,
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return filled_sizes(g, size, fill_value, result.dtype)


@aten("new_zeros", "new_empty")
def new_zeros(
    g: Builder,
    self: OnnxValue,
    size: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return filled_sizes(g, size, 0, result.dtype)


@aten("new_empty_strided")
def new_empty_strided(
    g: Builder,
    self: OnnxValue,
    size: Sequence[Integer],
    stride: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return filled_sizes(g, size, 0, result.dtype)


@aten("new_ones")
def new_ones(
    g: Builder,
    self: OnnxValue,
    size: Sequence[Integer],
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return filled_sizes(g, size, 1, result.dtype)


@aten("full_like")
def full_like(
    g: Builder,
    self: OnnxValue,
    fill_value: Number,
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return filled_like(g, self, fill_value, result.dtype)


@aten("zeros_like", "empty_like")
def zeros_like(
    g: Builder, self: OnnxValue, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return filled_like(g, self, 0, result.dtype)


@aten("ones_like")
def ones_like(
    g: Builder, self: OnnxValue, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return filled_like(g, self, 1, result.dtype)


@aten("fill.Scalar", "fill.Tensor")
def fill(g: Builder, self: OnnxValue, value: Number) -> OnnxValue:
    return filled_like(g, self, value, self.dtype)


@aten("zero")
def zero(g: Builder, self: OnnxValue) -> OnnxValue:
    return filled_like(g, self, 0, self.dtype)


# Numbers in a row.


@aten("arange")
def arange(
    g: Builder, end: Number, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return arange_step(g, 0, end, result)


@aten("_dim_arange")
def range_of_axis(g: Builder, like: OnnxValue, dim: int, result: OnnxValue) -> OnnxValue:
    return arange_step(g, 0, g.size(like, dim), result)


@aten("arange.start")
def arange_start(
    g: Builder, start: Number, end: Number, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return arange_step(g, start, end, result)


@aten("arange.start_step")
def arange_step(
    g: Builder,
    start: Number,
    end: Number,
    result: OnnxValue,
    step: Number = 1,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    """A Range of integers wherever possible: a float Range adds up its rounding errors."""
    bounds = [_known(number) for number in (start, end, step)]
    if result.dtype == torch.int64 and compat.ranges_are_of_whole_numbers():
        # All of them are rounded before it is counted, and for other integers after that.
        bounds = [_towards_zero(g, number) for number in bounds]
    first, last, by = bounds
    if all(map(_is_integral, bounds)):
        if isinstance(by, int) and by < 0 and not isinstance(first, int):
            # ONNX Runtime 1.32 makes a Gather by such a Range a Slice that ends before it starts.
            distance: Any = g.sub(first, last)  # type: ignore[arg-type]
            count = g.floordiv(g.add(distance, -by - 1), -by)
            places = g.Range(0, g.scalar(count, torch.int64), 1)
            return g.Add(g.Mul(places, g.constant(by, torch.int64)), g.scalar(first, torch.int64))
        return g.Range(*(g.scalar(n, torch.int64) for n in bounds))
    places = g.Range(0, _count(g, first, last, by), 1)
    if is_integer(result.dtype):
        return g.Add(g.Mul(places, g.scalar(by, torch.int64)), g.scalar(first, torch.int64))
    steps = g.Cast(places, to=torch.float64)
    if not (isinstance(by, (int, float)) and by == 1):
        steps = g.Mul(steps, _double(g, by))
    if not (isinstance(first, (int, float)) and first == 0):
        steps = g.Add(steps, _double(g, first))
    return steps


def _count(g: Builder, start: Number, end: Number, step: Number) -> OnnxValue:
    """How many numbers there are from start to end, which is left out."""
    distance = g.Sub(_double(g, end), _double(g, start))
    return g.Cast(g.Ceil(g.Div(distance, _double(g, step))), to=torch.int64)


def _known(number: Number) -> Number:
    """A number as simple as it is: 3 for 3.0 and for a constant."""
    if isinstance(number, OnnxValue):
        if number.constant is None:
            return number
        number = number.constant.item()
    if isinstance(number, float) and number.is_integer() and abs(number) < 2**53:
        return int(number)
    return number


def _towards_zero(g: Builder, number: Number) -> Number:
    if _is_integral(number):
        return number
    return g.scalar(number, torch.int64) if isinstance(number, OnnxValue) else int(number)


def _is_integral(number: Number) -> bool:
    dtype = number.dtype if isinstance(number, OnnxValue) else None
    return is_integer(dtype) if dtype is not None else isinstance(number, int)


def _double(g: Builder, number: Number) -> OnnxValue:
    return g.scalar(number, torch.float64)


@aten("range")
def inclusive_range(
    g: Builder, start: Number, end: Number, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return inclusive_range_step(g, start, end, result)


@aten("range.step")
def inclusive_range_step(
    g: Builder,
    start: Number,
    end: Number,
    result: OnnxValue,
    step: Number = 1,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    first, last, by = _known(start), _known(end), _known(step)
    if isinstance(first, OnnxValue) or isinstance(last, OnnxValue) or isinstance(by, OnnxValue):
        raise NotExpressible("torch.range needs bounds known when the model is exported")
    count = math.floor((last - first) / by) + 1
    return g.constant((torch.arange(count, dtype=torch.float64) * by + first).to(result.dtype))


@aten("linspace", "linspace.Tensor_Tensor", "linspace.Tensor_Scalar", "linspace.Scalar_Tensor")
def linspace(
    g: Builder,
    start: Number,
    end: Number,
    steps: Integer,
    result: OnnxValue,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return _linspace(g, start, end, steps, result.dtype)


def _linspace_of_any_length(
    g: Builder, first: Number, last: Number, steps: OnnxValue, dtype: torch.dtype
) -> OnnxValue:
    if not dtype.is_floating_point:
        raise NotExpressible(
            f"a linspace of {dtype} needs a length known when the model is exported"
        )
    low, high = g.scalar(first, dtype), g.scalar(last, dtype)
    gaps = g.sub(steps, 1)
    by = g.Div(g.Sub(high, low), g.scalar(g.maximum(gaps, 1), dtype))
    places = g.Range(0, g.scalar(steps, torch.int64), 1)
    half = g.Less(places, g.scalar(g.floordiv(steps, 2)))
    forward = g.Add(low, g.Mul(by, g.cast(places, dtype)))
    left = g.Sub(g.scalar(gaps), places)
    backward = g.Sub(high, g.Mul(by, g.cast(left, dtype)))
    # A single step is the start.
    single = g.Less(g.scalar(gaps), g.constant(1))
    return g.Where(g.Or(half, single), forward, backward)


def _linspace(
    g: Builder, start: Number, end: Number, steps: Integer, dtype: torch.dtype
) -> OnnxValue:
    first, last = _known(start), _known(end)
    if isinstance(steps, OnnxValue):
        return _linspace_of_any_length(g, first, last, steps, dtype)
    if not isinstance(first, OnnxValue) and not isinstance(last, OnnxValue):
        return g.constant(torch.linspace(first, last, steps, dtype=dtype))
    if not dtype.is_floating_point:
        # In float64 from the bounds' integers on, then cut off.
        return g.cast(_between_integers(g, first, last, steps, dtype), dtype)
    return linspace_between(g, g.scalar(first, dtype), g.scalar(last, dtype), steps, dtype)


def _between_integers(
    g: Builder, first: Number, last: Number, steps: int, dtype: torch.dtype
) -> OnnxValue:
    low, high = (g.cast(g.scalar(n, dtype), torch.float64) for n in (first, last))
    return linspace_between(g, low, high, steps, torch.float64)


def linspace_between(
    g: Builder, low: OnnxValue, high: OnnxValue, steps: int, dtype: torch.dtype
) -> OnnxValue:
    """``steps`` floats from one tensor of no axes to another."""
    if low.constant is not None and high.constant is not None:
        bounds = low.constant.item(), high.constant.item()
        return g.constant(torch.linspace(*bounds, steps, dtype=dtype))
    if steps < 2:
        return g.Expand(low, [steps])
    by = g.Div(g.Sub(high, low), g.like(steps - 1, low))
    # PyTorch counts the second half back from the end.
    places = torch.arange(steps)
    half = places < steps // 2
    forward = g.Add(low, g.Mul(by, places.to(dtype)))
    backward = g.Sub(high, g.Mul(by, (steps - 1 - places).to(dtype)))
    return g.Where(half, forward, backward)


@aten("logspace", "logspace.Tensor_Tensor", "logspace.Tensor_Scalar", "logspace.Scalar_Tensor")
def logspace(
    g: Builder,
    start: Number,
    end: Number,
    steps: int,
    result: OnnxValue,
    base: float = 10.0,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    first, last = _known(start), _known(end)
    if not isinstance(first, OnnxValue) and not isinstance(last, OnnxValue):
        return g.constant(torch.logspace(first, last, steps, base, dtype=result.dtype))
    if result.dtype.is_floating_point:
        exponents = _linspace(g, first, last, steps, result.dtype)
    else:
        exponents = _between_integers(g, first, last, steps, result.dtype)
    return g.cast(g.Pow(g.like(base, exponents), exponents), result.dtype)


# Matrices.


@aten("eye")
def eye(g: Builder, n: Integer, result: OnnxValue, dtype: torch.dtype | None = None) -> OnnxValue:
    return eye_rectangular(g, n, n, result)


@aten("eye.m")
def eye_rectangular(
    g: Builder, n: Integer, m: Integer, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    like = g.ConstantOfShape(g.vector([n, m]), value=torch.zeros(1, dtype=torch.float32))
    return g.EyeLike(like)


@aten("tril")
def tril(g: Builder, self: OnnxValue, diagonal: Integer = 0) -> OnnxValue:
    return _triangle(g, self, diagonal, upper=False)


@aten("triu")
def triu(g: Builder, self: OnnxValue, diagonal: Integer = 0) -> OnnxValue:
    return _triangle(g, self, diagonal, upper=True)


def _triangle(g: Builder, x: OnnxValue, diagonal: Integer, upper: bool) -> OnnxValue:
    """x with zeros below (upper) or above a diagonal of its last two axes."""
    if g.opset >= 14:
        offset = None if isinstance(diagonal, int) and diagonal == 0 else g.scalar(diagonal)
        return g.Trilu(x, offset, upper=int(upper))
    mask = triangle_mask(g, g.size(x, rank_of(x) - 2), g.size(x, rank_of(x) - 1), diagonal, upper)
    if x.dtype == torch.bool:
        return g.And(x, mask)
    return g.Where(mask, x, g.like(0, x))


def triangle_mask(
    g: Builder, rows: Integer, columns: Integer, diagonal: Integer, upper: bool
) -> OnnxValue:
    """A bool matrix: column - row >= diagonal (upper), or <= diagonal."""
    if all(isinstance(n, int) for n in (rows, columns, diagonal)) and rows * columns <= LARGEST:  # type: ignore[operator]
        whole = torch.ones(rows, columns, dtype=torch.bool)  # type: ignore[arg-type]
        return g.constant(whole.triu(diagonal) if upper else whole.tril(diagonal))  # type: ignore[arg-type]
    row, column = row_and_column(g, rows, columns)
    edge = g.Add(row, g.scalar(diagonal))
    return g.Not(g.Less(column, edge) if upper else g.Greater(column, edge))


@aten("tril_indices")
def tril_indices(
    g: Builder,
    row: int,
    col: int,
    result: OnnxValue,
    offset: int = 0,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return g.constant(torch.tril_indices(row, col, offset, dtype=result.dtype))


@aten("triu_indices")
def triu_indices(
    g: Builder,
    row: int,
    col: int,
    result: OnnxValue,
    offset: int = 0,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return g.constant(torch.triu_indices(row, col, offset, dtype=result.dtype))
