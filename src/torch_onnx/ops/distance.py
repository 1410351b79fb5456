"""Distances between the rows of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.axes import rank_of, shape_of
from torch_onnx.ops.creation import triangle_mask
from torch_onnx.ops.reduction import reduce, vector_norm
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("distance")

ALWAYS_BY_PRODUCT, NEVER_BY_PRODUCT = 1, 2
MANY_ROWS = 25


@aten("cdist", "_cdist_forward", promote=("x1", "x2"), promote_to_float=True)
def cdist(
    g: Builder,
    x1: OnnxValue,
    x2: OnnxValue,
    result: OnnxValue,
    p: float = 2.0,
    compute_mode: int | None = None,
) -> OnnxValue:
    """``[…, rows of x1, rows of x2]``; batches broadcast."""
    if p == 2 and _is_by_product(x1, x2, compute_mode):
        return _by_product(g, x1, x2)
    rows = g.Unsqueeze(x1, axes=[rank_of(x1) - 1])
    others = g.Unsqueeze(x2, axes=[rank_of(x2) - 2])
    return vector_norm(g, g.Sub(rows, others), result, p, -1)


def _is_by_product(x1: OnnxValue, x2: OnnxValue, mode: int | None) -> bool:
    """PyTorch's choice. Of sizes that are known only at run time, the exact way is taken."""
    if mode in (ALWAYS_BY_PRODUCT, NEVER_BY_PRODUCT):
        return mode == ALWAYS_BY_PRODUCT
    rows = [shape_of(x)[-2] for x in (x1, x2)]
    return any(isinstance(n, int) and n > MANY_ROWS for n in rows)


def _by_product(g: Builder, x1: OnnxValue, x2: OnnxValue) -> OnnxValue:
    """Of many rows: (a - b)² = a² - 2ab + b²."""
    turn = list(range(rank_of(x2)))
    turn[-2:] = turn[:-3:-1]
    squares = reduce(g, "ReduceSumSquare", x1, -1, keepdim=True)
    others = g.Transpose(reduce(g, "ReduceSumSquare", x2, -1, keepdim=True), perm=turn)
    products = g.MatMul(g.Mul(x1, g.like(-2, x1)), g.Transpose(x2, perm=turn))
    total = g.Add(g.Add(products, squares), others)
    return g.Sqrt(g.Max(total, g.like(0, total)))


@aten("pdist", "_pdist_forward")
def pdist(g: Builder, self: OnnxValue, result: OnnxValue, p: float = 2.0) -> OnnxValue:
    """Each pair of rows once, the first row's pairs first."""
    rows = g.size(self, 0)
    pairs = g.NonZero(triangle_mask(g, rows, rows, 1, upper=True))
    first, second = (g.Gather(self, g.Gather(pairs, g.constant(i)), axis=0) for i in (0, 1))
    return vector_norm(g, g.Sub(first, second), result, p, 1)
