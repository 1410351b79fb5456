"""What the front ends call the same thing, brought to one spelling."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch

TWO = ("a", "b")
ONE = ("a",)

# Python's operators on numbers, as torch.export leaves them in the graph.
NUMBERS: dict[Callable[..., Any], tuple[str, tuple[str, ...]]] = {
    operator.add: ("python::add", TWO),
    operator.sub: ("python::sub", TWO),
    operator.mul: ("python::mul", TWO),
    operator.floordiv: ("python::floordiv", TWO),
    operator.truediv: ("python::truediv", TWO),
    operator.mod: ("python::mod", TWO),
    operator.pow: ("python::pow", TWO),
    operator.neg: ("python::neg", ONE),
    operator.abs: ("python::abs", ONE),
    operator.eq: ("python::eq", TWO),
    operator.ne: ("python::ne", TWO),
    operator.lt: ("python::lt", TWO),
    operator.le: ("python::le", TWO),
    operator.gt: ("python::gt", TWO),
    operator.ge: ("python::ge", TWO),
    operator.and_: ("python::and", TWO),
    operator.or_: ("python::or", TWO),
    operator.xor: ("python::xor", TWO),
    operator.lshift: ("python::lshift", TWO),
    operator.rshift: ("python::rshift", TWO),
    math.ceil: ("python::ceil", ONE),
    math.floor: ("python::floor", ONE),
    math.trunc: ("python::trunc", ONE),
    round: ("python::round", ONE),
    torch.sym_float: ("python::float", ONE),
    torch.sym_int: ("python::int", ONE),
    torch.sym_max: ("python::max", TWO),
    torch.sym_min: ("python::min", TWO),
    torch.sym_not: ("python::not", ONE),
    torch.sym_sqrt: ("python::sqrt", ONE),
    torch.sym_ite: ("python::ite", ("condition", "a", "b")),
    torch.sym_sum: ("python::sum", ("terms",)),
}

# Checks at run time that have no counterpart in ONNX and no result.
DROPPED = frozenset(
    {
        "aten::_assert_scalar",
        "aten::_assert_async",
        "aten::_assert_async.msg",
        "aten::_assert_tensor_metadata",
        "aten::_assert_tensor_metadata.default",
        "aten::sym_constrain_range",
        "aten::sym_constrain_range_for_size",
        "aten::_functional_assert_async.msg",
        "aten::_functional_sym_constrain_range",
        "aten::_functional_sym_constrain_range_for_size",
        "aten::_functional_assert_scalar",
    }
)
