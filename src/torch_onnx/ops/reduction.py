"""Reductions over axes, and softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("reduction")

Dims = Any


def axes_of(x: OnnxValue, dim: Dims) -> list[int] | None:
    """The axes to reduce, counted from the start; None for all of them."""
    if dim is None or (isinstance(dim, Sequence) and not dim):
        return None
    dims = [dim] if isinstance(dim, int) else list(dim)
    if x.rank is None:
        raise NotExpressible("a reduction needs a known rank")
    return [d % x.rank for d in dims] if x.rank else []


def reduce(g: Builder, onnx_operator: str, x: OnnxValue, dim: Dims, keepdim: bool) -> OnnxValue:
    """One of ONNX's Reduce operators; a zero-dimensional tensor is its own reduction."""
    if x.rank == 0:
        return x
    return getattr(g, onnx_operator)(x, axes=axes_of(x, dim), keepdims=int(keepdim))  # type: ignore[no-any-return]


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
    return reduce(g, "ReduceMean", g.cast(self, result.dtype), dim, keepdim)


@aten("prod", "prod.dim_int")
def product(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    return reduce(g, "ReduceProd", g.cast(self, result.dtype), dim, keepdim)


def _extreme(g: Builder, name: str, self: OnnxValue, dim: Dims, keepdim: bool) -> OnnxValue:
    if self.dtype == torch.bool:
        return g.cast(_extreme(g, name, g.cast(self, torch.int32), dim, keepdim), torch.bool)
    return reduce(g, name, self, dim, keepdim)


@aten("amax")
def amax(g: Builder, self: OnnxValue, dim: Dims = (), keepdim: bool = False) -> OnnxValue:
    return _extreme(g, "ReduceMax", self, dim, keepdim)


@aten("amin")
def amin(g: Builder, self: OnnxValue, dim: Dims = (), keepdim: bool = False) -> OnnxValue:
    return _extreme(g, "ReduceMin", self, dim, keepdim)


@aten("max")
def max_(g: Builder, self: OnnxValue) -> OnnxValue:
    return amax(g, self, None)


@aten("min")
def min_(g: Builder, self: OnnxValue) -> OnnxValue:
    return amin(g, self, None)


@aten("max.dim")
def max_dim(g: Builder, self: OnnxValue, dim: int, keepdim: bool = False) -> Any:
    return amax(g, self, dim, keepdim), argmax(g, self, dim, keepdim)


@aten("min.dim")
def min_dim(g: Builder, self: OnnxValue, dim: int, keepdim: bool = False) -> Any:
    return amin(g, self, dim, keepdim), argmin(g, self, dim, keepdim)


def _arg(g: Builder, name: str, x: OnnxValue, dim: int | None, keepdim: bool) -> OnnxValue:
    if x.rank == 0:
        return g.constant(0)
    if x.dtype in (torch.bool, torch.int64):
        # ONNX Runtime has no kernel for int64; float64 holds what indices and masks need.
        x = g.cast(x, torch.int32 if x.dtype == torch.bool else torch.float64)
    if dim is None:
        flat = g.Reshape(x, [-1])
        found = getattr(g, name)(flat, axis=0, keepdims=int(keepdim))
        return g.reshape(found, [1] * (x.rank or 1)) if keepdim else found
    return getattr(g, name)(x, axis=dim % (x.rank or 1), keepdims=int(keepdim))  # type: ignore[no-any-return]


@aten("argmax")
def argmax(g: Builder, self: OnnxValue, dim: int | None = None, keepdim: bool = False) -> OnnxValue:
    return _arg(g, "ArgMax", self, dim, keepdim)


@aten("argmin")
def argmin(g: Builder, self: OnnxValue, dim: int | None = None, keepdim: bool = False) -> OnnxValue:
    return _arg(g, "ArgMin", self, dim, keepdim)


@aten("any", "any.dim", "any.dims")
def any_(g: Builder, self: OnnxValue, dim: Dims = None, keepdim: bool = False) -> OnnxValue:
    truth = g.cast(g.cast(self, torch.bool), torch.int32)
    return g.cast(reduce(g, "ReduceMax", truth, dim, keepdim), torch.bool)


@aten("all", "all.dim", "all.dims")
def all_(g: Builder, self: OnnxValue, dim: Dims = None, keepdim: bool = False) -> OnnxValue:
    truth = g.cast(g.cast(self, torch.bool), torch.int32)
    return g.cast(reduce(g, "ReduceMin", truth, dim, keepdim), torch.bool)


@aten("logsumexp")
def logsumexp(g: Builder, self: OnnxValue, dim: Dims, keepdim: bool = False) -> OnnxValue:
    return reduce(g, "ReduceLogSumExp", self, dim, keepdim)


@aten("var.correction")
def variance(
    g: Builder, self: OnnxValue, dim: Dims = None, correction: Any = None, keepdim: bool = False
) -> OnnxValue:
    return _variance(g, self, dim, 1 if correction is None else correction, keepdim)


@aten("var.dim", "var")
def variance_dim(
    g: Builder, self: OnnxValue, dim: Dims = None, unbiased: bool = True, keepdim: bool = False
) -> OnnxValue:
    return _variance(g, self, dim, int(unbiased), keepdim)


@aten("std.correction")
def deviation(
    g: Builder, self: OnnxValue, dim: Dims = None, correction: Any = None, keepdim: bool = False
) -> OnnxValue:
    return g.Sqrt(variance(g, self, dim, correction, keepdim))  # type: ignore[no-any-return]


@aten("std.dim", "std")
def deviation_dim(
    g: Builder, self: OnnxValue, dim: Dims = None, unbiased: bool = True, keepdim: bool = False
) -> OnnxValue:
    return g.Sqrt(variance_dim(g, self, dim, unbiased, keepdim))  # type: ignore[no-any-return]


def _variance(g: Builder, x: OnnxValue, dim: Dims, correction: Any, keepdim: bool) -> OnnxValue:
    axes = axes_of(x, dim)
    centred = g.Sub(x, g.ReduceMean(x, axes=axes))
    squares = g.Mul(centred, centred)
    if correction == 0:
        return g.ReduceMean(squares, axes=axes, keepdims=int(keepdim))  # type: ignore[no-any-return]
    every = range(x.rank or 0) if axes is None else axes
    count = g.scalar(g.product([g.size(x, axis) for axis in every]), x.dtype)
    # Never below zero: PyTorch divides by max(0, n - correction).
    freedom = g.Max(g.Sub(count, g.like(correction, x)), g.like(0, x))
    return g.Div(g.ReduceSum(squares, axes=axes, keepdims=int(keepdim)), freedom)  # type: ignore[no-any-return]


@aten("linalg_vector_norm")
def vector_norm(
    g: Builder,
    self: OnnxValue,
    ord: Any = 2,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    x = self if dtype is None else g.cast(self, dtype)
    return _norm(g, x, ord, dim, keepdim)


@aten("norm.ScalarOpt_dim", "norm.Scalar")
def norm(
    g: Builder, self: OnnxValue, p: Any = 2, dim: Dims = None, keepdim: bool = False
) -> OnnxValue:
    return _norm(g, self, 2 if p is None else p, dim, keepdim)


def _norm(g: Builder, x: OnnxValue, p: Any, dim: Dims, keepdim: bool) -> OnnxValue:
    if p in (1, 2):
        return reduce(g, f"ReduceL{int(p)}", g.Abs(x) if x.rank == 0 else x, dim, keepdim)
    size = g.Abs(x)
    if p == float("inf"):
        return reduce(g, "ReduceMax", size, dim, keepdim)
    if p == float("-inf"):
        return reduce(g, "ReduceMin", size, dim, keepdim)
    if p == 0:
        nonzero = g.cast(g.Not(g.Equal(x, g.like(0, x))), x.dtype)
        return reduce(g, "ReduceSum", nonzero, dim, keepdim)
    total = reduce(g, "ReduceSum", g.Pow(size, g.like(p, x)), dim, keepdim)
    return g.Pow(total, g.like(1 / p, x))  # type: ignore[no-any-return]


def _softmax(name: str) -> Callable[..., Any]:
    def translate(
        g: Builder,
        self: OnnxValue,
        dim: int,
        dtype: torch.dtype | None = None,
        half_to_float: bool = False,
    ) -> Any:
        x = self if dtype is None else g.cast(self, dtype)
        rank = x.rank
        if rank == 0:
            return g.Squeeze(getattr(g, name)(g.Unsqueeze(x, axes=[0]), axis=0), axes=[0])
        if rank is None:
            raise NotExpressible("softmax needs a known rank")
        axis = dim % rank
        if g.opset >= 13 or axis == rank - 1:
            # -1 is the default from opset 13 on, and says more to a reader.
            return getattr(g, name)(x, axis=-1 if axis == rank - 1 else axis)
        # Before opset 13 softmax runs over all axes from ``axis`` on.
        swap = [*range(rank)]
        swap[axis], swap[-1] = swap[-1], swap[axis]
        last = getattr(g, name)(g.Transpose(x, perm=swap), axis=rank - 1)
        return g.Transpose(last, perm=swap)

    return translate


aten("softmax.int", "_softmax")(_softmax("Softmax"))
aten("log_softmax.int", "_log_softmax")(_softmax("LogSoftmax"))


@aten("cumsum")
def cumsum(
    g: Builder, self: OnnxValue, dim: int, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    x = g.cast(self, result.dtype)
    return x if x.rank == 0 else g.CumSum(x, g.constant(dim % (x.rank or 1)))


@aten("count_nonzero", "count_nonzero.dim_IntList")
def count_nonzero(g: Builder, self: OnnxValue, dim: Dims = None) -> OnnxValue:
    ones = g.cast(g.cast(self, torch.bool), torch.int64)
    return reduce(g, "ReduceSum", ones, dim, False)
