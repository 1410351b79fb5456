"""Python's arithmetic on sizes and other numbers known only at run time.

Integers are int64 and floats float64, in vectors of one element (docs/decisions/0002).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

python = OpTable("numbers")


@python("aten::sym_size.int")
def size(g: Builder, self: OnnxValue, dim: int) -> Integer:
    return g.size(self, dim)


@python("aten::sym_numel")
def number_of_elements(g: Builder, self: OnnxValue) -> Integer:
    return g.product(g.sizes(self))


@python("aten::item", "aten::_local_scalar_dense")
def item(g: Builder, self: OnnxValue) -> OnnxValue:
    number: OnnxValue = g.Reshape(self, [1])
    wanted = torch.float64 if self.dtype.is_floating_point else torch.int64
    return number if self.dtype == torch.bool else g.cast(number, wanted)


@python("aten::scalar_tensor")
def scalar_tensor(
    g: Builder, s: Number, result: OnnxValue, dtype: torch.dtype | None = None
) -> OnnxValue:
    return g.scalar(s, result.dtype)


def _vector(g: Builder, number: Number, dtype: torch.dtype) -> OnnxValue:
    if isinstance(number, OnnxValue):
        return g.cast(number, dtype)
    return g.constant([number], dtype)


def _is_float(number: Number) -> bool:
    if isinstance(number, OnnxValue):
        return number.dtype.is_floating_point
    return isinstance(number, float)


def _register(
    name: str,
    on_integers: Callable[..., Any],
    on_floats: Callable[..., Any],
    *,
    compares: bool = False,
) -> None:
    def translate(g: Builder, a: Number, b: Number) -> Any:
        if not (compares or _is_float(a) or _is_float(b)):
            return on_integers(g, a, b)
        dtype = torch.float64 if _is_float(a) or _is_float(b) else torch.int64
        return on_floats(g, _vector(g, a, dtype), _vector(g, b, dtype))

    python(f"python::{name}")(translate)


_register("add", lambda g, a, b: g.add(a, b), lambda g, a, b: g.Add(a, b))
_register("sub", lambda g, a, b: g.sub(a, b), lambda g, a, b: g.Sub(a, b))
_register("mul", lambda g, a, b: g.mul(a, b), lambda g, a, b: g.Mul(a, b))
_register("floordiv", lambda g, a, b: g.floordiv(a, b), lambda g, a, b: g.Floor(g.Div(a, b)))
_register("max", lambda g, a, b: g.maximum(a, b), lambda g, a, b: g.Max(a, b))
_register("min", lambda g, a, b: g.minimum(a, b), lambda g, a, b: g.Min(a, b))


def _compare(name: str, onnx_operator: str, *, negate: bool = False) -> None:
    def compute(g: Builder, a: OnnxValue, b: OnnxValue) -> Any:
        result = getattr(g, onnx_operator)(a, b)
        return g.Not(result) if negate else result

    _register(name, compute, compute, compares=True)


_compare("eq", "Equal")
_compare("ne", "Equal", negate=True)
_compare("lt", "Less")
_compare("ge", "Less", negate=True)
_compare("gt", "Greater")
_compare("le", "Greater", negate=True)


@python("python::mod")
def modulo(g: Builder, a: Number, b: Number) -> Any:
    if not (_is_float(a) or _is_float(b)):
        return g.mod(a, b)  # type: ignore[arg-type]
    x, y = (_vector(g, n, torch.float64) for n in (a, b))
    # ONNX's Mod on floats has the dividend's sign, Python's the divisor's.
    return g.Sub(x, g.Mul(g.Floor(g.Div(x, y)), y))


@python("python::truediv")
def true_divide(g: Builder, a: Number, b: Number) -> OnnxValue:
    return g.Div(_vector(g, a, torch.float64), _vector(g, b, torch.float64))


@python("python::pow")
def power(g: Builder, a: Number, b: Number) -> OnnxValue:
    is_float = _is_float(a) or _is_float(b)
    result = g.Pow(_vector(g, a, torch.float64), _vector(g, b, torch.float64))
    return result if is_float else g.cast(result, torch.int64)


@python("python::neg")
def negate(g: Builder, a: Number) -> OnnxValue:
    return g.Neg(_vector(g, a, torch.float64 if _is_float(a) else torch.int64))


@python("python::abs")
def absolute(g: Builder, a: Number) -> OnnxValue:
    return g.Abs(_vector(g, a, torch.float64 if _is_float(a) else torch.int64))


@python("python::float")
def to_float(g: Builder, a: Number) -> OnnxValue:
    return _vector(g, a, torch.float64)


@python("python::int", "python::trunc")
def to_integer(g: Builder, a: Number) -> OnnxValue:
    # A cast to an integer cuts the fraction off, as Python's int does.
    return _vector(g, a, torch.int64) if isinstance(a, OnnxValue) else g.constant([int(a)])


def _whole(g: Builder, operator: Callable[[OnnxValue], OnnxValue], a: Number) -> OnnxValue:
    if not _is_float(a):
        return _vector(g, a, torch.int64)
    return g.cast(operator(_vector(g, a, torch.float64)), torch.int64)


@python("python::floor")
def floor(g: Builder, a: Number) -> OnnxValue:
    return _whole(g, g.Floor, a)


@python("python::ceil")
def ceil(g: Builder, a: Number) -> OnnxValue:
    return _whole(g, g.Ceil, a)


@python("python::round")
def round_half_even(g: Builder, a: Number) -> OnnxValue:
    return _whole(g, g.Round, a)


@python("python::sqrt")
def square_root(g: Builder, a: Number) -> OnnxValue:
    return g.Sqrt(_vector(g, a, torch.float64))


def _is_bool(number: Number) -> bool:
    return isinstance(number, bool) or (
        isinstance(number, OnnxValue) and number.dtype == torch.bool
    )


def _bitwise(g: Builder, name: str, a: Number, b: Number) -> OnnxValue:
    """``And``, ``Or`` or ``Xor``: of bools, or of the bits of integers."""
    if _is_bool(a) and _is_bool(b):
        return g.node(name, _vector(g, a, torch.bool), _vector(g, b, torch.bool))
    if g.opset < 18:
        raise NotExpressible(f"ONNX's Bitwise{name} is needed", since=18)
    return g.node(f"Bitwise{name}", _vector(g, a, torch.int64), _vector(g, b, torch.int64))


@python("python::and")
def bitwise_and(g: Builder, a: Number, b: Number) -> Integer:
    mask, number = (a, b) if isinstance(a, int) else (b, a)
    if isinstance(mask, int) and not _is_bool(mask) and isinstance(number, OnnxValue):
        if mask >= 0 and mask & (mask + 1) == 0:
            return g.mod(number, mask + 1)
        if mask < 0 and mask & -mask == -mask:
            return g.sub(number, g.mod(number, -mask))
    return _bitwise(g, "And", a, b)


@python("python::or")
def bitwise_or(g: Builder, a: Number, b: Number) -> OnnxValue:
    return _bitwise(g, "Or", a, b)


@python("python::xor")
def bitwise_xor(g: Builder, a: Number, b: Number) -> OnnxValue:
    return _bitwise(g, "Xor", a, b)


@python("python::lshift")
def shifted_left(g: Builder, a: Number, b: Number) -> Integer:
    return g.mul(a, _power_of_two(b))  # type: ignore[arg-type]


@python("python::rshift")
def shifted_right(g: Builder, a: Number, b: Number) -> Integer:
    return g.floordiv(a, _power_of_two(b))  # type: ignore[arg-type]


def _power_of_two(exponent: Number) -> int:
    if not isinstance(exponent, int):
        raise NotExpressible("a shift by a number that is known at run time only")
    return 1 << exponent


@python("python::not")
def logical_not(g: Builder, a: Number) -> OnnxValue:
    return g.Not(_vector(g, a, torch.bool))


@python("python::ite")
def if_then_else(g: Builder, condition: Number, a: Number, b: Number) -> OnnxValue:
    dtype = torch.float64 if _is_float(a) or _is_float(b) else torch.int64
    chosen = _vector(g, condition, torch.bool)
    return g.Where(chosen, _vector(g, a, dtype), _vector(g, b, dtype))


@python("python::sum")
def total(g: Builder, terms: list[Integer]) -> Integer:
    result: Integer = 0
    for term in terms:
        result = g.add(term, result)
    return result
