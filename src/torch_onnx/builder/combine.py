"""Two nodes that one can say: the builder emits the one, and the other goes if nothing uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from torch_onnx.builder.infer import broadcast, constant_list
from torch_onnx.builder.values import OnnxValue

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

Inputs: TypeAlias = "Sequence[OnnxValue | None]"
Rule: TypeAlias = Callable[
    ["Builder", OnnxValue, OnnxValue, Inputs, dict[str, Any]], "OnnxValue | None"
]


def combine(
    g: Builder, operator: str, inputs: Inputs, attributes: dict[str, Any]
) -> OnnxValue | None:
    """One node in the place of ``operator`` and the one that made its first input, or None."""
    if operator == "Mul":
        return _mul_reciprocal_root(g, inputs)
    if operator == "Expand":
        return _expand_to_nothing(g, inputs)
    rules = RULES.get(operator)
    if rules is None or not inputs or (x := inputs[0]) is None or x.made_by is None:
        return None
    rule = rules.get(x.made_by.operator)
    if rule is None or (before := x.made_by.inputs[0]) is None:
        return None
    return rule(g, x, before, inputs, attributes)


def _expand_to_nothing(g: Builder, inputs: Inputs) -> OnnxValue | None:
    """ONNX Runtime (1.32) takes an Expand of a size of 1 to 0 for one that does nothing."""
    x, target = inputs[0], constant_list(inputs[1])
    if x is None or not target or 0 not in target:
        return None
    shape = broadcast([x.shape, tuple(target)])
    sizes = [size for size in shape or () if isinstance(size, int)]
    if shape is None or len(sizes) != len(shape):
        return None
    return g.constant(torch.zeros(sizes, dtype=x.dtype))


def _axes(inputs: Inputs, attributes: dict[str, Any], rank: int) -> list[int] | None:
    axes = attributes.get("axes")
    if axes is None and len(inputs) > 1:
        axes = constant_list(inputs[1])
    return None if axes is None else sorted(a % rank for a in axes)


def _made_axes(x: OnnxValue, rank: int) -> list[int] | None:
    assert x.made_by is not None
    return _axes(x.made_by.inputs, x.made_by.attributes, rank)


def _transpose_transpose(
    g: Builder, x: OnnxValue, before: OnnxValue, inputs: Inputs, attributes: dict[str, Any]
) -> OnnxValue | None:
    assert x.made_by is not None
    first, second = x.made_by.attributes.get("perm"), attributes.get("perm")
    if first is None or second is None or before.parameter is not None:
        return None
    return g.Transpose(before, perm=[first[p] for p in second])


def _transpose_dequantize(
    g: Builder, x: OnnxValue, before: OnnxValue, inputs: Inputs, attributes: dict[str, Any]
) -> OnnxValue | None:
    """A weight of integers is stored transposed like any other, so that it is read as it lies."""
    made, perm = x.made_by, attributes.get("perm")
    if made is None or perm is None or before.made_by is not None or before.value is None:
        return None
    if before.value.const_value is None:
        return None
    moved = dict(made.attributes)
    if made.inputs[1] is not None and made.inputs[1].rank:
        moved["axis"] = perm.index(moved.get("axis", 1))
    return g.DequantizeLinear(g.Transpose(before, perm=perm), *made.inputs[1:], **moved)


def _unsqueeze_unsqueeze(
    g: Builder, x: OnnxValue, before: OnnxValue, inputs: Inputs, attributes: dict[str, Any]
) -> OnnxValue | None:
    if x.rank is None:
        return None
    inner = _made_axes(x, x.rank)
    added = attributes.get("axes") or constant_list(inputs[1] if len(inputs) > 1 else None)
    if inner is None or not added:
        return None
    rank = x.rank + len(added)
    outer = {a % rank for a in added}
    places = [axis for axis in range(rank) if axis not in outer]
    return g.Unsqueeze(before, axes=sorted([*outer, *(places[a] for a in inner)]))


def _unsqueeze_squeeze(
    g: Builder, x: OnnxValue, before: OnnxValue, inputs: Inputs, attributes: dict[str, Any]
) -> OnnxValue | None:
    # A number of the program is no tensor, though it is stored like one.
    if before.rank is None or before.is_number:
        return None
    dropped, added = _made_axes(x, before.rank), _axes(inputs, attributes, before.rank)
    return before if dropped is not None and dropped == added else None


def _mul_reciprocal_root(g: Builder, inputs: Inputs) -> OnnxValue | None:
    """``x · (1 / √y)`` is ``x / √y``. (Not so for every reciprocal: that of a tiny y overflows.)"""
    for x, other in (inputs, inputs[::-1]):
        made = None if other is None else other.made_by
        if made is None or made.operator != "Reciprocal" or (root := made.inputs[0]) is None:
            continue
        if root.made_by is not None and root.made_by.operator == "Sqrt":
            return g.Div(x, root)
    return None


def _squeeze_unsqueeze(
    g: Builder, x: OnnxValue, before: OnnxValue, inputs: Inputs, attributes: dict[str, Any]
) -> OnnxValue | None:
    if x.rank is None:
        return None
    dropped, added = _axes(inputs, attributes, x.rank), _made_axes(x, x.rank)
    return before if dropped is not None and dropped == added else None


def _reshape_reshape(
    g: Builder, x: OnnxValue, before: OnnxValue, inputs: Inputs, attributes: dict[str, Any]
) -> OnnxValue | None:
    target = constant_list(inputs[1])
    # Zeros copy sizes of the value in between, which is no longer there.
    if target is None or 0 in target or attributes.get("allowzero"):
        return None
    return g.Reshape(before, inputs[1])


def _conv_pad(
    g: Builder, x: OnnxValue, before: OnnxValue, inputs: Inputs, attributes: dict[str, Any]
) -> OnnxValue | None:
    """Zeros around the space of an image are the convolution's own affair."""
    made, kernel = x.made_by, inputs[1]
    if made is None or kernel is None or kernel.rank is None or "auto_pad" in attributes:
        return None
    if made.attributes.get("mode", "constant") != "constant" or len(made.inputs) > 3:
        return None
    value = made.inputs[2] if len(made.inputs) > 2 else None
    added = constant_list(made.inputs[1]) if len(made.inputs) > 1 else None
    if added is None or (value is not None and (value.constant is None or bool(value.constant))):
        return None
    rank = kernel.rank
    outer = [*added[:2], *added[rank : rank + 2]]
    if len(added) != 2 * rank or any(outer) or min(added) < 0:
        return None
    space = rank - 2
    own = attributes.get("pads") or [0] * 2 * space
    more = [*added[2:rank], *added[rank + 2 :]]
    pads = [a + b for a, b in zip(own, more, strict=True)]
    bias = inputs[2] if len(inputs) > 2 else None
    return g.Conv(before, kernel, bias, **{**attributes, "pads": pads})


RULES: dict[str, dict[str, Rule]] = {
    "Conv": {"Pad": _conv_pad},
    "Reshape": {
        "Reshape": _reshape_reshape,
        "Squeeze": _reshape_reshape,
        "Unsqueeze": _reshape_reshape,
    },
    "Squeeze": {"Unsqueeze": _squeeze_unsqueeze},
    "Transpose": {
        "DequantizeLinear": _transpose_dequantize,
        "Transpose": _transpose_transpose,
    },
    "Unsqueeze": {"Squeeze": _unsqueeze_squeeze, "Unsqueeze": _unsqueeze_unsqueeze},
}
