"""All built-in translations: the themes' tables merged, a duplicate being an error."""

from __future__ import annotations

import functools

from torch_onnx.ops.table import OpTable, merge


@functools.cache
def builtin_table() -> OpTable:
    """The built-in table. Nothing is ever added to it; users' tables are looked up before it."""
    from torch_onnx.ops import (
        activation,
        adaptive_pool,
        arithmetic,
        attention,
        casting,
        comparison,
        control_flow,
        conv,
        creation,
        cumulative,
        einsum,
        indexing,
        joining,
        linalg_eigen,
        linalg_ldl,
        linalg_lu,
        linalg_qr,
        linalg_schur,
        linalg_triangular,
        matmul,
        matrix_functions,
        norm,
        numbers,
        padding,
        pool,
        quantized,
        quantized_dynamic,
        recurrent,
        reduction,
        resize,
        sampling,
        scatter,
        searching,
        shape,
        slicing,
        softmax,
        sorting,
    )

    return merge(
        "torch_onnx",
        [
            activation.aten,
            adaptive_pool.aten,
            arithmetic.aten,
            attention.aten,
            casting.aten,
            comparison.aten,
            control_flow.python,
            conv.aten,
            creation.aten,
            cumulative.aten,
            einsum.aten,
            indexing.aten,
            joining.aten,
            linalg_eigen.aten,
            linalg_ldl.aten,
            linalg_lu.aten,
            linalg_qr.aten,
            linalg_schur.aten,
            linalg_triangular.aten,
            matmul.aten,
            matrix_functions.aten,
            norm.aten,
            numbers.python,
            padding.aten,
            pool.aten,
            quantized.aten,
            quantized_dynamic.aten,
            recurrent.aten,
            reduction.aten,
            resize.aten,
            sampling.aten,
            scatter.aten,
            searching.aten,
            shape.aten,
            slicing.aten,
            softmax.aten,
            sorting.aten,
        ],
    )
