"""All built-in translations: the themes' tables merged, a duplicate being an error."""

from __future__ import annotations

import functools

from torch_onnx.ops.table import OpTable, merge


@functools.cache
def builtin_table() -> OpTable:
    """The built-in table. Nothing is ever added to it; users' tables are looked up before it."""
    from torch_onnx.ops import (
        creation,
        indexing,
        joining,
        numbers,
        padding,
        scatter,
        shape,
        slicing,
    )

    return merge(
        "torch_onnx",
        [
            creation.aten,
            indexing.aten,
            joining.aten,
            numbers.python,
            padding.aten,
            scatter.aten,
            shape.aten,
            slicing.aten,
        ],
    )
