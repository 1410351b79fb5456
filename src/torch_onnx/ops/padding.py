"""Padding by a constant, by reflection, replication and around; negative pads crop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch_onnx.builder.sizes import TO_THE_END
from torch_onnx.builder.values import Integer, Number, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of, shape_of
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("padding")

ONNX_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
# The numbers that _pad_enum has for modes.
ENUM = ("reflect", "replicate", "circular", "constant")


@aten("constant_pad_nd")
def constant_pad_nd(
    g: Builder, self: OnnxValue, pad: Sequence[Integer], value: Number = 0
) -> OnnxValue:
    before, after = _by_axis(rank_of(self), pad)
    x = _cropped(g, self, before, after)
    pads = [0 if _is_negative(n) else n for n in (*before, *after)]
    if not any(map(_is_open, pads)):
        return x
    # Zero is what ONNX pads with by itself.
    is_zero = not isinstance(value, OnnxValue) and value == 0
    return g.Pad(x, g.vector(pads), None if is_zero else g.scalar(value, x.dtype))


@aten("pad")
def pad(
    g: Builder,
    self: OnnxValue,
    pad: Sequence[Integer],
    mode: str = "constant",
    value: Number | None = None,
) -> OnnxValue:
    if mode == "constant":
        return constant_pad_nd(g, self, pad, 0 if value is None else value)
    return pad_from_within(g, self, pad, mode)


@aten("_pad_enum")
def pad_enum(
    g: Builder,
    self: OnnxValue,
    pad: Sequence[Integer],
    mode: int,
    value: Number | None = None,
) -> OnnxValue:
    if ENUM[mode] == "constant":
        return constant_pad_nd(g, self, pad, 0 if value is None else value)
    return pad_from_within(g, self, pad, ENUM[mode])


@aten("_pad_circular")
def pad_circular(g: Builder, self: OnnxValue, pad: Sequence[Integer]) -> OnnxValue:
    return pad_from_within(g, self, pad, "circular")


@aten("reflection_pad1d", "reflection_pad2d", "reflection_pad3d")
def reflection_pad(g: Builder, self: OnnxValue, padding: Sequence[Integer]) -> OnnxValue:
    return pad_from_within(g, self, padding, "reflect")


@aten("replication_pad1d", "replication_pad2d", "replication_pad3d")
def replication_pad(g: Builder, self: OnnxValue, padding: Sequence[Integer]) -> OnnxValue:
    return pad_from_within(g, self, padding, "replicate")


def pad_from_within(g: Builder, x: OnnxValue, pad: Sequence[Integer], mode: str) -> OnnxValue:
    """x padded with its own elements."""
    before, after = _by_axis(rank_of(x), pad)
    if mode == "circular":
        x = _cropped(g, x, before, after)
    more = [[0 if _is_negative(n) else n for n in side] for side in (before, after)]
    if any(_is_open(n) for side in more for n in side):
        # ONNX Runtime does not wrap an empty tensor around, which any of unknown size may be.
        may_be_empty = any(not isinstance(size, int) or size == 0 for size in shape_of(x))
        are_known = all(isinstance(n, int) for side in more for n in side)
        if mode == "circular" and (g.opset < 19 or (may_be_empty and are_known)):
            x = _wrapped_around(g, x, *more)
        else:
            x = g.Pad(x, g.vector(more[0] + more[1]), mode=ONNX_MODES[mode])
    # What is cropped on one side shows on the other one, unless it goes around.
    return x if mode == "circular" else _cropped(g, x, before, after)


def _is_open(number: Integer) -> bool:
    return not isinstance(number, int) or number != 0


def _is_negative(number: Integer) -> bool:
    return isinstance(number, int) and number < 0


def _by_axis(rank: int, pad: Sequence[Integer]) -> tuple[list[Integer], list[Integer]]:
    """What is added before and after each axis: PyTorch gives pairs, the last axis first."""
    before: list[Integer] = [0] * rank
    after: list[Integer] = [0] * rank
    for i in range(len(pad) // 2):
        before[rank - 1 - i], after[rank - 1 - i] = pad[2 * i], pad[2 * i + 1]
    return before, after


def _cropped(
    g: Builder, x: OnnxValue, before: Sequence[Integer], after: Sequence[Integer]
) -> OnnxValue:
    """x without what negative pads take off."""
    starts = [-n if isinstance(n, int) and n < 0 else 0 for n in before]
    ends = [n if isinstance(n, int) and n < 0 else TO_THE_END for n in after]
    axes = [i for i, (start, end) in enumerate(zip(starts, ends, strict=True)) if start or end < 0]
    if not axes:
        return x
    return g.Slice(x, [starts[i] for i in axes], [ends[i] for i in axes], axes=axes)


def _wrapped_around(
    g: Builder, x: OnnxValue, before: Sequence[Integer], after: Sequence[Integer]
) -> OnnxValue:
    """Circular padding without ONNX's own: the ends are put before and after."""
    for axis, (left, right) in enumerate(zip(before, after, strict=True)):
        if not (isinstance(left, int) and isinstance(right, int)):
            raise NotExpressible("circular padding of a size known at run time only", since=19)
        parts = [x]
        if left:
            parts.insert(0, g.Slice(x, [-left], [TO_THE_END], axes=[axis]))
        if right:
            parts.append(g.Slice(x, [0], [right], axes=[axis]))
        x = g.Concat(*parts, axis=axis)
    return x
