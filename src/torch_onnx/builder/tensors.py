"""Small torch tensors in onnx_ir's form."""

from __future__ import annotations

from typing import Any

import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import TO_ONNX


def tensor_data(tensor: torch.Tensor) -> ir.Tensor[Any]:
    """A small tensor as the value of an attribute."""
    return ir.Tensor(numpy_of(tensor), dtype=TO_ONNX[tensor.dtype])


def numpy_of(tensor: torch.Tensor) -> Any:
    """A small tensor as a numpy array, of ml_dtypes where numpy has no such type."""
    tensor = tensor.detach().contiguous()
    if tensor.dtype in (torch.bfloat16, *_FLOAT8):
        import ml_dtypes

        name = str(tensor.dtype).removeprefix("torch.")
        width = torch.int16 if tensor.dtype == torch.bfloat16 else torch.uint8
        return tensor.view(width).numpy().view(getattr(ml_dtypes, name))
    return tensor.numpy()


_FLOAT8 = (
    torch.float8_e4m3fn,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2,
    torch.float8_e5m2fnuz,
)
