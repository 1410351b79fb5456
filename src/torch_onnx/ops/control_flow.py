"""The program's branches and loops, whose bodies are sub-graphs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Number, OnnxValue
from torch_onnx.graph import Block
from torch_onnx.ops.loops import as_tensor, either
from torch_onnx.ops.loops import loop as make_loop
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

python = OpTable("control_flow")


@python("python::if")
def if_(g: Builder, condition: OnnxValue, blocks: Sequence[Block], result: Any) -> Any:
    declared = result if isinstance(result, list) else [result]
    then, otherwise = (partial(g.translate_body, block, []) for block in blocks)
    made = either(g, condition, then, otherwise, declared)
    return made if isinstance(result, list) else made[0]


@python("python::loop")
def loop(
    g: Builder,
    trips: Number | None,
    condition: Number,
    carried: Sequence[Any],
    blocks: Sequence[Block],
    result: Any,
) -> Any:
    declared = result if isinstance(result, list) else [result]
    (block,) = blocks
    start = [as_tensor(g, value, like.dtype) for value, like in zip(carried, declared, strict=True)]

    def body(index: OnnxValue, inside: list[OnnxValue]) -> Sequence[OnnxValue]:
        given = []
        for formal, value in zip(block.inputs, [index, *inside], strict=True):
            if formal.kind != "list":
                g.know_dims(value)
            if formal.kind not in ("tensor", "list"):
                value = g.Unsqueeze(value, axes=[0])
                value.is_number = True
            given.append(value)
        return g.translate_body(block, given)

    made = make_loop(
        g,
        body,
        start,
        declared,
        None if trips is None else g.scalar(trips),
        None if condition is True else as_tensor(g, condition, torch.bool),
    )
    return made if isinstance(result, list) else made[0]
