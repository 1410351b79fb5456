"""Complex numbers made of real ones, taken apart, compared, and added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.dtypes import real_of
from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops import casting, numbers, scatter, slicing
from torch_onnx.ops.arithmetic import atan2, hypot
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("complex_values")
BOTH = ("self", "other")

# The builder's casts know complex numbers: results take the dtype that PyTorch declares.
aten("to.dtype", "to.dtype_layout", "to.device", "to.other", "to.prim_dtype", "_to_copy")(
    casting.to
)
aten("type_as")(casting.type_as)
aten("sym_size.int")(numbers.size)
aten("sym_numel")(numbers.number_of_elements)


# Made and taken apart.


@aten("complex")
def complex_(g: Builder, real: OnnxValue, imag: OnnxValue, result: OnnxValue) -> OnnxValue:
    dtype = real_of(result.dtype)
    return g.complex(*_broadcast(g, g.cast(real, dtype), g.cast(imag, dtype)))


@aten("polar")
def polar(g: Builder, abs: OnnxValue, angle: OnnxValue) -> OnnxValue:
    return g.complex(g.Mul(abs, g.Cos(angle)), g.Mul(abs, g.Sin(angle)))


@aten("view_as_complex", "view_as_complex_copy")
def view_as_complex(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.as_complex(self)


@aten("view_as_real", "view_as_real_copy")
def view_as_real(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.as_real(self)


@aten("real")
def real(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.parts(self)[0]


@aten("imag")
def imag(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.both_parts(self)[1]


@aten("conj", "_conj", "conj_physical", "_conj_physical", "_conj_copy")
def conjugate(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.parts(self)
    return g.complex(a, None if b is None else g.Neg(b))


@aten("resolve_conj")
def same(g: Builder, self: OnnxValue) -> OnnxValue:
    return self


@aten("mH", "mH.a", "matrix_H", "matrix_H.a", "adjoint")
def adjoint(g: Builder, self: OnnxValue) -> OnnxValue:
    rank = self.rank
    if rank is None:
        raise NotExpressible("it needs a tensor whose rank is known when the model is exported")
    if rank == 0:
        return conjugate(g, self)
    perm = [*range(rank - 2), rank - 1, rank - 2]
    a, b = g.parts(self)
    b = None if b is None else g.Neg(g.Transpose(b, perm=perm))
    return g.complex(g.Transpose(a, perm=perm), b)


def magnitude(g: Builder, x: OnnxValue) -> OnnxValue:
    """The absolute value, with neither overflow nor underflow on the way."""
    a, b = g.parts(x)
    return g.Abs(a) if b is None else hypot(g, a, b)


@aten("abs")
def abs_(g: Builder, self: OnnxValue) -> OnnxValue:
    return magnitude(g, self)


@aten("angle")
def angle(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    return angle_of(g, a, b)


def angle_of(g: Builder, a: OnnxValue, b: OnnxValue) -> OnnxValue:
    """The angle of (a, b). ONNX Runtime has arc tangents of float32 only: for float64, what is
    left of the angle when it is turned back by them is added.
    """
    rough = atan2(g, b, a)
    if a.dtype != torch.float64:
        return rough
    size = hypot(g, a, b)
    rest = g.Div(g.Sub(g.Mul(b, g.Cos(rough)), g.Mul(a, g.Sin(rough))), size)
    # None is left where the size is zero or infinite.
    good = g.Less(g.Abs(rest), g.like(1.0, a))
    return g.Add(rough, g.Where(good, rest, g.like(0.0, a)))


@aten("sgn")
def sgn(g: Builder, self: OnnxValue) -> OnnxValue:
    size = magnitude(g, self)
    zero = g.Equal(size, g.like(0.0, size))
    size = g.Where(zero, g.like(1.0, size), size)
    a, b = g.both_parts(self)
    return g.complex(g.Div(a, size), g.Div(b, size))


@aten("item", "_local_scalar_dense")
def item(g: Builder, self: OnnxValue) -> OnnxValue:
    raise NotExpressible("a complex number of Python at run time is not translated")


def _broadcast(g: Builder, a: OnnxValue, b: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    """Two tensors in the shape that they broadcast to."""
    if a.shape == b.shape and a.shape is not None and None not in a.shape:
        return a, b
    # Expand broadcasts both ways.
    return g.Expand(a, g.shape_vector(b)), g.Expand(b, g.shape_vector(a))


# Sums.


def scaled(g: Builder, x: OnnxValue, factor: Any) -> OnnxValue:
    """``factor * x``; nothing for a factor of 1."""
    if not isinstance(factor, OnnxValue):
        if factor == 1:
            return x
        factor = g.constant(factor, x.dtype)
    elif factor.is_number:
        factor = g.scalar(factor, real_of(x.dtype))
    return multiply(g, x, factor)


def multiply(g: Builder, x: OnnxValue, y: OnnxValue) -> OnnxValue:
    """The product. A factor known to be real multiplies each part, so that infinite parts stay
    infinite where PyTorch's product with 0 in the other part is NaN.
    """
    (a, b), (c, d) = g.parts(x), g.parts(y)
    if b is None and d is None:
        return g.complex(g.Mul(a, c))
    if d is None or b is None:
        (a, b), c = ((a, b), c) if d is None else ((c, d), a)
        return g.complex(g.Mul(a, c), g.Mul(b, c))
    return g.complex(g.Sub(g.Mul(a, c), g.Mul(b, d)), g.Add(g.Mul(a, d), g.Mul(b, c)))


@aten("mul.Tensor", "mul.Scalar", promote=BOTH)
def product(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return multiply(g, self, other)


def plus(g: Builder, x: OnnxValue, y: OnnxValue, operator: str = "Add") -> OnnxValue:
    """``x + y``, or ``x - y`` for ``Sub``."""
    (a, b), (c, d) = g.parts(x), g.parts(y)
    total = getattr(g, operator)(a, c)
    if b is None and d is None:
        return g.complex(total)
    if b is not None and d is not None:
        return g.complex(total, getattr(g, operator)(b, d))
    only = b if b is not None else d if operator == "Add" else g.Neg(d)
    assert only is not None
    if only.shape != total.shape or None in (total.shape or (None,)):
        only = g.Expand(only, g.shape_vector(total))
    return g.complex(total, only)


@aten("add.Tensor", "add.Scalar", promote=BOTH)
def add(g: Builder, self: OnnxValue, other: OnnxValue, alpha: Any = 1) -> OnnxValue:
    return plus(g, self, scaled(g, other, alpha))


@aten("sub.Tensor", "sub.Scalar", promote=BOTH)
def subtract(g: Builder, self: OnnxValue, other: OnnxValue, alpha: Any = 1) -> OnnxValue:
    return plus(g, self, scaled(g, other, alpha), "Sub")


@aten("rsub.Tensor", "rsub.Scalar", promote=BOTH)
def reverse_subtract(g: Builder, self: OnnxValue, other: OnnxValue, alpha: Any = 1) -> OnnxValue:
    return plus(g, other, scaled(g, self, alpha), "Sub")


@aten("addcmul", promote=("self", "tensor1", "tensor2"))
def add_product(
    g: Builder, self: OnnxValue, tensor1: OnnxValue, tensor2: OnnxValue, value: Any = 1
) -> OnnxValue:
    return plus(g, self, scaled(g, multiply(g, tensor1, tensor2), value))


@aten("addcdiv", promote=("self", "tensor1", "tensor2"))
def add_quotient(
    g: Builder, self: OnnxValue, tensor1: OnnxValue, tensor2: OnnxValue, value: Any = 1
) -> OnnxValue:
    return plus(g, self, scaled(g, quotient(g, tensor1, tensor2), value))


@aten("lerp.Scalar", "lerp.Tensor", promote=("self", "end", "weight"))
def lerp(g: Builder, self: OnnxValue, end: OnnxValue, weight: OnnxValue) -> OnnxValue:
    return plus(g, self, multiply(g, weight, plus(g, end, self, "Sub")))


@aten("index_add")
def index_add(
    g: Builder, self: OnnxValue, dim: int, index: OnnxValue, source: OnnxValue, alpha: Any = 1
) -> OnnxValue:
    (a, b), (c, d) = g.both_parts(self), g.both_parts(scaled(g, source, alpha))
    return g.complex(scatter.index_add(g, a, dim, index, c), scatter.index_add(g, b, dim, index, d))


@aten("scatter.reduce", "scatter.value_reduce")
def scatter_with(
    g: Builder,
    self: OnnxValue,
    dim: int,
    index: OnnxValue,
    reduce: str,
    src: OnnxValue | None = None,
    value: Any = 0,
) -> OnnxValue:
    if reduce != "add":
        raise NotExpressible("scattering products of complex numbers is not translated")
    added = g.constant(value, self.dtype) if src is None else src
    parts = []
    for x, y in zip(g.both_parts(self), g.both_parts(added), strict=True):
        y = g.Expand(y, g.shape_vector(index)) if src is None else y
        parts.append(scatter.scatter_with(g, x, dim, index, y, reduce))
    return g.complex(*parts)


@aten("as_strided", "as_strided_copy")
def as_strided(
    g: Builder,
    self: OnnxValue,
    size: Sequence[Any],
    stride: Sequence[Any],
    storage_offset: Any = None,
) -> OnnxValue:
    if self.parameter is not None and not self.parameter.is_contiguous():
        raise NotExpressible("as_strided reads memory in an order that the graph does not tell")
    steps = [*(g.mul(step, 2) for step in stride), 1]
    start = g.mul(storage_offset or 0, 2)
    return g.as_complex(slicing.as_strided(g, g.as_real(self), [*size, 2], steps, start))


# Quotients.


@aten("div.Tensor", "div.Scalar", "true_divide.Tensor", promote=BOTH)
def divide(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return quotient(g, self, other)


def quotient(g: Builder, x: OnnxValue, y: OnnxValue) -> OnnxValue:
    """``x / y``, by a divisor scaled by its larger part: its square neither overflows nor
    vanishes.
    """
    (a, b), (c, d) = g.parts(x), g.parts(y)
    if d is None:
        return g.complex(g.Div(a, c), None if b is None else g.Div(b, c))
    scale = g.Max(g.Abs(c), g.Abs(d))
    e, f = g.Div(c, scale), g.Div(d, scale)
    square = g.Add(g.Mul(c, e), g.Mul(d, f))
    numerator = multiply(g, x, g.complex(e, g.Neg(f)))
    p, q = g.both_parts(numerator)
    return g.complex(g.Div(p, square), g.Div(q, square))


@aten("reciprocal")
def reciprocal(g: Builder, self: OnnxValue) -> OnnxValue:
    one = g.constant(1.0, real_of(self.dtype))
    return quotient(g, g.complex(one), self)


# Compared.


@aten("eq.Tensor", "eq.Scalar", promote=BOTH)
def equal(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    (a, b), (c, d) = g.parts(self), g.parts(other)
    same = g.Equal(a, c)
    if b is None and d is None:
        return same
    b, d = (g.like(0, a) if part is None else part for part in (b, d))
    return g.And(same, g.Equal(b, d))


@aten("ne.Tensor", "ne.Scalar", promote=BOTH)
def not_equal(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.Not(equal(g, self, other))


@aten("isnan")
def is_nan(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    return g.Or(g.IsNaN(a), g.IsNaN(b))


@aten("isinf")
def is_infinite(g: Builder, self: OnnxValue) -> OnnxValue:
    a, b = g.both_parts(self)
    return g.Or(g.IsInf(a), g.IsInf(b))


@aten("isfinite")
def is_finite(g: Builder, self: OnnxValue) -> OnnxValue:
    return g.Not(g.Or(is_nan(g, self), is_infinite(g, self)))


@aten("isreal")
def is_real(g: Builder, self: OnnxValue) -> OnnxValue:
    _, b = g.both_parts(self)
    return g.Equal(b, g.like(0, b))


@aten("isclose", promote=BOTH)
def is_close(
    g: Builder,
    self: OnnxValue,
    other: OnnxValue,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: bool = False,
) -> OnnxValue:
    size = magnitude(g, other)
    bound = g.Add(g.like(atol, size), g.Mul(g.like(rtol, size), size))
    distance = magnitude(g, plus(g, self, other, "Sub"))
    # Greater is false of NaN, which is close to nothing but, where asked, to NaN.
    finite = g.Not(g.Or(g.IsNaN(distance), g.IsInf(distance)))
    near = g.And(g.And(finite, g.Not(g.Greater(distance, bound))), g.Not(g.IsNaN(bound)))
    near = g.Or(near, equal(g, self, other))
    return g.Or(near, g.And(is_nan(g, self), is_nan(g, other))) if equal_nan else near


def in_complex(g: Builder, number: Any, dtype: torch.dtype) -> OnnxValue:
    """A number or tensor in a complex dtype."""
    if not isinstance(number, OnnxValue):
        return g.constant(number, dtype)
    if number.is_number:
        return g.complex(g.scalar(number, real_of(dtype)))
    return g.cast(number, dtype)
