"""Dynamic sizes of 0 and 1 in the example, on which the rank of a result depends.

A model is captured at larger ones, for PyTorch takes these two for special. ``cov`` of one row is a
number, of more a matrix: no model has one rank and another.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from torch_onnx import compat, modes
from torch_onnx.capture import answers
from torch_onnx.capture.assumptions import ANOTHER_SIZE, DynamicAxes
from torch_onnx.errors import DimensionSpecialized, SpecializedDimension
from torch_onnx.graph import AtenGraph, Value

Shapes = list[list[int]]


def check_ranks(
    module: torch.nn.Module,
    tensors: Sequence[torch.Tensor],
    dynamic: DynamicAxes,
    input_names: Sequence[str],
    graph: AtenGraph,
) -> None:
    """Raise DimensionSpecialized where the results have other ranks than the example's."""
    small = [
        (index, axis)
        for index, axes in dynamic.items()
        for axis in axes
        if tensors[index].shape[axis] < 2
    ]
    if not small:
        return
    example = [list(tensor.shape) for tensor in tensors]
    ranks = _ranks(module, tensors, example)
    found = [len(v.shape or ()) if isinstance(v, Value) else 0 for v in graph.outputs]
    if ranks is None or len(ranks) != len(found) or ranks == found:
        return
    deciding = []
    for index, axis in small:
        shapes = [list(shape) for shape in example]
        shapes[index][axis] = ANOTHER_SIZE
        if _ranks(module, tensors, shapes) not in (None, ranks):
            deciding.append((index, axis))
    raise DimensionSpecialized(
        [
            SpecializedDimension(
                input_names[index],
                axis,
                dynamic[index][axis].name,
                str(example[index][axis]),
                guard=f"{input_names[index]}[{axis}] == {example[index][axis]}, which decides how "
                "many axes results have",
            )
            for index, axis in deciding or small
        ]
    )


def _ranks(
    module: torch.nn.Module, tensors: Sequence[torch.Tensor], shapes: Shapes
) -> list[int] | None:
    """The ranks of the results at these sizes; None where the model does not take them."""
    mode = compat.static_fake_mode()
    given = [compat.fake_of_shape(mode, t, s) for t, s in zip(tensors, shapes, strict=True)]
    try:
        with (
            modes.attributes_as_they_were(module.modules()),
            modes.buffers_as_they_were(module.modules()),
            torch.no_grad(),
            compat.running_on(mode),
            answers.known_from_types(),
        ):
            results = module(*given)
    except Exception:
        return None
    return [result.dim() if isinstance(result, torch.Tensor) else 0 for result in results]


__all__ = ["check_ranks"]
