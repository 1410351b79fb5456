"""Products of complex matrices that are more than products: conjugated, or added to something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops import matmul as real
from torch_onnx.ops.complex_lifted import product_of
from torch_onnx.ops.complex_values import conjugate, plus, scaled
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("complex_products")

_matmul = product_of(real.matmul, ("self", "other"))
_outer = product_of(real.outer, ("self", "vec2"))


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
