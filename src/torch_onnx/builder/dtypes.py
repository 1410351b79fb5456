"""torch dtypes and their ONNX element types."""

from __future__ import annotations

import functools

import onnx_ir as ir
import torch

TO_ONNX: dict[torch.dtype, ir.DataType] = {
    torch.float32: ir.DataType.FLOAT,
    torch.float64: ir.DataType.DOUBLE,
    torch.float16: ir.DataType.FLOAT16,
    torch.bfloat16: ir.DataType.BFLOAT16,
    torch.bool: ir.DataType.BOOL,
    torch.int8: ir.DataType.INT8,
    torch.int16: ir.DataType.INT16,
    torch.int32: ir.DataType.INT32,
    torch.int64: ir.DataType.INT64,
    torch.uint8: ir.DataType.UINT8,
    torch.uint16: ir.DataType.UINT16,
    torch.uint32: ir.DataType.UINT32,
    torch.uint64: ir.DataType.UINT64,
    torch.float8_e4m3fn: ir.DataType.FLOAT8E4M3FN,
    torch.float8_e4m3fnuz: ir.DataType.FLOAT8E4M3FNUZ,
    torch.float8_e5m2: ir.DataType.FLOAT8E5M2,
    torch.float8_e5m2fnuz: ir.DataType.FLOAT8E5M2FNUZ,
    torch.complex64: ir.DataType.COMPLEX64,
    torch.complex128: ir.DataType.COMPLEX128,
}
FROM_ONNX: dict[ir.DataType, torch.dtype] = {onnx: dtype for dtype, onnx in TO_ONNX.items()}

# The names that ONNX schemas use in their type strings.
TYPE_STRINGS: dict[torch.dtype, str] = {
    dtype: f"tensor({name})"
    for dtype, name in {
        torch.float32: "float",
        torch.float64: "double",
        torch.float16: "float16",
        torch.bfloat16: "bfloat16",
        torch.bool: "bool",
        torch.int8: "int8",
        torch.int16: "int16",
        torch.int32: "int32",
        torch.int64: "int64",
        torch.uint8: "uint8",
        torch.uint16: "uint16",
        torch.uint32: "uint32",
        torch.uint64: "uint64",
        torch.float8_e4m3fn: "float8e4m3fn",
        torch.float8_e4m3fnuz: "float8e4m3fnuz",
        torch.float8_e5m2: "float8e5m2",
        torch.float8_e5m2fnuz: "float8e5m2fnuz",
        torch.complex64: "complex64",
        torch.complex128: "complex128",
    }.items()
}
FROM_TYPE_STRING: dict[str, torch.dtype] = {name: dtype for dtype, name in TYPE_STRINGS.items()}


_PARTS = {
    torch.complex32: torch.float16,
    torch.complex64: torch.float32,
    torch.complex128: torch.float64,
}


@functools.cache
def real_of(dtype: torch.dtype) -> torch.dtype:
    """The dtype of a complex number's parts."""
    return _PARTS.get(dtype, dtype)


@functools.cache
def complex_of(dtype: torch.dtype) -> torch.dtype:
    """The dtype of complex numbers whose parts are of a float dtype."""
    found = {real: whole for whole, real in _PARTS.items()}
    return found.get(dtype, torch.complex64)


def is_integer(dtype: torch.dtype) -> bool:
    """Signed or unsigned integers, bool excluded."""
    return not (dtype.is_floating_point or dtype.is_complex or dtype == torch.bool)
