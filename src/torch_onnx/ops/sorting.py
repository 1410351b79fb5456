"""Sorting, selecting by rank, counting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("sorting")


@aten("topk")
def topk(
    g: Builder,
    self: OnnxValue,
    k: Integer,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
) -> Any:
    if self.rank == 0:
        return self, g.constant(0)
    values, places = g.TopK(
        self, g.vector([k]), axis=dim, largest=int(largest), sorted=int(sorted), outputs=2
    )
    return values, places


@aten("sort", "sort.stable")
def sort(
    g: Builder,
    self: OnnxValue,
    dim: int = -1,
    descending: bool = False,
    stable: bool | None = None,
) -> Any:
    """By TopK of all, which puts the lower index first among equals: always stable.

    ONNX Runtime orders NaN as TopK pleases, PyTorch as the largest; such input is not supported.
    """
    if self.rank == 0:
        return self, g.constant(0)
    x = g.cast(self, torch.int32) if self.dtype == torch.bool else self
    return topk(g, x, g.size(x, dim), dim, largest=descending)


@aten("argsort", "argsort.stable")
def argsort(
    g: Builder,
    self: OnnxValue,
    dim: int = -1,
    descending: bool = False,
    stable: bool | None = None,
) -> OnnxValue:
    return sort(g, self, dim, descending)[1]  # type: ignore[no-any-return]


@aten("histc")
def histogram_of_integers(
    g: Builder, self: OnnxValue, bins: int = 100, min: Any = 0, max: Any = 0
) -> OnnxValue:
    """Whole numbers counted one by one, as routers of experts do: one bin each.

    Other bins would need PyTorch's rounding of their edges.
    """
    if isinstance(min, OnnxValue) or isinstance(max, OnnxValue) or max - min != bins - 1:
        raise NotExpressible("histc is translated for bins of one integer each")
    centres = g.constant([float(min + i) for i in range(bins)], torch.float32)
    x = g.cast(self, torch.float32)
    values = g.Reshape(x, [-1, 1])
    # With max - min = bins - 1 an edge lies at min + i·(bins-1)/bins: integers fall into bin i.
    hits = g.cast(g.Equal(values, centres), self.dtype)
    return g.ReduceSum(hits, axes=[0], keepdims=0)  # type: ignore[no-any-return]
