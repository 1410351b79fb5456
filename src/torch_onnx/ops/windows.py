"""Windows over the elements of tensors: convolutions and averages of integers.

ONNX has both for floats alone, whose digits do not hold all integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of, shape_of

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder


def windows(
    g: Builder,
    x: OnnxValue,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilation: Sequence[int],
) -> tuple[OnnxValue, list[Any]]:
    """``[batch, channels, *counts, *kernel]`` of ``[batch, channels, *sizes]``, and the counts."""
    rank = len(kernel)
    counts: list[Any] = []
    sizes = [g.size(x, 2 + i) for i in range(rank)]
    for i, (size, k, s, d) in enumerate(zip(sizes, kernel, strides, dilation, strict=True)):
        count = g.add(g.floordiv(g.sub(size, d * (k - 1) + 1), s), 1)
        counts.append(count)
        starts = g.Range(g.constant(0), g.scalar(count), g.constant(1))
        starts = g.Mul(g.Unsqueeze(starts, axes=[1]), g.constant(s))
        places = g.Add(starts, g.constant([d * n for n in range(k)], torch.int64))
        x = g.Gather(x, places, axis=2 + 2 * i)
    order = [0, 1, *range(2, 2 + 2 * rank, 2), *range(3, 3 + 2 * rank, 2)]
    return g.Transpose(x, perm=order), counts


def convolution_of_integers(
    g: Builder,
    x: OnnxValue,
    weight: OnnxValue,
    bias: OnnxValue | None,
    strides: Sequence[int],
    pads: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> OnnxValue:
    """As a product of matrices, each window a row. ``pads`` are ONNX's."""
    dtype = x.dtype
    x, weight = g.cast(x, torch.int64), g.cast(weight, torch.int64)
    rank = rank_of(weight) - 2
    known = [size for size in shape_of(weight) if isinstance(size, int)]
    if len(known) < rank + 2:
        raise NotExpressible("a convolution of integers needs a kernel whose size is known")
    outer, inner, *kernel = known
    if any(pads):
        x = g.Pad(x, [0, 0, *pads[:rank], 0, 0, *pads[rank:]])
    x, counts = windows(g, x, kernel, strides, dilation)
    batch = g.size(x, 0)
    number = g.product(counts)
    width = inner
    for k in kernel:
        width *= k
    # Channels next to the kernel, which they are summed with.
    split = g.reshape(x, [batch, groups, inner, number, width // inner])
    rows = g.reshape(g.Transpose(split, perm=[0, 1, 3, 2, 4]), [batch, groups, number, width])
    columns = g.Transpose(g.reshape(weight, [groups, outer // groups, width]), perm=[0, 2, 1])
    products = g.Transpose(g.MatMul(rows, columns), perm=[0, 1, 3, 2])
    result = g.reshape(products, [batch, outer, *counts])
    if bias is not None:
        bias = g.cast(bias, torch.int64)
        result = g.Add(result, g.Unsqueeze(bias, axes=list(range(1, rank + 1))))
    return g.cast(result, dtype)


def transposed_convolution_of_integers(
    g: Builder,
    x: OnnxValue,
    weight: OnnxValue,
    bias: OnnxValue | None,
    strides: Sequence[int],
    pads: Sequence[int],
    output_padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> OnnxValue:
    """A convolution with the kernel turned around, of x with zeros between its elements."""
    rank = rank_of(weight) - 2
    inner, outer, *kernel = shape_of(weight)
    if not all(isinstance(size, int) for size in (inner, outer, *kernel)):
        raise NotExpressible("a convolution of integers needs a kernel whose size is known")
    for i, stride in enumerate(strides):
        if stride > 1:
            x = g.Unsqueeze(x, axes=[3 + i])
            x = g.Pad(x, [0] * (rank_of(x) + 3 + i) + [stride - 1] + [0] * (rank - 1 - i))
            sizes: list[Any] = [g.size(x, axis) for axis in range(rank_of(x))]
            merged = g.mul(sizes[2 + i], stride)
            x = g.reshape(x, [*sizes[: 2 + i], merged, *sizes[4 + i :]])
            x = g.Slice(x, [0], [1 - stride], axes=[2 + i])
    turned = weight
    for i, k in enumerate(kernel):
        assert isinstance(k, int), "checked above"
        turned = g.Gather(turned, g.constant(list(range(k))[::-1], torch.int64), axis=2 + i)
    split = g.reshape(turned, [groups, inner // groups, outer, *kernel])  # type: ignore[operator, list-item]
    swap = g.Transpose(split, perm=[0, 2, 1, *range(3, 3 + rank)])
    swapped = g.reshape(swap, [groups * outer, inner // groups, *kernel])  # type: ignore[operator, list-item]
    reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]  # type: ignore[operator]
    before = [r - p for r, p in zip(reach, pads, strict=True)]
    after = [b + e for b, e in zip(before, output_padding, strict=True)]
    cut = [max(-n, 0) for n in (*before, *after)]
    more = [max(n, 0) for n in (*before, *after)]
    if any(more):
        x = g.Pad(x, [0, 0, *more[:rank], 0, 0, *more[rank:]])
    for i in range(rank):
        if cut[i] or cut[rank + i]:
            end = g.sub(g.size(x, 2 + i), cut[rank + i])
            x = g.Slice(x, [cut[i]], [end], axes=[2 + i])
    ones = [1] * rank
    return convolution_of_integers(g, x, swapped, bias, ones, [0] * (2 * rank), dilation, groups)


def average_of_integers(
    g: Builder,
    x: OnnxValue,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: Sequence[int],
    beyond: Sequence[int],
    count_include_pad: bool,
    divisor: int | None,
) -> OnnxValue:
    """Sums by the number of elements, cut off; ``beyond`` is what windows reach past the pads."""
    rank = len(kernel)
    ones = g.expand(g.like(1, x), [1, 1, *(g.size(x, 2 + i) for i in range(rank))])
    outer, more = [0, 0], [p + b for p, b in zip(pads, beyond, strict=True)]
    if any((*pads, *beyond)):
        x = g.Pad(x, [*outer, *pads, *outer, *more])
        if count_include_pad:
            around = g.Pad(ones, [*outer, *pads, *outer, *pads], g.like(1, x))
            ones = g.Pad(around, [*outer, *([0] * rank), *outer, *beyond])
        else:
            ones = g.Pad(ones, [*outer, *pads, *outer, *more])
    axes = list(range(2 + rank, 2 + 2 * rank))
    dense = [1] * rank
    sums = g.ReduceSum(windows(g, x, kernel, strides, dense)[0], axes=axes, keepdims=0)
    if divisor is not None:
        return g.Div(sums, g.like(divisor, x))
    counts = g.ReduceSum(windows(g, ones, kernel, strides, dense)[0], axes=axes, keepdims=0)
    return g.Div(sums, counts)
