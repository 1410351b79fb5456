"""Weights in another form than the program has them, computed when the file is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import TO_ONNX
from torch_onnx.builder.values import OnnxValue
from torch_onnx.weights import ComputedWeight, Weight

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder


def stored(
    g: Builder,
    parts: Sequence[OnnxValue],
    compute: Callable[..., torch.Tensor],
    sizes: tuple[int, ...],
    dtype: torch.dtype | None = None,
    suffix: str = "stacked",
) -> OnnxValue | None:
    """``compute(part0=…, part1=…)`` as an initializer; None where a part is known at run time only.

    No weight's bytes are read before saving. ``compute`` returns ``dtype`` (by default that of the
    first part) and the shape ``sizes``; it must compare equal to another that does the same, so
    that what is asked for twice is stored once. ``suffix`` tells it from the first part by name.
    """
    constants = [part.constant for part in parts]
    if all(constant is not None for constant in constants):
        given = {f"part{i}": c for i, c in enumerate(constants) if c is not None}
        return g.constant(compute(**given))
    weights = [None if part.value is None else part.value.const_value for part in parts]
    owned = {f"part{i}": w for i, w in enumerate(weights) if isinstance(w, Weight)}
    if len(owned) != len(parts):
        return None
    keys = {role: weight.key for role, weight in owned.items()}
    dtype = dtype or parts[0].dtype
    for value in g.initializers.values():
        held = value.const_value
        if isinstance(held, ComputedWeight) and held.keys == keys and held.compute == compute:
            return OnnxValue(dtype, sizes, value=value)
    name = g.unique_name(f"{owned['part0'].key}.{suffix}")
    tensors = {role: weight.tensor for role, weight in owned.items()}
    data = ComputedWeight(name, keys, tensors, compute, dtype, sizes)
    onnx = ir.TensorType(TO_ONNX[dtype])
    value = ir.Value(name=name, shape=ir.Shape(sizes), type=onnx, const_value=data)
    g.initializers[name] = value
    return OnnxValue(dtype, sizes, value=value)
