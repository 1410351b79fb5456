"""Functions that ONNX lacks, as polynomials: Chebyshev series cut to a dtype's precision."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from numpy.polynomial.chebyshev import cheb2poly

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder
    from torch_onnx.builder.values import OnnxValue


@dataclass(frozen=True, slots=True)
class Chebyshev:
    """A series of Chebyshev polynomials on [-1, 1], from degree 0 on."""

    coefficients: tuple[float, ...]


def evaluate(g: Builder, series: Chebyshev, x: OnnxValue) -> OnnxValue:
    """The series at x, which lies within [-1, 1] wherever the result is used."""
    return horner(g, x, _monomials(series, x.dtype))


def horner(g: Builder, x: OnnxValue, coefficients: Sequence[float]) -> OnnxValue:
    """The polynomial of ``coefficients``, the constant first, by Horner's rule."""
    *lower, result = (g.like(coefficient, x) for coefficient in coefficients)
    for coefficient in reversed(lower):
        result = g.Add(g.Mul(result, x), coefficient)
    return result


@functools.cache
def _monomials(series: Chebyshev, dtype: torch.dtype) -> tuple[float, ...]:
    """A cut series is all but the best polynomial of its degree. The powers of x are well
    conditioned here, for these series fall off faster than their powers' coefficients grow.
    """
    kept = list(series.coefficients)
    allowed = torch.finfo(dtype).eps / 8 * max(map(abs, kept))
    while len(kept) > 1 and abs(kept[-1]) < allowed:
        allowed -= abs(kept.pop())
    return tuple(cheb2poly(kept).tolist())


def computable(g: Builder, x: OnnxValue) -> OnnxValue:
    """x in a dtype that long evaluations are done in: 16-bit floats as float32, as in PyTorch."""
    return g.cast(x, torch.float32) if x.dtype in (torch.float16, torch.bfloat16) else x


def log_of_one_plus(g: Builder, x: OnnxValue) -> OnnxValue:
    """``log(1 + x)`` of finite x with all digits for small x, in x's own dtype.

    What ``1 + x`` rounds off is off in its logarithm and in ``w - 1`` alike. (By way of Atanh, for
    which ONNX Runtime has no kernel of doubles, these would lose half of their digits.)
    """
    one = g.like(1.0, x)
    w = g.Add(x, one)
    lost = g.Equal(w, one)
    ratio = g.Div(x, g.Where(lost, one, g.Sub(w, one)))
    return g.Where(lost, x, g.Mul(g.Log(w), ratio))
