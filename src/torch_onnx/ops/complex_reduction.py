"""Products, variances and norms of complex numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.dtypes import real_of
from torch_onnx.builder.sizes import TO_THE_END
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops import reduction
from torch_onnx.ops.axes import axis_of, shape_of
from torch_onnx.ops.complex_functions import exp, log
from torch_onnx.ops.complex_values import angle_of, magnitude, multiply, plus
from torch_onnx.ops.cumulative import cumprod as cumprod_real
from torch_onnx.ops.reduction import Dims, dims_of, reduce, register_variances, variance_parts
from torch_onnx.ops.shape import flat
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("complex_reduction")


# Products.


@aten("prod", "prod.dim_int")
def prod(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    dim: int | None = None,
    keepdim: bool = False,
    dtype: torch.dtype | None = None,
) -> OnnxValue:
    x = g.cast(self, result.dtype)
    a, b = g.both_parts(x)
    if dim is None or a.rank == 0:
        x, axis, keepdim = g.complex(flat(g, a), flat(g, b)), 0, False
    else:
        axis = axis_of(a, dim)
    a, b = g.both_parts(x)
    size = shape_of(a)[axis]
    if not isinstance(size, int):
        return _prod_by_angles(g, a, b, axis, keepdim)
    if size == 0:
        one = reduce(g, "ReduceProd", a, axis, keepdim)
        return g.complex(one, reduce(g, "ReduceSum", b, axis, keepdim))
    while size > 1:
        # The first half times the second; of an odd number the last goes on alone.
        half = size // 2
        first, second, rest = (
            _sliced(g, x, start, end, axis)
            for start, end in ((0, half), (half, 2 * half), (2 * half, size))
        )
        x = multiply(g, first, second)
        if size % 2:
            parts = zip(g.both_parts(x), g.both_parts(rest), strict=True)
            x = g.complex(*(g.Concat(*pair, axis=axis) for pair in parts))
        size = half + size % 2
    if keepdim:
        return x
    return g.complex(*(g.Squeeze(part, axes=[axis]) for part in g.both_parts(x)))


def _sliced(g: Builder, x: OnnxValue, start: int, end: int, axis: int) -> OnnxValue:
    return g.complex(*(g.Slice(part, [start], [end], axes=[axis]) for part in g.both_parts(x)))


def _prod_by_angles(g: Builder, a: OnnxValue, b: OnnxValue, axis: int, keepdim: bool) -> OnnxValue:
    size = reduce(g, "ReduceProd", magnitude(g, g.complex(a, b)), axis, keepdim)
    angle = reduce(g, "ReduceSum", angle_of(g, a, b), axis, keepdim)
    return g.complex(g.Mul(size, g.Cos(angle)), g.Mul(size, g.Sin(angle)))


@aten("cumprod")
def cumprod(
    g: Builder, self: OnnxValue, dim: int, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    """Each element times the one a step before it, then two steps, four …"""
    x = g.cast(self, result.dtype)
    a, b = g.both_parts(x)
    if a.rank == 0:
        return x
    axis = axis_of(a, dim)
    size = shape_of(a)[axis]
    if not isinstance(size, int):
        product = cumprod_real(g, magnitude(g, x), axis, a)
        angle = g.CumSum(angle_of(g, a, b), g.constant(axis))
        return g.complex(g.Mul(product, g.Cos(angle)), g.Mul(product, g.Sin(angle)))
    step = 1
    while step < size:
        first, rest = _sliced(g, x, 0, step, axis), _sliced(g, x, step, TO_THE_END, axis)
        product = multiply(g, rest, _sliced(g, x, 0, size - step, axis))
        parts = zip(g.both_parts(first), g.both_parts(product), strict=True)
        x = g.complex(*(g.Concat(*pair, axis=axis) for pair in parts))
        step *= 2
    return x


# Sums of exponentials.


@aten("logsumexp", "special_logsumexp")
def logsumexp(g: Builder, self: OnnxValue, dim: Dims, keepdim: bool = False) -> OnnxValue:
    """Less the largest real part, so that nothing overflows."""
    a, b = g.both_parts(self)
    if a.rank == 0:
        a, b, dim, keepdim = g.Reshape(a, [1]), g.Reshape(b, [1]), [0], False
    dims = dims_of(a, dim)
    largest = g.ReduceMax(a, axes=dims, keepdims=1)
    largest = g.Where(g.IsInf(largest), g.like(0.0, a), largest)
    terms = exp(g, g.complex(g.Sub(a, largest), b))
    total = g.complex(*(reduce(g, "ReduceSum", p, dims, keepdim) for p in g.both_parts(terms)))
    if not keepdim:
        largest = g.Squeeze(largest, axes=dims)
    return plus(g, log(g, total), g.complex(largest))


# Variances: the sums of those of the parts.


def _moments(
    g: Builder, self: OnnxValue, dim: Dims, keepdim: bool, correction: Any, *, root: bool
) -> tuple[OnnxValue, OnnxValue]:
    parts = [
        variance_parts(g, part, dim, keepdim, correction, root=False) for part in g.both_parts(self)
    ]
    variance = g.Add(parts[0][0], parts[1][0])
    return g.Sqrt(variance) if root else variance, g.complex(parts[0][1], parts[1][1])


register_variances(aten, _moments)


# Norms: those of the absolute values.


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
    return reduction.vector_norm(g, magnitude(g, self), result, ord, dim, keepdim)


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
    # The sum of the absolute values' powers is real, whatever dtype is asked for.
    like = OnnxValue(real_of(result.dtype), result.shape)
    return reduction.vector_norm(g, magnitude(g, self), like, 2 if p is None else p, dim, keepdim)


@aten("frobenius_norm.dim")
def frobenius_norm(
    g: Builder, self: OnnxValue, dim: Dims, result: OnnxValue, keepdim: bool = False
) -> OnnxValue:
    return norm(g, self, result, 2, dim, keepdim)
