"""Eigenvalues of symmetric matrices and singular values, by Jacobi's rotations.

A round rotates disjoint pairs of columns, every column at once: ``n - 1`` rounds pair each with
each (as a round-robin tournament does), which makes a sweep. Sweeps converge quadratically; the
Loop ends after a sweep that rotated nothing. All is computed in float64, where the noise of
rotations is beneath what float32 shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.ops.axes import rank_of, refuse_complex
from torch_onnx.ops.creation import filled, tril
from torch_onnx.ops.linalg_qr import orthonormal, reflections
from torch_onnx.ops.loops import either, repeat_while
from torch_onnx.ops.matrices import (
    any_of,
    as_column,
    as_row,
    batch_of,
    columns_of,
    diagonal,
    identities,
    largest,
    numbers,
    rows_of,
    take_columns,
    total,
    transposed,
)
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("linalg_eigen")

Results = list[OnnxValue | None]

SWEEPS = 30
"""More than ever needed (some ten are), so that the Loop ends with NaN, too."""
EPSILON = torch.finfo(torch.float64).eps


# Rotations.


def rotate_until_quiet(
    g: Builder,
    size: Integer,
    start: list[OnnxValue],
    rotate: Callable[..., tuple[OnnxValue, list[OnnxValue]]],
) -> list[OnnxValue]:
    """Sweeps of ``rotate(partner, *carried)``, which gives whether it rotated, and the new values.

    ``partner`` has for each of ``size`` columns the one it is paired with, or its own number.
    """
    # An odd number of players has a bye in each round; an even one has a player that stays put.
    rounds = g.sub(g.add(size, g.mod(size, 2)), 1)
    players, in_a_sweep = numbers(g, size), g.scalar(rounds)
    count, half = g.scalar(size), g.scalar(g.floordiv(g.add(rounds, 1), 2))

    def step(i: OnnxValue, quiet: OnnxValue, *carried: OnnxValue) -> Any:
        moving = g.Mod(g.Sub(i, players), in_a_sweep)
        # Where 2 p = i, modulo the number of rounds, p would meet itself, and meets the last.
        alone = g.Mod(g.Mul(g.Mod(i, in_a_sweep), half), in_a_sweep)
        last = g.Sub(count, g.constant(1))
        meets_last = g.Where(g.Equal(in_a_sweep, count), alone, last)
        partner = g.Where(g.Equal(players, alone), meets_last, moving)
        partner = g.Where(g.Equal(players, in_a_sweep), alone, partner)
        rotated, new = rotate(partner, *carried)
        quiet = g.Where(rotated, g.constant(0), g.Add(quiet, g.constant(1)))
        return [g.Less(quiet, in_a_sweep), quiet, *new]

    trips = g.mul(rounds, SWEEPS)
    return repeat_while(g, g.maximum(trips, 0), [g.constant(0), *start], step)[1:]


def angles(
    g: Builder,
    mine: OnnxValue,
    its: OnnxValue,
    between: OnnxValue,
    active: OnnxValue,
    first: OnnxValue,
) -> tuple[OnnxValue, OnnxValue]:
    """Cosine and sine of the rotations that make ``between`` zero: ``c * mine - s * its``.

    ``first`` is true for the first of each pair, whose partner rotates the other way.
    """
    one = g.like(1, mine)
    twice = g.Add(between, between)
    # A tie turns by 45°, one of the pair to the left and one to the right.
    ratio = g.Div(g.Sub(its, mine), g.Where(active, twice, one))
    positive = g.Greater(ratio, g.like(0, mine))
    tie = g.And(g.Equal(its, mine), first)
    size = g.Abs(ratio)
    root = g.Sqrt(g.Add(g.Mul(size, size), one))
    tangent = g.Reciprocal(g.Add(size, root))
    tangent = g.Where(g.Or(positive, tie), tangent, g.Neg(tangent))
    tangent = g.Where(active, tangent, g.like(0, mine))
    cosine = g.Reciprocal(g.Sqrt(g.Add(g.Mul(tangent, tangent), one)))
    return cosine, g.Mul(tangent, cosine)


def _turned(
    g: Builder, x: OnnxValue, partner: OnnxValue, cosine: OnnxValue, sine: OnnxValue
) -> OnnxValue:
    """The columns of x after their rotations."""
    others = g.Gather(x, partner, axis=rank_of(x) - 1)
    return g.Sub(g.Mul(x, as_row(g, cosine)), g.Mul(others, as_row(g, sine)))


# Symmetric matrices.


def symmetric_eigen(
    g: Builder, x: OnnxValue, vectors: bool = True
) -> tuple[OnnxValue, OnnxValue | None]:
    """Ascending eigenvalues ``(..., n)`` and their vectors in columns, both of float64."""
    x = g.cast(x, torch.float64)
    size = rows_of(g, x)
    players = numbers(g, size)
    least = g.Mul(g.Squeeze(largest(g, x), axes=[-1]), g.like(EPSILON / 4, x))

    def rotate(partner: OnnxValue, a: OnnxValue, *v: OnnxValue) -> Any:
        mine = diagonal(g, a)
        its = g.Gather(mine, partner, axis=rank_of(mine) - 1)
        is_pair = g.Equal(as_column(g, players), partner)
        zero = g.like(0, a)
        between = total(g, g.Where(is_pair, a, zero))
        other = g.Not(g.Equal(players, partner))
        active = g.And(g.Greater(g.Abs(between), least), other)
        cosine, sine = angles(g, mine, its, between, active, g.Less(players, partner))
        a = _turned(g, a, partner, cosine, sine)
        a = transposed(g, _turned(g, transposed(g, a), partner, cosine, sine))
        done = g.And(is_pair, as_column(g, active))
        a = g.Where(done, zero, a)
        return any_of(g, active), [a, *(_turned(g, m, partner, cosine, sine) for m in v)]

    start = [x, identities(g, x, size, size)] if vectors else [x]
    result = rotate_until_quiet(g, size, start, rotate)
    values, order = g.TopK(diagonal(g, result[0]), g.vector([size]), largest=0, outputs=2)
    return values, take_columns(g, result[1], order) if vectors else None


def from_triangle(g: Builder, x: OnnxValue, uplo: str) -> OnnxValue:
    """The symmetric matrix of which one triangle is given."""
    refuse_complex(x)
    lower = x if uplo.upper() == "L" else transposed(g, x)
    return g.Add(tril(g, lower), transposed(g, tril(g, lower, -1)))


@aten("_linalg_eigh")
def eigh_or_values(g: Builder, A: OnnxValue, UPLO: str = "L", compute_v: bool = True) -> Results:
    values, vectors = symmetric_eigen(g, from_triangle(g, A, UPLO), compute_v)
    if vectors is None:
        return [g.cast(values, A.dtype), g.constant(torch.zeros(0, dtype=A.dtype))]
    return [g.cast(values, A.dtype), g.cast(vectors, A.dtype)]


@aten("linalg_eigh")
def eigh(g: Builder, self: OnnxValue, UPLO: str = "L") -> Results:
    return eigh_or_values(g, self, UPLO)


@aten("linalg_eigvalsh")
def eigvalsh(g: Builder, self: OnnxValue, UPLO: str = "L") -> OnnxValue | None:
    return eigh_or_values(g, self, UPLO, compute_v=False)[0]


@aten("linalg_matrix_sqrth")
def matrix_sqrth(g: Builder, self: OnnxValue) -> OnnxValue:
    values, vectors = symmetric_eigen(g, from_triangle(g, self, "L"))
    assert vectors is not None
    # Negative eigenvalues count as zero.
    roots = g.Sqrt(g.Max(values, g.like(0, values)))
    return g.cast(scaled_product(g, vectors, roots, vectors), self.dtype)


def scaled_product(g: Builder, left: OnnxValue, scales: OnnxValue, right: OnnxValue) -> OnnxValue:
    """``left @ diag(scales) @ right.mT``."""
    return g.MatMul(g.Mul(left, as_row(g, scales)), transposed(g, right))


# Singular values.


def orthogonal_columns(
    g: Builder, x: OnnxValue, vectors: bool = True
) -> tuple[OnnxValue, OnnxValue, OnnxValue | None]:
    """``x @ V`` with orthogonal columns for a V that is orthonormal, their lengths, descending.

    The lengths are the singular values of x, float64 with at least as many rows as columns.
    """
    size = columns_of(g, x)
    players = numbers(g, size)
    scale = largest(g, x)
    scale = g.Where(g.Equal(scale, g.like(0, x)), g.like(1, x), scale)
    x = g.Div(x, scale)

    def rotate(partner: OnnxValue, w: OnnxValue, *v: OnnxValue) -> Any:
        mine = total(g, g.Mul(w, w), -2)
        its = g.Gather(mine, partner, axis=rank_of(mine) - 1)
        others = g.Gather(w, partner, axis=rank_of(w) - 1)
        between = total(g, g.Mul(w, others), -2)
        # What is left where the rank is lower is noise, and need not be orthogonal.
        least = g.Mul(g.Sqrt(g.Mul(mine, its)), g.like(4 * EPSILON, w))
        least = g.Max(least, g.like(EPSILON**2, w))
        other = g.Not(g.Equal(players, partner))
        active = g.And(g.Greater(g.Abs(between), least), other)
        cosine, sine = angles(g, mine, its, between, active, g.Less(players, partner))
        return any_of(g, active), [_turned(g, m, partner, cosine, sine) for m in (w, *v)]

    start = [x, identities(g, x, size, size)] if vectors else [x]
    w, *v = rotate_until_quiet(g, size, start, rotate)
    lengths = g.Sqrt(total(g, g.Mul(w, w), -2))
    lengths, order = g.TopK(lengths, g.vector([size]), outputs=2)
    w = g.Mul(take_columns(g, w, order), scale)
    lengths = g.Mul(lengths, g.Squeeze(scale, axes=[-1]))
    return w, lengths, take_columns(g, v[0], order) if vectors else None


def is_wide(g: Builder, x: OnnxValue) -> bool | OnnxValue:
    """Whether there are more columns than rows: known, or a zero-dimensional bool."""
    rows, columns = rows_of(g, x), columns_of(g, x)
    if isinstance(rows, int) and isinstance(columns, int):
        return rows < columns
    shape = x.shape or ()
    if shape[-1] is not None and shape[-1] == shape[-2]:
        return False
    return g.Less(g.scalar(rows), g.scalar(columns))


def transposed_if(g: Builder, x: OnnxValue, condition: bool | OnnxValue) -> OnnxValue:
    if not isinstance(condition, OnnxValue):
        return transposed(g, x) if condition else x
    *batch, _, _ = x.shape or ()
    declared = OnnxValue(x.dtype, (*batch, None, None))
    return either(g, condition, lambda: [transposed(g, x)], lambda: [x], [declared])[0]


def chosen(
    g: Builder, condition: bool | OnnxValue, then: OnnxValue, otherwise: OnnxValue
) -> OnnxValue:
    if not isinstance(condition, OnnxValue):
        return then if condition else otherwise
    *batch, _, _ = then.shape or ()
    declared = OnnxValue(then.dtype, (*batch, None, None))
    return either(g, condition, lambda: [then], lambda: [otherwise], [declared])[0]


def singular_values(g: Builder, x: OnnxValue) -> OnnxValue:
    refuse_complex(x)
    tall = transposed_if(g, g.cast(x, torch.float64), is_wide(g, x))
    return g.cast(orthogonal_columns(g, tall, vectors=False)[1], x.dtype)


def singular_vectors(
    g: Builder, x: OnnxValue, full: bool
) -> tuple[OnnxValue, OnnxValue, OnnxValue]:
    """U, S and V of ``x = U @ diag(S) @ V.mT``, V not transposed; all of float64."""
    refuse_complex(x)
    wide = is_wide(g, x)
    tall = transposed_if(g, g.cast(x, torch.float64), wide)
    columns, values, short = orthogonal_columns(g, tall)
    assert short is not None
    # R is diagonal here, its elements the lengths up to their signs. Where these are zero, and
    # beyond, Q completes the basis.
    packed, factors = reflections(g, columns)
    negative = g.Less(diagonal(g, packed), g.like(0, packed))
    signs = g.Where(negative, g.like(-1, packed), g.like(1, packed))
    count = columns_of(g, columns)
    if full:
        added = g.sub(rows_of(g, columns), count)
        ones = filled(g, g.vector([*batch_of(g, columns), added]), 1, torch.float64)
        signs = g.Concat(signs, ones, axis=rank_of(signs) - 1)
        count = rows_of(g, columns)
    long = g.Mul(orthonormal(g, packed, factors, count), as_row(g, signs))
    return chosen(g, wide, short, long), values, chosen(g, wide, long, short)


@aten("_linalg_svd")
def svd_or_values(
    g: Builder,
    A: OnnxValue,
    full_matrices: bool = False,
    compute_uv: bool = True,
    driver: str | None = None,
) -> Results:
    if not compute_uv:
        nothing = g.constant(torch.zeros(0, dtype=A.dtype))
        return [nothing, singular_values(g, A), nothing]
    u, s, v = singular_vectors(g, A, full_matrices)
    return [g.cast(u, A.dtype), g.cast(s, A.dtype), g.cast(transposed(g, v), A.dtype)]


@aten("linalg_svd")
def svd(g: Builder, A: OnnxValue, full_matrices: bool = True, driver: str | None = None) -> Results:
    return svd_or_values(g, A, full_matrices)


@aten("linalg_svdvals")
def svdvals(g: Builder, A: OnnxValue, driver: str | None = None) -> OnnxValue:
    return singular_values(g, A)


@aten("linalg_polar")
def polar(g: Builder, A: OnnxValue) -> Results:
    u, s, v = singular_vectors(g, A, full=False)
    unitary, positive = g.MatMul(u, transposed(g, v)), scaled_product(g, v, s, v)
    return [g.cast(unitary, A.dtype), g.cast(positive, A.dtype)]
