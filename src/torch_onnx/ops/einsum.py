"""einsum and other sums of products over named or numbered axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import axis_of, rank_of, refuse_complex, shape_of, sizes_of
from torch_onnx.ops.matmul import matmul
from torch_onnx.ops.shape import merge_axes
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("einsum")
Labels = list[str]


@aten("einsum")
def einsum(
    g: Builder, equation: str, tensors: Sequence[OnnxValue], path: Sequence[int] | None = None
) -> OnnxValue:
    """As a MatMul where that is one, as ONNX's slower Einsum where it is not."""
    for x in tensors:
        refuse_complex(x)
    terms, out = _parsed(equation.replace(" ", ""))
    labels = [_labels(term, rank_of(x)) for term, x in zip(terms, tensors, strict=True)]
    widest = max((sum(label.startswith(".") for label in each) for each in labels), default=0)
    wanted = _output_labels(out, widest)
    simple = all(len(set(each)) == len(each) for each in labels)
    if simple:
        found = contract(g, tensors, labels, wanted)
        if found is not None:
            return found
        if _ellipses_differ(labels, wanted):
            return _by_products(g, tensors, labels, wanted)
    if g.opset >= 12 and (not simple or _sizes_agree(tensors, labels)):
        return g.Einsum(*tensors, equation=f"{','.join(terms)}->{out}")
    if not simple:
        raise NotExpressible("an einsum with a repeated index in one term is needed", since=12)
    return _by_products(g, tensors, labels, wanted)


def _ellipses_differ(labels: Sequence[Labels], wanted: Labels) -> bool:
    """Whether the dots stand for more axes in one place than in another: ONNX has them alike."""
    hidden = [sum(label.startswith(".") for label in each) for each in [*labels, wanted]]
    return any(hidden) and len(set(hidden)) > 1


def _parsed(equation: str) -> tuple[list[str], str]:
    """The terms and the output, which is made explicit: the indices that occur once, sorted."""
    left, arrow, out = equation.partition("->")
    if not arrow:
        letters = left.replace(",", "").replace(".", "")
        once = sorted(c for c in set(letters) if letters.count(c) == 1)
        out = ("..." if "..." in left else "") + "".join(once)
    return left.split(","), out


def _labels(term: str, rank: int) -> Labels:
    """One label an axis; those of an ellipsis are numbered from the last."""
    before, dots, after = term.partition("...")
    hidden = rank - len(before) - len(after) if dots else 0
    return [*before, *(f".{i}" for i in range(hidden - 1, -1, -1)), *after]


def _output_labels(out: str, widest: int) -> Labels:
    before, dots, after = out.partition("...")
    hidden = [f".{i}" for i in range(widest - 1, -1, -1)] if dots else []
    return [*before, *hidden, *after]


def _sizes_agree(tensors: Sequence[OnnxValue], labels: Sequence[Labels]) -> bool:
    """Whether no axis is known to be broadcast, which ONNX's Einsum has with ellipses only."""
    sizes: dict[str, int] = {}
    for x, each in zip(tensors, labels, strict=True):
        for label, size in zip(each, shape_of(x), strict=True):
            if isinstance(size, int) and not label.startswith("."):
                if sizes.setdefault(label, size) != size:
                    return False
    return True


def contract(
    g: Builder, tensors: Sequence[OnnxValue], labels: Sequence[Labels], out: Labels
) -> OnnxValue | None:
    """The sum of products as a Transpose, ReduceSum, Mul or MatMul; None where it is none."""
    summed = {label for each in labels for label in each} - set(out)
    if len(tensors) == 1 or (len(tensors) == 2 and not summed):
        return _by_products(g, tensors, labels, out)
    if len(tensors) != 2 or not _sizes_agree(tensors, labels):
        return None
    (x, y), (a, b) = tensors, labels
    shared = [label for label in a if label in b]
    over = [label for label in shared if label in summed]
    if not over or len(over) != len(summed):
        return None
    if not any(label in out for label in shared):
        left = [label for label in a if label not in over]
        right = [label for label in b if label not in over]
        product = contract_axes(
            g, x, y, [a.index(label) for label in over], [b.index(label) for label in over]
        )
        return _ordered(g, product, [*left, *right], out)
    if len(over) != 1:
        return None
    return _as_batched_matmul(g, x, y, a, b, out)


def _ordered(g: Builder, x: OnnxValue, labels: Labels, wanted: Labels) -> OnnxValue:
    return g.Transpose(x, perm=[labels.index(label) for label in wanted])


def _as_batched_matmul(
    g: Builder, x: OnnxValue, y: OnnxValue, a: Labels, b: Labels, out: Labels
) -> OnnxValue | None:
    (over,) = [label for label in a if label in b and label not in out]
    left = [label for label in out if label not in b]
    right = [label for label in out if label not in a]
    if not left or not right:
        return None
    row, column = left[-1], right[-1]
    batch = [label for label in out if label not in (row, column)]
    if out == [*batch, column, row]:
        x, y, a, b, row, column = y, x, b, a, column, row
    x = _aligned(g, x, a, [*batch, row, over])
    y = _aligned(g, y, b, [*batch, over, column])
    return _ordered(g, g.MatMul(x, y), [*batch, row, column], out)


def _aligned(g: Builder, x: OnnxValue, labels: Labels, wanted: Labels) -> OnnxValue:
    """x with its axes in the order wanted, and axes of size 1 for those that it lacks."""
    own = [label for label in wanted if label in labels]
    x = _ordered(g, x, labels, own)
    first = wanted.index(own[0]) if own else len(wanted)
    missing = [i for i in range(first, len(wanted)) if wanted[i] not in labels]
    return g.Unsqueeze(x, axes=[i - first for i in missing]) if missing else x


def _by_products(
    g: Builder, tensors: Sequence[OnnxValue], labels: Sequence[Labels], out: Labels
) -> OnnxValue:
    """Everything multiplied with everything, then summed."""
    summed = list(dict.fromkeys(label for each in labels for label in each if label not in out))
    every = [*out, *summed]
    product = _aligned(g, tensors[0], labels[0], every)
    for x, each in zip(tensors[1:], labels[1:], strict=True):
        product = g.Mul(product, _aligned(g, x, each, every))
    if not summed:
        return product
    return g.ReduceSum(
        product, axes=[i - len(every) for i in range(len(out), len(every))], keepdims=0
    )


@aten("tensordot")
def tensordot(
    g: Builder,
    self: OnnxValue,
    other: OnnxValue,
    dims_self: Sequence[int],
    dims_other: Sequence[int],
) -> OnnxValue:
    refuse_complex(self)
    refuse_complex(other)
    axes = [axis_of(self, dim) for dim in dims_self]
    others = [axis_of(other, dim) for dim in dims_other]
    for axis, place in zip(axes, others, strict=True):
        size, size_of_other = shape_of(self)[axis], shape_of(other)[place]
        if size == 1 != size_of_other:
            other = g.ReduceSum(other, axes=[place])
        elif size_of_other == 1 != size:
            self = g.ReduceSum(self, axes=[axis])
    return contract_axes(g, self, other, axes, others)


def contract_axes(
    g: Builder, x: OnnxValue, y: OnnxValue, axes: Sequence[int], others: Sequence[int]
) -> OnnxValue:
    """The sum over pairs of axes: first the axes left of x, then those of y."""
    left = [axis for axis in range(rank_of(x)) if axis not in axes]
    right = [axis for axis in range(rank_of(y)) if axis not in others]
    if not axes:
        return g.Mul(g.Unsqueeze(x, axes=[len(left) + i for i in range(len(right))]), y)
    sizes_left = [sizes_of(g, x)[axis] for axis in left] if len(right) > 1 else []
    sizes_right = [sizes_of(g, y)[axis] for axis in right] if len(right) > 1 else []
    x = g.Transpose(x, perm=[*left, *axes])
    y = g.Transpose(y, perm=[*others, *right])
    if len(axes) > 1:
        x = merge_axes(g, x, len(left), rank_of(x))
        y = merge_axes(g, y, 0, len(axes))
    if len(right) > 1:
        y = merge_axes(g, y, 1, rank_of(y))
    product = matmul(g, x, y)
    return g.reshape(product, [*sizes_left, *sizes_right]) if len(right) > 1 else product


@aten("inner", promote=("self", "other"))
def inner(g: Builder, self: OnnxValue, other: OnnxValue) -> OnnxValue:
    if rank_of(self) == 0 or rank_of(other) == 0:
        return g.Mul(self, other)
    return contract_axes(g, self, other, [rank_of(self) - 1], [rank_of(other) - 1])


@aten("bilinear")
def bilinear(
    g: Builder,
    input1: OnnxValue,
    input2: OnnxValue,
    weight: OnnxValue,
    bias: OnnxValue | None = None,
) -> OnnxValue:
    """``weight`` is (out, in1, in2): the first input with it, then with the second."""
    first = contract_axes(g, input1, weight, [rank_of(input1) - 1], [1])
    column = g.Unsqueeze(input2, axes=[rank_of(input2)])
    product = g.Squeeze(g.MatMul(first, column), axes=[rank_of(input2)])
    return product if bias is None else g.Add(product, bias)
