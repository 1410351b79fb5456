"""Casts, copies, and calls that return their input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("casting")


# Results are cast to the dtype that PyTorch declares: there is nothing left to do.
@aten("to.dtype", "to.dtype_layout", "to.device", "to.other", "to.prim_dtype", "_to_copy")
def to(g: Builder, self: OnnxValue, dtype: Any = None, other: Any = None) -> OnnxValue:
    return self


@aten("prims::convert_element_type")
def convert(g: Builder, a: OnnxValue, dtype: torch.dtype) -> OnnxValue:
    """What decompositions in half types end with."""
    return a


@aten("type_as")
def type_as(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    return self


@aten("alias", "clone", "contiguous", "detach", "detach_copy", "lift", "lift_fresh")
@aten("lift_fresh_copy", "positive", "resolve_conj", "resolve_neg")
def same(g: Builder, self: OnnxValue) -> OnnxValue:
    return self


@aten("real")
def real(g: Builder, self: OnnxValue) -> OnnxValue:
    return self


@aten("copy")
def copy(g: Builder, self: OnnxValue, src: OnnxValue) -> OnnxValue:
    """``src`` in the shape and dtype of ``self``."""
    assert self.shape is not None
    x = g.cast(src, self.dtype)
    return g.expand(x, g.sizes(self)) if x.shape != self.shape else x
