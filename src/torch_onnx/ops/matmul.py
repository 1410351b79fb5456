"""Products of matrices and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.sizes import TO_THE_END
from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.arithmetic import scaled
from torch_onnx.ops.axes import axis_of, rank_of, refuse_complex, shape_of
from torch_onnx.ops.joining import equal_parts
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("matmul")


@aten("linear")
def linear(
    g: Builder, input: OnnxValue, weight: OnnxValue, bias: OnnxValue | None = None
) -> OnnxValue:
    """``weight`` is (out, in), or (in) for a single number out."""
    if weight.rank == 2 and input.rank == 2 and input.is_floating_point:
        return g.Gemm(input, weight, bias, transB=1)
    if weight.rank == 2:
        # The passes store a weight transposed when only Transposes read it.
        weight = g.Transpose(weight, perm=[1, 0])
    product = matmul(g, input, weight)
    return product if bias is None else g.Add(product, bias)


@aten("matmul", "linalg_matmul")
def matmul(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    refuse_complex(self)
    refuse_complex(other)
    return g.MatMul(self, other)


@aten("mm")
def mm(g: Builder, self: OnnxValue, mat2: OnnxValue) -> OnnxValue:
    """Gemm transposes by itself; parameters are stored transposed instead."""
    computed = any(
        transposed and inner.parameter is None
        for inner, transposed in (_untransposed(self), _untransposed(mat2))
    )
    if computed and self.is_floating_point:
        return gemm(g, self, mat2)
    return matmul(g, self, mat2)


@aten("bmm")
def bmm(g: Builder, self: OnnxValue, mat2: OnnxValue) -> OnnxValue:
    return matmul(g, self, mat2)


@aten("mv")
def mv(g: Builder, self: OnnxValue, vec: OnnxValue) -> OnnxValue:
    return matmul(g, self, vec)


@aten("dot")
def dot(g: Builder, self: OnnxValue, tensor: OnnxValue) -> OnnxValue:
    return matmul(g, self, tensor)


@aten("vdot")
def vdot(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return matmul(g, self, other)


@aten("mm.dtype", "bmm.dtype")
def mm_in_dtype(g: Builder, self: OnnxValue, mat2: OnnxValue, out_dtype: torch.dtype) -> OnnxValue:
    return matmul(g, g.cast(self, out_dtype), g.cast(mat2, out_dtype))


@aten("_int_mm")
def int_mm(g: Builder, self: OnnxValue, mat2: OnnxValue) -> OnnxValue:
    """int8 by int8 gives int32."""
    return g.MatMulInteger(self, mat2)


@aten("chain_matmul")
def chain_matmul(g: Builder, matrices: Sequence[OnnxValue]) -> OnnxValue:
    product = matrices[0]
    for matrix in matrices[1:]:
        product = matmul(g, product, matrix)
    return product


@aten("linalg_multi_dot")
def multi_dot(g: Builder, tensors: Sequence[OnnxValue]) -> OnnxValue:
    return chain_matmul(g, tensors)


# With something added.


def _untransposed(x: OnnxValue) -> tuple[OnnxValue, bool]:
    """What x is the transpose of, where it is a transposed matrix; else x."""
    made = x.made_by
    if made is None or made.operator != "Transpose" or x.rank != 2 or made.inputs[0] is None:
        return x, False
    return made.inputs[0], True


def gemm(
    g: Builder,
    a: OnnxValue,
    b: OnnxValue,
    c: OnnxValue | None = None,
    alpha: Any = 1,
    beta: Any = 1,
) -> OnnxValue:
    """``alpha * a @ b + beta * c`` of float matrices; what transposes them is left out."""
    refuse_complex(a)
    (a, trans_a), (b, trans_b) = _untransposed(a), _untransposed(b)
    return g.Gemm(a, b, c, alpha=alpha, beta=beta, transA=int(trans_a), transB=int(trans_b))


def _combined(g: Builder, x: OnnxValue, product: OnnxValue, beta: Any, alpha: Any) -> OnnxValue:
    """``beta * x + alpha * product``. A beta of 0 leaves even NaN out."""
    product = scaled(g, product, alpha)
    if not isinstance(beta, OnnxValue) and beta == 0:
        return product
    return g.Add(scaled(g, x, beta), product)


@aten("addmm")
def addmm(
    g: Builder, self: OnnxValue, mat1: OnnxValue, mat2: OnnxValue, beta: Any = 1, alpha: Any = 1
) -> OnnxValue:
    known = not isinstance(alpha, OnnxValue) and not isinstance(beta, OnnxValue)
    if not known or not mat1.is_floating_point:
        return _combined(g, self, matmul(g, mat1, mat2), beta, alpha)
    if beta == 0:
        product = gemm(g, mat1, mat2, alpha=alpha)
        return product
    return gemm(g, mat1, mat2, self, alpha, beta)


@aten("addmm.dtype")
def addmm_in_dtype(
    g: Builder,
    self: OnnxValue,
    mat1: OnnxValue,
    mat2: OnnxValue,
    out_dtype: torch.dtype,
    beta: Any = 1,
    alpha: Any = 1,
) -> OnnxValue:
    x, a, b = (g.cast(t, out_dtype) for t in (self, mat1, mat2))
    return addmm(g, x, a, b, beta, alpha)


@aten("_addmm_activation")
def addmm_activation(
    g: Builder,
    self: OnnxValue,
    mat1: OnnxValue,
    mat2: OnnxValue,
    beta: Any = 1,
    alpha: Any = 1,
    use_gelu: bool = False,
) -> OnnxValue:
    if use_gelu:
        raise NotExpressible("_addmm_activation is translated with relu only")
    return g.Relu(addmm(g, self, mat1, mat2, beta, alpha))


@aten("addmv")
def addmv(
    g: Builder, self: OnnxValue, mat: OnnxValue, vec: OnnxValue, beta: Any = 1, alpha: Any = 1
) -> OnnxValue:
    return _combined(g, self, matmul(g, mat, vec), beta, alpha)


@aten("baddbmm")
def baddbmm(
    g: Builder,
    self: OnnxValue,
    batch1: OnnxValue,
    batch2: OnnxValue,
    beta: Any = 1,
    alpha: Any = 1,
) -> OnnxValue:
    return _combined(g, self, matmul(g, batch1, batch2), beta, alpha)


@aten("baddbmm.dtype")
def baddbmm_in_dtype(
    g: Builder,
    self: OnnxValue,
    batch1: OnnxValue,
    batch2: OnnxValue,
    out_dtype: torch.dtype,
    beta: Any = 1,
    alpha: Any = 1,
) -> OnnxValue:
    x, a, b = (g.cast(t, out_dtype) for t in (self, batch1, batch2))
    return baddbmm(g, x, a, b, beta, alpha)


@aten("addbmm")
def addbmm(
    g: Builder,
    self: OnnxValue,
    batch1: OnnxValue,
    batch2: OnnxValue,
    beta: Any = 1,
    alpha: Any = 1,
) -> OnnxValue:
    """One product of matrices that lie beside and below each other."""
    rows, columns = g.size(batch1, 1), g.size(batch2, 2)
    inner = g.mul(g.size(batch1, 0), g.size(batch1, 2))
    beside = g.reshape(g.Transpose(batch1, perm=[1, 0, 2]), [rows, inner])
    return addmm(g, self, beside, g.reshape(batch2, [inner, columns]), beta, alpha)


@aten("addr", promote=("self", "vec1", "vec2"))
def addr(
    g: Builder, self: OnnxValue, vec1: OnnxValue, vec2: OnnxValue, beta: Any = 1, alpha: Any = 1
) -> OnnxValue:
    if self.is_floating_point:
        column, row = g.Unsqueeze(vec1, axes=[1]), g.Unsqueeze(vec2, axes=[0])
        return addmm(g, self, column, row, beta, alpha)
    return _combined(g, self, outer(g, vec1, vec2), beta, alpha)


# Products without a sum.


@aten("outer", "ger", promote=("self", "vec2"))
def outer(g: Builder, self: OnnxValue, vec2: OnnxValue) -> OnnxValue:
    refuse_complex(self)
    column = g.Unsqueeze(self, axes=[1])
    return g.And(column, vec2) if self.dtype == torch.bool else g.Mul(column, vec2)


@aten("kron", promote=("self", "other"))
def kron(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    rank = max(rank_of(self), rank_of(other))
    if rank == 0:
        return g.Mul(self, other)
    a, b = (_with_rank(g, x, rank) for x in (self, other))
    sizes = [g.mul(g.size(a, axis), g.size(b, axis)) for axis in range(rank)]
    a = g.Unsqueeze(a, axes=list(range(1, 2 * rank, 2)))
    b = g.Unsqueeze(b, axes=list(range(0, 2 * rank, 2)))
    return g.reshape(g.Mul(a, b), sizes)


def _with_rank(g: Builder, x: OnnxValue, rank: int) -> OnnxValue:
    missing = rank - rank_of(x)
    return g.Unsqueeze(x, axes=list(range(missing))) if missing else x


@aten("linalg_cross", promote=("self", "other"))
def cross(g: Builder, self: OnnxValue, other: OnnxValue, dim: int = -1) -> OnnxValue:
    axis = axis_of(self, dim)
    after, before = [1, 2, 0], [2, 0, 1]
    left = g.Mul(g.Gather(self, after, axis=axis), g.Gather(other, before, axis=axis))
    right = g.Mul(g.Gather(self, before, axis=axis), g.Gather(other, after, axis=axis))
    return g.Sub(left, right)


@aten("cross", promote=("self", "other"))
def cross_of_first(
    g: Builder, self: OnnxValue, other: OnnxValue, dim: int | None = None
) -> OnnxValue:
    if dim is None:
        dim = next((i for i, size in enumerate(shape_of(self)) if size == 3), None)
        if dim is None:
            raise NotExpressible("cross needs a dim that is known to be of size 3")
    return cross(g, self, other, dim)


# Groups of rows, each with a matrix of its own (mixtures of experts).


@aten("_grouped_mm")
def grouped_mm(
    g: Builder,
    self: OnnxValue,
    mat2: OnnxValue,
    result: OnnxValue,
    offs: OnnxValue | None = None,
    out_dtype: torch.dtype | None = None,
) -> OnnxValue:
    """(rows, in) by (groups, in, out), group i being the rows from ``offs[i - 1]`` to ``offs[i]``.

    A part, a product for each group: exact, and no row is multiplied twice. Rows after the last
    offset, undefined in PyTorch, go with the last group.
    """
    a, b = g.cast(self, result.dtype), g.cast(mat2, result.dtype)
    if offs is None and rank_of(a) == rank_of(b) == 3:
        return matmul(g, a, b)
    groups = shape_of(b)[0]
    if offs is None or rank_of(a) != 2 or rank_of(b) != 3 or not isinstance(groups, int):
        raise NotExpressible("_grouped_mm is translated for (rows, in) by (groups, in, out)")
    if groups == 1:
        return matmul(g, a, g.Squeeze(b, axes=[0]))
    ends = equal_parts(g, g.cast(offs, torch.int64), groups, 0)
    matrices = equal_parts(g, b, groups, 0)
    parts = []
    for i, matrix in enumerate(matrices):
        start = [0] if i == 0 else ends[i - 1]
        end = [TO_THE_END] if i == groups - 1 else ends[i]
        rows = g.Slice(a, start, end, axes=[0])
        parts.append(g.MatMul(rows, g.Squeeze(matrix, axes=[0])))
    return g.Concat(*parts, axis=0)


# What transformers calls where PyTorch has no kernel.
@aten("transformers::grouped_mm_fallback")
def grouped_mm_fallback(
    g: Builder, input: OnnxValue, weight: OnnxValue, offs: OnnxValue, result: OnnxValue
) -> OnnxValue:
    return grouped_mm(g, input, weight, result, offs)
