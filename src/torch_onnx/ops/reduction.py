"""Reductions: sums, extremes, logical ones, norms, and the places of extremes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import axis_of, rank_of, shape_of
from torch_onnx.ops.creation import filled_sizes
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("reduction")
Dims = Sequence[int] | int | None


def dims_of(x: OnnxValue, dim: Dims) -> list[int]:
    """The axes that a reduction runs over, ascending; None and an empty list mean all."""
    rank = rank_of(x)
    if dim is None or (not isinstance(dim, int) and not dim):
        return list(range(rank))
    dims = [dim] if isinstance(dim, int) else dim
    return sorted(d % max(rank, 1) for d in dims)


def reduce(
    g: Builder, onnx_operator: str, x: OnnxValue, dim: Dims = None, keepdim: bool = False
) -> OnnxValue:
    """An ONNX reduction over ``dim``; a tensor without axes is reduced as its one element."""
    dims = dims_of(x, dim)
    if rank_of(x) == 0:
        x, dims, keepdim = g.Reshape(x, [1]), [0], False
    axes = None if len(dims) == rank_of(x) else dims
    return getattr(g, onnx_operator)(x, axes=axes, keepdims=int(keepdim))


def _reduced_sizes(x: OnnxValue, dim: Dims, keepdim: bool) -> list[Any]:
    dims = dims_of(x, dim)
    kept = [(1 if i in dims else s) for i, s in enumerate(shape_of(x)) if keepdim or i not in dims]
    return kept


def _is_empty(x: OnnxValue, dim: Dims) -> bool:
    """Whether nothing is known to lie along the axes."""
    return any(shape_of(x)[axis] == 0 for axis in dims_of(x, dim) if rank_of(x))


@aten("sum", "sum.dim_IntList")
def sum_(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return reduce(g, "ReduceSum", g.cast(self, result.dtype), dim, keepdim)


@aten("mean", "mean.dim")
def mean(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    if _is_empty(self, dim):
        # The mean of nothing is NaN in PyTorch, 0 in ONNX Runtime.
        sizes = _reduced_sizes(self, dim, keepdim)
        return filled_sizes(g, sizes, math.nan, result.dtype)
    return reduce(g, "ReduceMean", g.cast(self, result.dtype), dim, keepdim)


@aten("prod", "prod.dim_int")
def prod(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return reduce(g, "ReduceProd", g.cast(self, result.dtype), dim, keepdim)


@aten("nansum")
def nansum(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    x = g.cast(self, result.dtype)
    if x.is_floating_point:
        x = g.Where(g.IsNaN(x), g.like(0.0, x), x)
    return reduce(g, "ReduceSum", x, dim, keepdim)


@aten("nanmean")
def nanmean(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    total = nansum(g, self, result, dim, keepdim)
    number = count(g, g.Not(g.IsNaN(self)), dim, keepdim)
    return g.Div(total, g.cast(number, total.dtype))


@aten("logsumexp", "special_logsumexp", promote=("self",), promote_to_float=True)
def logsumexp(g: Builder, self: OnnxValue, dim: Dims, keepdim: bool = False) -> OnnxValue:
    """The largest is taken out first: ONNX Runtime's ReduceLogSumExp does not do that in models of
    opset 28, and takes 0 for it in older ones where a row begins with -inf.
    """
    most = reduce(g, "ReduceMax", self, dim, keepdim=True)
    most = g.Where(g.IsInf(most), g.like(0, self), most)
    total = reduce(g, "ReduceSum", g.Exp(g.Sub(self, most)), dim, keepdim=True)
    found = g.Add(g.Log(total), most)
    return found if keepdim or not rank_of(self) else g.Squeeze(found, axes=dims_of(self, dim))


@aten("count_nonzero", "count_nonzero.dim_IntList")
def count_nonzero(g: Builder, self: OnnxValue, dim: Dims = None) -> OnnxValue:
    return count(g, g.cast(self, torch.bool), dim)


def count(g: Builder, mask: OnnxValue, dim: Dims = None, keepdim: bool = False) -> OnnxValue:
    """How many are true, as int64."""
    return reduce(g, "ReduceSum", g.cast(mask, torch.int64), dim, keepdim)


# Extremes.


def extreme(
    g: Builder, onnx_operator: str, x: OnnxValue, dim: Dims = None, keepdim: bool = False
) -> OnnxValue:
    """ReduceMax or ReduceMin that is NaN where there is any: ONNX Runtime skips some of them."""
    found = reduce(g, onnx_operator, x, dim, keepdim)
    if not x.is_floating_point:
        return found
    return g.Where(_has_nan(g, x, dim, keepdim), g.like(math.nan, x), found)


def _has_nan(g: Builder, x: OnnxValue, dim: Dims, keepdim: bool) -> OnnxValue:
    bad = g.IsNaN(x)
    if g.opset >= 20:
        return reduce(g, "ReduceMax", bad, dim, keepdim)
    return g.cast(reduce(g, "ReduceMax", g.cast(bad, torch.int32), dim, keepdim), torch.bool)


@aten("amax")
def amax(g: Builder, self: OnnxValue, dim: Dims = None, keepdim: bool = False) -> OnnxValue:
    return extreme(g, "ReduceMax", self, dim, keepdim)


@aten("amin")
def amin(g: Builder, self: OnnxValue, dim: Dims = None, keepdim: bool = False) -> OnnxValue:
    return extreme(g, "ReduceMin", self, dim, keepdim)


@aten("max")
def max_(g: Builder, self: OnnxValue) -> OnnxValue:
    return amax(g, self)


@aten("min")
def min_(g: Builder, self: OnnxValue) -> OnnxValue:
    return amin(g, self)


@aten("max.dim")
def max_dim(
    g: Builder, self: OnnxValue, dim: int, keepdim: bool = False
) -> tuple[OnnxValue, OnnxValue]:
    return amax(g, self, dim, keepdim), argmax(g, self, dim, keepdim)


@aten("min.dim")
def min_dim(
    g: Builder, self: OnnxValue, dim: int, keepdim: bool = False
) -> tuple[OnnxValue, OnnxValue]:
    return amin(g, self, dim, keepdim), argmin(g, self, dim, keepdim)


@aten("aminmax", "_aminmax", "_aminmax.dim")
def aminmax(
    g: Builder, self: OnnxValue, dim: int | None = None, keepdim: bool = False
) -> tuple[OnnxValue, OnnxValue]:
    return amin(g, self, dim, keepdim), amax(g, self, dim, keepdim)


@aten("argmax")
def argmax(g: Builder, self: OnnxValue, dim: int | None = None, keepdim: bool = False) -> OnnxValue:
    return _place(g, "ArgMax", self, dim, keepdim)


@aten("argmin")
def argmin(g: Builder, self: OnnxValue, dim: int | None = None, keepdim: bool = False) -> OnnxValue:
    return _place(g, "ArgMin", self, dim, keepdim)


def _place(
    g: Builder, onnx_operator: str, x: OnnxValue, dim: int | None, keepdim: bool
) -> OnnxValue:
    rank = rank_of(x)
    if rank == 0:
        return g.constant(0, torch.int64)
    if dim is None:
        place = _place(g, onnx_operator, g.Reshape(x, [-1]), 0, keepdim)
        return g.Reshape(place, [1] * rank) if keepdim else place
    options = {"axis": axis_of(x, dim), "keepdims": int(keepdim)}
    place = g.node(onnx_operator, x, **options)
    if not x.is_floating_point:
        return place
    # The first NaN wins, which ONNX Runtime passes by.
    first = g.ArgMax(g.cast(g.IsNaN(x), torch.uint8), **options)
    return g.Where(_has_nan(g, x, dim, keepdim), first, place)


# Logical reductions.


def _may_be_empty(x: OnnxValue, dim: Dims) -> bool:
    """Whether ONNX Runtime would refuse ReduceMax and ReduceMin of booleans."""
    sizes = shape_of(x)
    return any(not isinstance(sizes[d], int) or sizes[d] == 0 for d in dims_of(x, dim) if sizes)


@aten("any", "any.dim", "any.dims")
def any_(g: Builder, self: OnnxValue, dim: Dims = None, keepdim: bool = False) -> OnnxValue:
    mask = g.cast(self, torch.bool)
    if dim is not None and not isinstance(dim, int) and not dim:
        return mask
    if g.opset >= 20 and not _may_be_empty(self, dim):
        return reduce(g, "ReduceMax", mask, dim, keepdim)
    # A sum, for the maximum of nothing would be true.
    number = reduce(g, "ReduceSum", g.cast(mask, torch.int32), dim, keepdim)
    return g.cast(number, torch.bool)


@aten("all", "all.dim", "all.dims")
def all_(g: Builder, self: OnnxValue, dim: Dims = None, keepdim: bool = False) -> OnnxValue:
    mask = g.cast(self, torch.bool)
    if dim is not None and not isinstance(dim, int) and not dim:
        return mask
    if g.opset >= 20 and not _may_be_empty(self, dim):
        return reduce(g, "ReduceMin", mask, dim, keepdim)
    number = reduce(g, "ReduceMin", g.cast(mask, torch.int32), dim, keepdim)
    return g.cast(number, torch.bool)


# Norms.


@aten("linalg_vector_norm")
def vector_norm(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    ord: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    x = g.cast(self, result.dtype)
    if ord == 2:
        return reduce(g, "ReduceL2", x, dim, keepdim)
    if ord == 1:
        return reduce(g, "ReduceL1", x, dim, keepdim)
    if ord == 0:
        return reduce(g, "ReduceSum", g.cast(g.cast(x, torch.bool), x.dtype), dim, keepdim)
    size = g.Abs(x)
    if math.isinf(ord):
        if ord > 0 and _is_empty(x, dim):
            return reduce(g, "ReduceSum", size, dim, keepdim)
        return extreme(g, "ReduceMax" if ord > 0 else "ReduceMin", size, dim, keepdim)
    total = reduce(g, "ReduceSum", g.Pow(size, g.like(ord, x)), dim, keepdim)
    return g.Pow(total, g.like(1.0 / ord, x))


@aten("norm.Scalar", "norm.ScalarOpt_dim", "norm.ScalarOpt_dtype", "norm.ScalarOpt_dim_dtype")
def norm(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    p: float | None = 2,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return vector_norm(g, self, result, 2 if p is None else p, dim, keepdim)


@aten("frobenius_norm.dim")
def frobenius_norm(
    g: Builder, self: OnnxValue, dim: Dims, result: OnnxValue, keepdim: bool = False
) -> OnnxValue:
    return vector_norm(g, self, result, 2, dim, keepdim)


# Variances.


def variance_parts(
    g: Builder, x: OnnxValue, dim: Dims, keepdim: bool, correction: Any, *, root: bool
) -> tuple[OnnxValue, OnnxValue]:
    """The variance (its root, for ``root``) and the mean."""
    if rank_of(x) == 0:
        x, dim, keepdim = g.Reshape(x, [1]), [0], False
    dims = dims_of(x, dim)
    if _is_empty(x, dims):
        nothing = filled_sizes(g, _reduced_sizes(x, dims, keepdim), math.nan, x.dtype)
        return nothing, nothing
    center = reduce(g, "ReduceMean", x, dims, keepdim=True)
    deviation = g.Sub(x, center)
    operator = "ReduceL2" if root else "ReduceSumSquare"
    spread = reduce(g, operator, deviation, dims, keepdim)
    divisor = _divisor(g, x, dims, 1 if correction is None else correction)
    divided = g.Div(spread, g.Sqrt(divisor) if root else divisor)
    if not keepdim:
        center = g.Squeeze(center, axes=dims)
    return divided, center


def _divisor(g: Builder, x: OnnxValue, dims: Sequence[int], correction: Any) -> OnnxValue:
    """``max(n - correction, 0)``, n being the number of elements along the axes."""
    number = g.product([g.size(x, axis) for axis in dims])
    if isinstance(number, int):
        return g.like(max(number - correction, 0), x)
    reduced = g.Sub(g.scalar(number, x.dtype), g.like(correction, x))
    return reduced if correction <= 0 else g.Max(reduced, g.like(0, x))


def _variance(
    g: Builder,
    self: OnnxValue,
    dim: Dims,
    keepdim: bool,
    correction: Any,
    *,
    root: bool,
) -> tuple[OnnxValue, OnnxValue]:
    # Squares of float16 overflow soon.
    narrow = self.dtype in (torch.float16, torch.bfloat16)
    x = g.cast(self, torch.float32) if narrow else self
    return variance_parts(g, x, dim, keepdim, correction, root=root)


Moments = Callable[..., tuple[OnnxValue, OnnxValue]]
"""(g, self, dim, keepdim, correction, root=) → the variance, or its root, and the mean."""


def register_variances(table: OpTable, moments: Moments) -> None:
    """The four names of a variance, its root and the mean, with either schema."""
    for name, root, both in (
        ("var", False, False),
        ("std", True, False),
        ("var_mean", False, True),
        ("std_mean", True, True),
    ):
        _register_variance(table, moments, name, root=root, both=both)


def _register_variance(
    table: OpTable, moments: Moments, name: str, *, root: bool, both: bool
) -> None:
    def by_correction(
        g: Builder,
        self: OnnxValue,
        dim: Dims = None,
        correction: Any = None,
        keepdim: bool = False,
    ) -> Any:
        parts = moments(g, self, dim, keepdim, correction, root=root)
        return parts if both else parts[0]

    def by_flag(
        g: Builder,
        self: OnnxValue,
        dim: Dims = None,
        unbiased: bool = True,
        keepdim: bool = False,
    ) -> Any:
        return by_correction(g, self, dim, int(unbiased), keepdim)

    table(f"{name}.correction")(by_correction)
    table(name, f"{name}.dim")(by_flag)


register_variances(aten, _variance)
