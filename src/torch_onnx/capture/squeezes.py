"""Axes that are dropped where their size is 1, of sizes known at run time only.

A program has one rank for each tensor: where such axes stay in it, it holds for other sizes than 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.capture.assumptions import DynamicAxes, holds_where
from torch_onnx.errors import CaptureError
from torch_onnx.graph import AtenGraph, Dim


def named_axes(rank: int, given: Any) -> list[int]:
    """The axes of a tensor that an argument names: None means all, else a number or some."""
    if given is None or rank == 0:
        return list(range(rank))
    axes = given if isinstance(given, (list, tuple)) else [given]
    return [int(axis) % rank for axis in axes]


def notes_of_squeezes(
    graph: AtenGraph, tensors: Sequence[torch.Tensor], dynamic: DynamicAxes
) -> list[str]:
    """What the ranks of squeezed tensors rely on.

    Raises:
        CaptureError: for an axis that is dropped for the example, ``tensors``, or by what data say.
    """
    sizes, never = {}, set()
    for index, axes in dynamic.items():
        for axis, spec in axes.items():
            size = compat.expression_of(graph.inputs[index].fake.shape[axis])
            sizes[size] = tensors[index].shape[axis]
            if (spec.min or 0) > 1:
                never.add(size)
    notes = []
    for call in graph.calls:
        if not call.op.name.startswith("aten::squeeze"):
            continue
        x, frame = call.args["self"], call.source.frame
        for axis in named_axes(len(x.shape), call.args.get("dim")):
            size, fake = x.shape[axis], x.fake.shape[axis]
            if not isinstance(size, Dim) or compat.expression_of(fake) in never:
                continue
            if compat.is_unknown(fake):
                raise CaptureError(
                    "squeeze drops an axis if its size is 1, which depends on data.",
                    frame,
                    "Name the axes to drop.",
                )
            if compat.is_false_for(compat.expression_of(fake != 1), sizes):
                raise CaptureError(
                    f"squeeze drops an axis of the dynamic size {size}, which is 1 in the example.",
                    frame,
                    "Name the axes to drop, or give an example of another size.",
                )
            notes.append(holds_where(f"{size} != 1", frame))
    return list(dict.fromkeys(notes))
