"""Numerical derivatives: ``gradient``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.sizes import TO_THE_END
from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import axis_of, rank_of
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("differences")


@aten(
    "gradient.scalarint",
    "gradient.scalararray",
    "gradient.array",
    "gradient.scalarrayint",
    "gradient.scalarrayarray",
    "gradient.tensorarrayint",
    "gradient.tensorarray",
)
def gradient(
    g: Builder,
    self: OnnxValue,
    spacing: Any = None,
    dim: int | Sequence[int] | None = None,
    edge_order: int = 1,
) -> list[OnnxValue]:
    """Along each of the dims; ``spacing`` is how far apart values lie, or where they lie."""
    dims = [dim] if isinstance(dim, int) else range(rank_of(self)) if dim is None else dim
    axes = [axis_of(self, one) for one in dims]
    each = spacing if isinstance(spacing, (list, tuple)) else [spacing] * len(axes)
    results = []
    for axis, space in zip(axes, each, strict=True):
        if isinstance(space, OnnxValue) and space.rank == 1:
            results.append(_between_places(g, self, space, axis, edge_order))
        else:
            results.append(_of_equal_steps(g, self, space, axis, edge_order))
    return results


def _part(g: Builder, x: OnnxValue, axis: int, start: int, end: int) -> OnnxValue:
    return g.Slice(x, [start], [end or TO_THE_END], axes=[axis])


def _difference(
    g: Builder, x: OnnxValue, axis: int, upper: tuple[int, int], lower: tuple[int, int]
) -> OnnxValue:
    """In floating point, of integers subtracted as such."""
    found = g.Sub(_part(g, x, axis, *upper), _part(g, x, axis, *lower))
    return g.cast(found, _float(x))


def _float(x: OnnxValue) -> torch.dtype:
    return x.dtype if x.is_floating_point else torch.get_default_dtype()


def _weighted(
    g: Builder, x: OnnxValue, axis: int, start: int, weights: Sequence[OnnxValue | float]
) -> OnnxValue:
    """The sum of three neighbours, the first of which is at ``start``."""
    x = g.cast(x, _float(x))
    terms = []
    for place, weight in zip(range(start, start + len(weights)), weights, strict=True):
        factor = g.like(weight, x) if isinstance(weight, float) else weight
        terms.append(g.Mul(_part(g, x, axis, place, place + 1), factor))
    return g.Add(g.Add(terms[0], terms[1]), terms[2])


def _of_equal_steps(g: Builder, x: OnnxValue, step: Any, axis: int, edge_order: int) -> OnnxValue:
    inner = _difference(g, x, axis, (2, 0), (0, -2))
    inner = g.Mul(inner, g.like(0.5, inner))
    if edge_order == 1:
        first = _difference(g, x, axis, (1, 2), (0, 1))
        last = _difference(g, x, axis, (-1, 0), (-2, -1))
    else:
        first = _weighted(g, x, axis, 0, (-1.5, 2.0, -0.5))
        last = _weighted(g, x, axis, -3, (0.5, -2.0, 1.5))
    found = g.Concat(first, inner, last, axis=axis)
    return found if step is None else g.Div(found, g.scalar(step, found.dtype))


def _between_places(
    g: Builder, x: OnnxValue, places: OnnxValue, axis: int, edge_order: int
) -> OnnxValue:
    """The derivative of the parabola through each value and its neighbours."""
    steps = _difference(g, places, 0, (1, 0), (0, -1))
    steps = g.reshape(g.cast(steps, _float(x)), [1] * axis + [-1] + [1] * (rank_of(x) - axis - 1))
    values = g.cast(x, steps.dtype)
    before, after = _part(g, steps, axis, 0, -1), _part(g, steps, axis, 1, 0)
    terms = [
        g.Mul(_part(g, values, axis, start, end), weight)
        for start, end, weight in zip(
            (0, 1, 2), (-2, -1, 0), _inner_weights(g, before, after), strict=True
        )
    ]
    inner = g.Add(g.Add(terms[0], terms[1]), terms[2])
    if edge_order == 1:
        first = g.Div(_difference(g, x, axis, (1, 2), (0, 1)), _part(g, steps, axis, 0, 1))
        last = g.Div(_difference(g, x, axis, (-1, 0), (-2, -1)), _part(g, steps, axis, -1, 0))
    else:
        first = _weighted(g, x, axis, 0, _edge_weights(g, steps, axis, 0))
        # Seen from the end, with steps the other way.
        last = _weighted(g, x, axis, -3, _edge_weights(g, g.Neg(steps), axis, -1)[::-1])
    return g.Concat(first, inner, last, axis=axis)


def _inner_weights(g: Builder, before: OnnxValue, after: OnnxValue) -> list[OnnxValue]:
    both = g.Add(before, after)
    return [
        g.Neg(g.Div(after, g.Mul(before, both))),
        g.Div(g.Sub(after, before), g.Mul(before, after)),
        g.Div(before, g.Mul(after, both)),
    ]


def _edge_weights(g: Builder, steps: OnnxValue, axis: int, place: int) -> list[OnnxValue]:
    """Of the outermost value and the two next to it."""
    beyond = place + 1 if place == 0 else place - 1
    near = _part(g, steps, axis, place, place + 1)
    far = _part(g, steps, axis, beyond, beyond + 1)
    both = g.Add(near, far)
    return [
        g.Neg(g.Div(g.Add(near, both), g.Mul(near, both))),
        g.Div(both, g.Mul(near, far)),
        g.Neg(g.Div(near, g.Mul(far, both))),
    ]


__all__ = ["aten"]
