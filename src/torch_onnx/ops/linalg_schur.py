"""Eigenvalues of any real matrix, by the QR iteration on its Schur form.

The matrix is brought to Hessenberg form and made triangular in complex numbers, which are pairs of
real and imaginary parts here. A turn of the outer Loop chases a shift from the top to the bottom of
the lowest block that is not triangular yet; the matrices of a batch have blocks of their own. All
is computed in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import rank_of, refuse_complex
from torch_onnx.ops.loops import repeat, repeat_while
from torch_onnx.ops.matrices import (
    any_of,
    as_column,
    as_row,
    column,
    columns_of,
    diagonal,
    element,
    identities,
    largest,
    numbers,
    row,
    rows_of,
    total,
)
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("linalg_schur")

Complex: TypeAlias = tuple[OnnxValue, OnnxValue]
"""The real and the imaginary part."""

EPSILON = torch.finfo(torch.float64).eps
TURNS = 30
"""For each eigenvalue, of which two or three are needed."""


# Arithmetic of parts.


def _both(function: Callable[[OnnxValue], OnnxValue], x: Complex) -> Complex:
    return function(x[0]), function(x[1])


def _add(g: Builder, x: Complex, y: Complex) -> Complex:
    return g.Add(x[0], y[0]), g.Add(x[1], y[1])


def _sub(g: Builder, x: Complex, y: Complex) -> Complex:
    return g.Sub(x[0], y[0]), g.Sub(x[1], y[1])


def _mul(g: Builder, x: Complex, y: Complex, product: str = "Mul") -> Complex:
    (a, b), (c, d) = x, y
    of = getattr(g, product)
    return g.Sub(of(a, c), of(b, d)), g.Add(of(a, d), of(b, c))


def _conjugate(g: Builder, x: Complex) -> Complex:
    return x[0], g.Neg(x[1])


def _where(g: Builder, condition: OnnxValue, x: Complex, y: Complex) -> Complex:
    return g.Where(condition, x[0], y[0]), g.Where(condition, x[1], y[1])


def _magnitude(g: Builder, x: Complex) -> OnnxValue:
    """Without squares that overflow or vanish."""
    a, b = g.Abs(x[0]), g.Abs(x[1])
    most = g.Max(a, b)
    scale = g.Where(g.Equal(most, g.like(0, most)), g.like(1, most), most)
    ratio = g.Div(g.Min(a, b), scale)
    return g.Mul(most, g.Sqrt(g.Add(g.Mul(ratio, ratio), g.like(1, ratio))))


def _div(g: Builder, x: Complex, y: Complex) -> Complex:
    """By the magnitude twice: dividing by its square would overflow. A quotient by 0 is x."""
    size = _magnitude(g, y)
    size = g.Where(g.Equal(size, g.like(0, size)), g.like(1, size), size)
    unit = _both(lambda part: g.Div(part, size), y)
    product = _mul(g, x, _conjugate(g, unit))
    return _both(lambda part: g.Div(part, size), product)


def _root(g: Builder, x: Complex) -> Complex:
    """The square root with a real part that is not negative."""
    size = _magnitude(g, x)
    half = g.like(0.5, size)
    zero = g.like(0, size)
    real = g.Sqrt(g.Max(g.Mul(g.Add(size, x[0]), half), zero))
    imaginary = g.Sqrt(g.Max(g.Mul(g.Sub(size, x[0]), half), zero))
    return real, g.Where(g.Less(x[1], zero), g.Neg(imaginary), imaginary)


# The forms on the way.


def hessenberg(g: Builder, x: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
    """H, zero below the diagonal's lower neighbour, and an orthonormal Q: ``x = Q @ H @ Q.mT``."""
    size = rows_of(g, x)
    places = numbers(g, size)
    zero, one = g.like(0, x), g.like(1, x)

    def step(i: OnnxValue, h: OnnxValue, q: OnnxValue) -> Any:
        first = g.Equal(places, g.Add(i, g.constant(1)))
        below = g.Greater(places, g.Add(i, g.constant(1)))
        here = g.Where(g.Greater(places, i), column(g, h, i), zero)
        scale = largest(g, here, (-1,))
        part = g.Div(here, g.Where(g.Equal(scale, zero), one, scale))
        length = g.Sqrt(g.ReduceSum(g.Mul(part, part), axes=[-1]))
        pivot = g.ReduceSum(g.Where(first, part, zero), axes=[-1])
        # Away from the pivot, so that nothing cancels out.
        away = g.Where(g.Less(pivot, zero), g.Neg(length), length)
        vector = g.Where(first, g.Add(part, away), part)
        norm = g.ReduceSum(g.Mul(vector, vector), axes=[-1])
        idle = g.Equal(largest(g, g.Where(below, here, zero), (-1,)), zero)
        factor = g.Where(idle, zero, g.Div(g.like(2, x), g.Where(idle, one, norm)))
        across = g.Mul(as_row(g, vector), as_column(g, factor))
        h = g.Sub(h, g.MatMul(as_column(g, vector), g.MatMul(across, h)))
        h = g.Sub(h, g.MatMul(g.MatMul(h, as_column(g, vector)), across))
        q = g.Sub(q, g.MatMul(g.MatMul(q, as_column(g, vector)), across))
        gone = g.And(as_column(g, g.And(below, g.Not(idle))), g.Equal(places, i))
        return [g.Where(gone, zero, h), q]

    steps = g.maximum(g.sub(size, 2), 0)
    h, q = repeat(g, steps, [x, identities(g, x, size, size)], step)
    return h, q


@dataclass(frozen=True, slots=True)
class Window:
    """Of each matrix the lowest block that is not triangular: its first and last row, the shift."""

    low: OnnxValue
    high: OnnxValue
    shift: Complex


def _beside(g: Builder, h: OnnxValue, places: OnnxValue, offset: int) -> OnnxValue:
    """By row i, ``h[i, i - 1]`` (offset 1) or ``h[i - 1, i]`` (offset -1)."""
    one_on = g.Add(places, g.constant(1))
    if offset > 0:
        on_it = g.Equal(as_column(g, places), one_on)
        return total(g, g.Where(on_it, h, g.like(0, h)))
    on_it = g.Equal(as_column(g, one_on), places)
    return total(g, g.Where(on_it, h, g.like(0, h)), -2)


def _window(
    g: Builder, h: Complex, places: OnnxValue, turn: OnnxValue, least: OnnxValue
) -> tuple[Window, OnnxValue]:
    """And by row, whether what is to the left of the diagonal is as good as zero."""
    middle = _both(lambda part: diagonal(g, part), h)
    under = _both(lambda part: _beside(g, part, places, 1), h)
    over = _both(lambda part: _beside(g, part, places, -1), h)
    before = g.Max(g.Sub(places, g.constant(1)), g.constant(0))
    size = _magnitude(g, middle)
    neighbours = g.Add(size, g.Gather(size, before, axis=rank_of(size) - 1))
    limit = g.Max(g.Mul(neighbours, g.like(EPSILON, size)), least)
    small = g.Not(g.Greater(_magnitude(g, under), limit))
    high = g.ReduceMax(g.Where(small, g.constant(0), places), axes=[-1])
    starts = g.And(g.Or(small, g.Equal(places, g.constant(0))), g.Not(g.Greater(places, high)))
    low = g.ReduceMax(g.Where(starts, places, g.constant(0)), axes=[-1])

    def at(x: Complex, place: OnnxValue) -> Complex:
        return _both(lambda part: g.GatherElements(part, place, axis=rank_of(part) - 1), x)

    # Of the lowest two by two, the eigenvalue that is nearer to its lowest element.
    last = at(middle, high)
    half = g.like(0.5, size)
    other = at(middle, g.Max(g.Sub(high, g.constant(1)), g.constant(0)))
    apart = _both(lambda part: g.Mul(part, half), _sub(g, other, last))
    product = _mul(g, at(over, high), at(under, high))
    root = _root(g, _add(g, _mul(g, apart, apart), product))
    plus, minus = _add(g, apart, root), _sub(g, apart, root)
    nearer = g.Less(_magnitude(g, plus), _magnitude(g, minus))
    shift = _sub(g, last, _div(g, product, _where(g, nearer, minus, plus)))
    # Every tenth turn another, lest it go in circles.
    odd = g.Equal(g.Mod(turn, g.constant(10)), g.constant(9))
    aside = g.Mul(_magnitude(g, at(under, high)), g.like(0.75, size))
    other_shift = g.Add(last[0], aside), last[1]
    return Window(low, high, _where(g, odd, other_shift, shift)), small


def _rotation(g: Builder, x: Complex, y: Complex) -> tuple[OnnxValue, Complex]:
    """c (real) and s of the rotation that takes (x, y) to (r, 0)."""
    a, b = _magnitude(g, x), _magnitude(g, y)
    zero, one = g.like(0, a), g.like(1, a)
    size = _magnitude(g, (a, b))
    none = g.Equal(size, zero)
    cosine = g.Where(none, one, g.Div(a, g.Where(none, one, size)))
    safe = g.Where(g.Equal(a, zero), one, a)
    direction = _both(lambda part: g.Div(part, safe), x)
    direction = g.Where(g.Equal(a, zero), one, direction[0]), direction[1]
    turned = _mul(g, direction, _conjugate(g, y))
    return cosine, _both(lambda part: g.Div(part, g.Where(none, one, size)), turned)


def schur(g: Builder, x: OnnxValue) -> tuple[Complex, Complex]:
    """The triangular T and the unitary Z of ``x = Z @ T @ Z.mH``; x is of float64."""
    size = rows_of(g, x)
    places = numbers(g, size)
    real, q = hessenberg(g, x)
    zero = g.like(0, x)
    nothing = g.Mul(real, zero)
    least = g.Squeeze(g.Mul(largest(g, x), g.like(EPSILON**2, x)), axes=[-1])

    def turn(i: OnnxValue, *carried: OnnxValue) -> Any:
        h, z = (carried[0], carried[1]), (carried[2], carried[3])
        window, small = _window(g, h, places, i, least)
        on_it = g.Equal(as_column(g, places), g.Add(places, g.constant(1)))
        gone = g.And(on_it, as_column(g, small))
        h = _both(lambda part: g.Where(gone, zero, part), h)

        def chase(k: OnnxValue, *parts: OnnxValue) -> Any:
            return _chased(g, window, places, k, (parts[0], parts[1]), (parts[2], parts[3]))

        found = repeat(g, g.sub(size, 1), [*h, *z], chase)
        return [any_of(g, g.Greater(window.high, g.constant(0))), *found]

    turns = g.mul(size, TURNS)
    a, b, c, d = repeat_while(g, turns, [real, nothing, q, nothing], turn)
    return (a, b), (c, d)


def _chased(
    g: Builder, window: Window, places: OnnxValue, k: OnnxValue, h: Complex, z: Complex
) -> list[OnnxValue]:
    """One rotation of rows and columns k and k + 1, in the matrices whose block has both."""
    after = g.Add(k, g.constant(1))
    active = g.And(g.Not(g.Less(k, window.low)), g.Less(k, window.high))
    starts = g.Equal(k, window.low)
    before = g.Max(g.Sub(k, g.constant(1)), g.constant(0))
    here = _both(lambda part: column(g, part, k), h)
    behind = _both(lambda part: column(g, part, before), h)
    pair = _where(g, starts, here, behind)
    x = _both(lambda part: element(g, part, k), pair)
    y = _both(lambda part: element(g, part, after), pair)
    x = _where(g, starts, _sub(g, x, window.shift), x)
    cosine, sine = _rotation(g, x, y)
    zero = g.like(0, cosine)
    cosine = g.Where(active, cosine, g.like(1, cosine))
    sine = _both(lambda part: g.Where(active, part, zero), sine)
    back = _both(g.Neg, _conjugate(g, sine))

    # The rows, then the columns, by the conjugate.
    h = _mixed(g, h, places, (k, after), cosine, (sine, back), transposed_first=True)
    both = _conjugate(g, sine), _conjugate(g, back)
    h = _mixed(g, h, places, (k, after), cosine, both)
    z = _mixed(g, z, places, (k, after), cosine, both)
    inside = g.And(active, g.Not(starts))
    gone = g.And(as_column(g, g.Equal(places, after)), g.Equal(places, before))
    gone = g.And(gone, as_column(g, inside))
    return [*_both(lambda part: g.Where(gone, zero, part), h), *z]


def _mixed(
    g: Builder,
    x: Complex,
    places: OnnxValue,
    which: tuple[OnnxValue, OnnxValue],
    cosine: OnnxValue,
    sines: tuple[Complex, Complex],
    transposed_first: bool = False,
) -> Complex:
    """Columns (or rows) p and q of x: ``c p + s q`` and ``c q + t p``."""
    take = row if transposed_first else column
    spread = as_row if transposed_first else as_column
    first, second = ((take(g, x[0], place), take(g, x[1], place)) for place in which)
    scaled = [_both(lambda part: g.Mul(part, cosine), v) for v in (first, second)]
    new_first = _add(g, scaled[0], _mul(g, sines[0], second))
    new_second = _add(g, scaled[1], _mul(g, sines[1], first))
    for place, new in zip(which, (new_first, new_second), strict=True):
        at = g.Equal(places, place)
        at = as_column(g, at) if transposed_first else at
        new = _both(lambda part: spread(g, part), new)
        x = _where(g, at, new, x)
    return x


def triangular_vectors(g: Builder, t: Complex, size: Integer) -> Complex:
    """The eigenvectors of a triangular T in columns, a row a round from below."""
    places = numbers(g, size)
    last = g.scalar(g.sub(size, 1))
    values = _both(lambda part: diagonal(g, part), t)
    zero = g.like(0, t[0])
    tiny = g.Mul(g.Max(largest(g, t[0]), largest(g, t[1])), g.like(EPSILON, t[0]))
    tiny = g.Squeeze(g.Max(tiny, g.like(1e-290, tiny)), axes=[-1])

    def step(i: OnnxValue, *parts: OnnxValue) -> Any:
        k = g.Sub(last, i)
        x = parts[0], parts[1]
        later = g.Greater(places, k)
        above = _both(lambda part: as_row(g, g.Where(later, row(g, part, k), zero)), t)
        known = _both(lambda part: g.Squeeze(part, axes=[-2]), _mul(g, above, x, "MatMul"))
        mine = _both(lambda part: element(g, part, k), values)
        apart = _sub(g, values, mine)
        # Where eigenvalues are equal there may be no further vector: almost the same one then.
        close = g.Less(_magnitude(g, apart), tiny)
        apart = g.Where(close, tiny, apart[0]), g.Where(close, zero, apart[1])
        found = _div(g, known, apart)
        wanted = g.And(as_column(g, g.Equal(places, k)), g.Greater(places, k))
        found = _both(lambda part: as_row(g, part), found)
        return list(_where(g, wanted, found, x))

    start = identities(g, t[0], size, size)
    a, b = repeat(g, size, [start, g.Mul(start, zero)], step)
    return a, b


# Operators.


def eigen(g: Builder, x: OnnxValue, vectors: bool) -> tuple[Complex, Complex | None]:
    """Eigenvalues, in no order, and vectors of length 1 in columns; of float64."""
    refuse_complex(x)
    scale = largest(g, x)
    scale = g.cast(g.Where(g.Equal(scale, g.like(0, x)), g.like(1, x), scale), torch.float64)
    t, z = schur(g, g.Div(g.cast(x, torch.float64), scale))
    back = g.Squeeze(scale, axes=[-1])
    values = _both(lambda part: g.Mul(diagonal(g, part), back), t)
    if not vectors:
        return values, None
    found = _mul(g, z, triangular_vectors(g, t, columns_of(g, x)), "MatMul")
    most = g.Max(*(g.ReduceMax(g.Abs(part), axes=[-2]) for part in found))
    found = _both(lambda part: g.Div(part, most), found)
    squares = g.Add(*(g.Mul(part, part) for part in found))
    length = g.Sqrt(g.ReduceSum(squares, axes=[-2]))
    return values, _both(lambda part: g.Div(part, length), found)


def _stored(g: Builder, x: Complex, dtype: torch.dtype) -> OnnxValue:
    """As complex tensors are stored: a last axis of 2."""
    real = torch.float32 if dtype == torch.complex64 else torch.float64
    rank = rank_of(x[0])
    parts = [g.Unsqueeze(g.cast(part, real), axes=[rank]) for part in x]
    both = g.Concat(*parts, axis=rank)
    return OnnxValue(dtype, x[0].shape, value=g.materialize(both))


def _complex(dtype: torch.dtype) -> torch.dtype:
    return torch.complex128 if dtype == torch.float64 else torch.complex64


@aten("linalg_eig")
def eig(g: Builder, self: OnnxValue) -> list[OnnxValue]:
    values, vectors = eigen(g, self, vectors=True)
    assert vectors is not None
    dtype = _complex(self.dtype)
    return [_stored(g, values, dtype), _stored(g, vectors, dtype)]


@aten("linalg_eigvals", "_linalg_eigvals")
def eigvals(g: Builder, self: OnnxValue) -> OnnxValue:
    return _stored(g, eigen(g, self, vectors=False)[0], _complex(self.dtype))
