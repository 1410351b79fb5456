"""Ranks, axes and sizes of tensors, as translations that move elements about need them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch_onnx.builder.sizes import AnySize
from torch_onnx.errors import NotExpressible

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder
    from torch_onnx.builder.values import KnownSize, OnnxValue


def shape_of(x: OnnxValue) -> tuple[KnownSize, ...]:
    """The sizes of x; None where one is not known at all.

    Raises:
        NotExpressible: when not even the rank is known, and for complex tensors: they are stored
            with one more axis, which the translations that ask for shapes do not move along.
    """
    refuse_complex(x)
    if x.shape is None:
        raise NotExpressible("it needs a tensor whose rank is known when the model is exported")
    return x.shape


def refuse_complex(x: OnnxValue) -> None:
    """Raise NotExpressible for complex tensors."""
    if x.is_complex:
        raise NotExpressible("moving the elements of complex tensors is not translated")


def rank_of(x: OnnxValue) -> int:
    """The number of axes of x."""
    return len(shape_of(x))


def axis_of(x: OnnxValue, dim: int) -> int:
    """A possibly negative dim counted from the start; 0 for a tensor without axes."""
    return dim % max(rank_of(x), 1)


def sizes_of(g: Builder, x: OnnxValue) -> list[AnySize]:
    """The sizes of x, those without a name read at run time."""
    return [g.size(x, axis) if size is None else size for axis, size in enumerate(shape_of(x))]
