"""Products of matrices and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("matmul")


@aten("linear")
def linear(
    g: Builder, input: OnnxValue, weight: OnnxValue, bias: OnnxValue | None = None
) -> OnnxValue:
    if weight.rank == 1:
        product = g.MatMul(input, weight)
        return product if bias is None else g.Add(product, bias)  # type: ignore[no-any-return]
    if input.rank == 2 and input.dtype.is_floating_point:
        return g.Gemm(input, weight, bias, transB=1)  # type: ignore[no-any-return]
    product = g.MatMul(input, g.Transpose(weight, perm=[1, 0]))
    return product if bias is None else g.Add(product, bias)  # type: ignore[no-any-return]


@aten("matmul", "vdot")
def matmul(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return g.MatMul(self, other)  # type: ignore[no-any-return]


@aten("mm", "bmm")
def matrix_product(g: Builder, self: OnnxValue, mat2: OnnxValue) -> OnnxValue:
    return g.MatMul(self, mat2)  # type: ignore[no-any-return]


@aten("mv")
def matrix_times_vector(g: Builder, self: OnnxValue, vec: OnnxValue) -> OnnxValue:
    return g.MatMul(self, vec)  # type: ignore[no-any-return]


@aten("dot")
def dot(g: Builder, self: OnnxValue, tensor: OnnxValue) -> OnnxValue:
    return g.MatMul(self, tensor)  # type: ignore[no-any-return]


@aten("addmm")
def addmm(
    g: Builder, self: OnnxValue, mat1: OnnxValue, mat2: OnnxValue, beta: Any = 1, alpha: Any = 1
) -> OnnxValue:
    if self.dtype.is_floating_point:
        return g.Gemm(mat1, mat2, self, alpha=float(alpha), beta=float(beta))  # type: ignore[no-any-return]
    product = _scaled(g, g.MatMul(mat1, mat2), alpha)
    return g.Add(_scaled(g, self, beta), product)  # type: ignore[no-any-return]


@aten("baddbmm")
def baddbmm(
    g: Builder, self: OnnxValue, batch1: OnnxValue, batch2: OnnxValue, beta: Any = 1, alpha: Any = 1
) -> OnnxValue:
    product = _scaled(g, g.MatMul(batch1, batch2), alpha)
    # beta = 0 leaves self out altogether, NaNs included.
    return product if beta == 0 else g.Add(_scaled(g, self, beta), product)


@aten("addmv")
def addmv(
    g: Builder, self: OnnxValue, mat: OnnxValue, vec: OnnxValue, beta: Any = 1, alpha: Any = 1
) -> OnnxValue:
    product = _scaled(g, g.MatMul(mat, vec), alpha)
    return product if beta == 0 else g.Add(_scaled(g, self, beta), product)


def _scaled(g: Builder, x: OnnxValue, factor: Any) -> OnnxValue:
    return x if factor == 1 else g.Mul(x, g.like(factor, x))


@aten("outer", "ger", promote=("self", "vec2"))
def outer(g: Builder, self: OnnxValue, vec2: OnnxValue) -> OnnxValue:
    return g.Mul(g.Unsqueeze(self, axes=[1]), vec2)  # type: ignore[no-any-return]


@aten("einsum")
def einsum(g: Builder, equation: str, tensors: Sequence[OnnxValue], path: Any = None) -> OnnxValue:
    if any(x.dtype == torch.bool for x in tensors):
        raise NotExpressible("einsum of bools has no ONNX operator")
    return g.Einsum(*tensors, equation=equation.replace(" ", ""))  # type: ignore[no-any-return]


@aten("_grouped_mm")
def grouped_mm(
    g: Builder,
    self: OnnxValue,
    mat2: OnnxValue,
    offs: OnnxValue | None = None,
    out_dtype: torch.dtype | None = None,
) -> OnnxValue:
    return grouped_product(g, self, mat2, offs)


# What transformers calls where PyTorch has no kernel.
@aten("transformers::grouped_mm_fallback")
def grouped_mm_fallback(
    g: Builder, input: OnnxValue, weight: OnnxValue, offs: OnnxValue
) -> OnnxValue:
    return grouped_product(g, input, weight, offs)


def grouped_product(
    g: Builder, left: OnnxValue, right: OnnxValue, offs: OnnxValue | None
) -> OnnxValue:
    """Rows of the first matrix, group by group, times that group's matrix.

    ``offs`` holds where each group of rows ends. One MatMul a group: none sees another's rows,
    and an empty group costs nothing.
    """
    if offs is None or left.rank != 2 or right.shape is None or right.rank != 3:
        raise NotExpressible("grouped_mm is translated for [rows, k] x [groups, k, n] with offs")
    groups = right.shape[0]
    if not isinstance(groups, int):
        raise NotExpressible("grouped_mm needs a known number of groups")
    ends = g.Split(g.cast(offs, torch.int64), [1] * groups, axis=0, outputs=groups)
    ends = ends if groups > 1 else [ends]
    start: Integer = 0
    parts = []
    for group in range(groups):
        rows = g.Slice(left, [start], [ends[group]], axes=[0])
        parts.append(g.MatMul(rows, g.Gather(right, group, axis=0)))
        start = ends[group]
    return g.Concat(*parts, axis=0)  # type: ignore[no-any-return]
