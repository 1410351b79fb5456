"""All built-in translations: the themes' tables merged, a duplicate being an error.

To users, ``torch_onnx.ops`` is also where operators live that a model calls to become one ONNX node
(``torch_onnx.ops.rms_norm``). They are found on first use, in the modules that ``OPERATORS`` names.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from torch_onnx.ops.table import OpTable, merge

OPERATORS = {
    "torch_onnx.operators": "attention rms_norm rotary_embedding symbolic symbolic_multi_out",
    "torch_onnx.gradients": "gradient",
    "torch_onnx.loops": "cond fori_loop while_loop",
    "torch_onnx.onnx_operators": (
        "depth_to_space dequantize_linear dynamic_quantize_linear hardmax matmul_integer "
        "mean_variance_normalization quantize_linear reverse_sequence shrink space_to_depth "
        "tensor_scatter thresholded_relu"
    ),
}


def __getattr__(name: str) -> Any:
    for module, names in OPERATORS.items():
        if name in names.split():
            return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *(name for names in OPERATORS.values() for name in names.split())]


def builtin_tables() -> list[OpTable]:
    """The built-in tables. Nothing is ever added to them; users' tables are looked up before."""
    return [real_table(), complex_table()]


@functools.cache
def real_table() -> OpTable:
    """The translations of calls without complex numbers."""
    from torch_onnx.ops import (
        activation,
        adaptive_pool,
        antialias,
        arithmetic,
        bessel,
        casting,
        comparison,
        control_flow,
        conv,
        creation,
        cumulative,
        differences,
        distance,
        dot_product_attention,
        dropout,
        einsum,
        erf,
        fft,
        floats,
        fractional_pool,
        gamma,
        hashing,
        incomplete_gamma,
        indexing,
        integers,
        joining,
        linalg_eigen,
        linalg_ldl,
        linalg_lu,
        linalg_qr,
        linalg_schur,
        linalg_triangular,
        lists,
        loss,
        matmul,
        matrix_functions,
        norm,
        numbers,
        padding,
        patches,
        polynomials,
        pool,
        quantized,
        quantized_dynamic,
        random,
        recurrent,
        reduction,
        resize,
        sampling,
        scatter,
        searching,
        segments,
        shape,
        slicing,
        softmax,
        sorting,
        statistics,
        stft,
        window_functions,
    )

    return merge(
        "torch_onnx",
        [
            activation.aten,
            adaptive_pool.aten,
            antialias.aten,
            arithmetic.aten,
            bessel.aten,
            dot_product_attention.aten,
            casting.aten,
            comparison.aten,
            control_flow.python,
            conv.aten,
            creation.aten,
            cumulative.aten,
            differences.aten,
            dropout.aten,
            einsum.aten,
            erf.aten,
            floats.aten,
            gamma.aten,
            hashing.aten,
            incomplete_gamma.aten,
            fft.aten,
            distance.aten,
            fractional_pool.aten,
            indexing.aten,
            integers.aten,
            joining.aten,
            linalg_eigen.aten,
            linalg_ldl.aten,
            linalg_lu.aten,
            linalg_qr.aten,
            linalg_schur.aten,
            linalg_triangular.aten,
            lists.python,
            loss.aten,
            matmul.aten,
            matrix_functions.aten,
            norm.aten,
            numbers.python,
            padding.aten,
            patches.aten,
            polynomials.aten,
            pool.aten,
            quantized.aten,
            quantized_dynamic.aten,
            random.aten,
            recurrent.aten,
            reduction.aten,
            resize.aten,
            sampling.aten,
            scatter.aten,
            searching.aten,
            segments.aten,
            shape.aten,
            slicing.aten,
            softmax.aten,
            sorting.aten,
            stft.aten,
            window_functions.aten,
            statistics.aten,
        ],
        numbers="real",
    )


@functools.cache
def complex_table() -> OpTable:
    """The translations of calls with complex numbers."""
    from torch_onnx.ops import (
        complex_functions,
        complex_lifted,
        complex_linalg,
        complex_lu,
        complex_products,
        complex_random,
        complex_reduction,
        complex_values,
        control_flow,
        fft,
        linalg_schur,
        stft,
    )

    return merge(
        "torch_onnx.complex",
        [
            complex_functions.aten,
            complex_lifted.lifted(real_table()),
            complex_linalg.aten,
            complex_lu.aten,
            complex_products.aten,
            complex_random.aten,
            complex_reduction.aten,
            complex_values.aten,
            control_flow.python,
            fft.aten,
            # Eigenvalues of real matrices are complex.
            linalg_schur.aten,
            stft.aten,
        ],
        numbers="complex",
    )
