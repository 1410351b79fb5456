"""Products of complex matrices that are more than products: conjugated, or added to something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch_onnx.builder.sizes import TO_THE_END
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops import matmul as real_products
from torch_onnx.ops.axes import rank_of
from torch_onnx.ops.complex_lifted import product_of
from torch_onnx.ops.complex_values import conjugate, plus, scaled
from torch_onnx.ops.matrices import diagonal
from torch_onnx.ops.matrices import outer as outer_product
from torch_onnx.ops.statistics import cov as covariance
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("complex_products")

_matmul = product_of(real_products.matmul, ("self", "other"))
_outer = product_of(real_products.outer, ("self", "vec2"))


@aten("vdot")
def vdot(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return _matmul(g, self=conjugate(g, self), other=other)


def _combined(g: Builder, x: OnnxValue, product: OnnxValue, beta: Any, alpha: Any) -> OnnxValue:
    """``beta * x + alpha * product``. A beta of 0 leaves even NaN out."""
    product = scaled(g, product, alpha)
    if not isinstance(beta, OnnxValue) and beta == 0:
        return product
    return plus(g, scaled(g, x, beta), product)


@aten("addmm")
def addmm(
    g: Builder, self: OnnxValue, mat1: OnnxValue, mat2: OnnxValue, beta: Any = 1, alpha: Any = 1
) -> OnnxValue:
    return _combined(g, self, _matmul(g, self=mat1, other=mat2), beta, alpha)


@aten("addmv")
def addmv(
    g: Builder, self: OnnxValue, mat: OnnxValue, vec: OnnxValue, beta: Any = 1, alpha: Any = 1
) -> OnnxValue:
    return _combined(g, self, _matmul(g, self=mat, other=vec), beta, alpha)


@aten("baddbmm")
def baddbmm(
    g: Builder,
    self: OnnxValue,
    batch1: OnnxValue,
    batch2: OnnxValue,
    beta: Any = 1,
    alpha: Any = 1,
) -> OnnxValue:
    return _combined(g, self, _matmul(g, self=batch1, other=batch2), beta, alpha)


@aten("addbmm")
def addbmm(
    g: Builder,
    self: OnnxValue,
    batch1: OnnxValue,
    batch2: OnnxValue,
    beta: Any = 1,
    alpha: Any = 1,
) -> OnnxValue:
    product = _matmul(g, self=batch1, other=batch2)
    total = g.complex(*(g.ReduceSum(p, axes=[0], keepdims=0) for p in g.both_parts(product)))
    return _combined(g, self, total, beta, alpha)


@aten("addr")
def addr(
    g: Builder, self: OnnxValue, vec1: OnnxValue, vec2: OnnxValue, beta: Any = 1, alpha: Any = 1
) -> OnnxValue:
    return _combined(g, self, _outer(g, self=vec1, vec2=vec2), beta, alpha)


# Covariances.


@aten("cov")
def cov(
    g: Builder,
    self: OnnxValue,
    result: OnnxValue,
    correction: int = 1,
    fweights: OnnxValue | None = None,
    aweights: OnnxValue | None = None,
) -> OnnxValue:
    """Of the rows of ``[variables, observations]``: a covariance of both parts as rows of their
    own holds the sums that those of complex numbers are made of.
    """
    real, imaginary = g.both_parts(g.cast(self, result.dtype))
    if rank_of(real) < 2:
        real, imaginary = (g.reshape(part, [1, -1]) for part in (real, imaginary))
    rows = g.size(real, 0)
    both = g.Concat(real, imaginary, axis=0)
    declared = OnnxValue(real.dtype, (None, None))
    whole = covariance(g, both, declared, correction, fweights, aweights)
    (aa, ab), (ba, bb) = (
        [g.Slice(half, [start], [end], axes=[1]) for start, end in ((0, rows), (rows, TO_THE_END))]
        for half in (
            g.Slice(whole, [0], [rows], axes=[0]),
            g.Slice(whole, [rows], [TO_THE_END], axes=[0]),
        )
    )
    found = g.Add(aa, bb), g.Sub(ba, ab)
    return g.complex(*(g.reshape(p, []) if result.shape == () else p for p in found))


@aten("corrcoef")
def corrcoef(g: Builder, self: OnnxValue, result: OnnxValue) -> OnnxValue:
    matrix = cov(g, self, OnnxValue(result.dtype, (None, None)))
    deviations = g.Sqrt(diagonal(g, g.parts(matrix)[0]))
    scale = outer_product(g, deviations, deviations)
    one = g.like(1, scale)
    found = [g.Clip(g.Div(part, scale), g.Neg(one), one) for part in g.both_parts(matrix)]
    return g.complex(*(g.reshape(p, []) if result.shape == () else p for p in found))
