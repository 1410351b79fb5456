"""Python's arithmetic on sizes and other numbers known only at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_onnx.builder.values import Integer
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder
    from torch_onnx.builder.values import OnnxValue

python = OpTable("numbers")


@python("aten::sym_size.int")
def size(g: Builder, self: OnnxValue, dim: int) -> Integer:
    return g.size(self, dim)


@python("python::mul")
def multiply(g: Builder, a: Integer, b: Integer) -> Integer:
    return g.mul(a, b)
