"""Losses that PyTorch does not decompose: CTC, margins, and the cross entropy of a linear layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import Integer, OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of
from torch_onnx.ops.creation import filled_sizes
from torch_onnx.ops.loops import repeat
from torch_onnx.ops.matmul import linear
from torch_onnx.ops.reduction import reduce
from torch_onnx.ops.softmax import along
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("loss")

NONE, MEAN = 0, 1


@aten("ctc_loss.IntList", "ctc_loss.Tensor")
def ctc_loss(
    g: Builder,
    log_probs: OnnxValue,
    targets: OnnxValue,
    input_lengths: Sequence[Integer] | OnnxValue,
    target_lengths: Sequence[Integer] | OnnxValue,
    result: OnnxValue,
    blank: int = 0,
    reduction: int = MEAN,
    zero_infinity: bool = False,
) -> OnnxValue:
    """Of ``[time, batch, classes]`` or ``[time, classes]``; targets padded or one after another.

    Alpha of Graves et al. 2006 in logarithms, a step of time a round.
    """
    x = log_probs if rank_of(log_probs) == 3 else g.Unsqueeze(log_probs, axes=[1])
    times, lengths = _lengths(g, input_lengths), _lengths(g, target_lengths)
    labels = _padded(g, g.cast(targets, torch.int64), lengths, blank)
    batch, longest = g.size(x, 1), g.size(labels, 1)
    # A blank before, between and after the labels.
    blanks = filled_sizes(g, [batch, longest, 1], blank, torch.int64)
    states = g.reshape(
        g.Concat(blanks, g.Unsqueeze(labels, axes=[2]), axis=2), [batch, g.mul(longest, 2)]
    )
    states = g.Concat(states, filled_sizes(g, [batch, 1], blank, torch.int64), axis=1)
    number = g.add(g.mul(longest, 2), 1)
    nothing = g.like(-math.inf, x)
    # A blank may be left out between different labels.
    two_before = g.Slice(g.Pad(states, [0, 2, 0, 0], g.constant(blank)), [0], [-2], axes=[1])
    is_label = g.Not(g.Equal(states, g.constant(blank)))
    may_skip = g.And(is_label, g.Not(g.Equal(states, two_before)))
    ends = g.Unsqueeze(times, axes=[1])

    def step(time: OnnxValue, alpha: OnnxValue) -> list[OnnxValue]:
        now = g.GatherElements(g.Gather(x, time, axis=0), states, axis=1)
        before = [alpha]
        for back in (1, 2):
            moved = g.Pad(alpha, [0, back, 0, 0], nothing)
            before.append(g.Slice(moved, [0], [-back], axes=[1]))
        before[2] = g.Where(may_skip, before[2], nothing)
        after = g.Add(_log_of_sum(g, before), now)
        return [g.Where(g.Less(time, ends), after, alpha)]

    first = filled_sizes(g, [batch, 1], 0.0, x.dtype)
    rest = filled_sizes(g, [batch, g.sub(number, 1)], -math.inf, x.dtype)
    start = g.Concat(first, rest, axis=1)
    (alpha,) = repeat(g, g.size(x, 0), [start], step)
    last = g.Mul(g.Unsqueeze(lengths, axes=[1]), g.constant(2))
    one_less = g.Max(g.Sub(last, g.constant(1)), g.constant(0))
    at_blank, at_label = (g.GatherElements(alpha, place, axis=1) for place in (last, one_less))
    # Without a label there is but the blank.
    at_label = g.Where(g.Equal(last, g.constant(0)), nothing, at_label)
    loss = g.Neg(g.Squeeze(_log_of_sum(g, [at_blank, at_label]), axes=[1]))
    if zero_infinity:
        loss = g.Where(g.Equal(loss, g.like(math.inf, loss)), g.like(0, loss), loss)
    if reduction == NONE:
        return loss if rank_of(result) == 1 else g.Squeeze(loss, axes=[0])
    if reduction == MEAN:
        loss = g.Div(loss, g.cast(g.Max(lengths, g.constant(1)), loss.dtype))
        return reduce(g, "ReduceMean", loss)
    return reduce(g, "ReduceSum", loss)


def _lengths(g: Builder, lengths: Sequence[Integer] | OnnxValue) -> OnnxValue:
    if not isinstance(lengths, OnnxValue):
        return g.vector(lengths)
    whole = g.cast(lengths, torch.int64)
    return g.Unsqueeze(whole, axes=[0]) if rank_of(whole) == 0 else whole


def _padded(g: Builder, targets: OnnxValue, lengths: OnnxValue, blank: int) -> OnnxValue:
    """Labels as ``[batch, longest]``, blanks where a target has ended."""
    limit = g.Unsqueeze(lengths, axes=[1])
    if rank_of(targets) == 2:
        counted = g.Range(g.constant(0), g.scalar(g.size(targets, 1)), g.constant(1))
        return g.Where(g.Less(counted, limit), targets, g.constant(blank))
    counted = g.Range(g.constant(0), g.ReduceMax(lengths, keepdims=0), g.constant(1))
    inside = g.Less(counted, limit)
    starts = g.Sub(g.CumSum(lengths, g.constant(0)), lengths)
    places = g.Add(g.Unsqueeze(starts, axes=[1]), counted)
    # There may be no target at all: what is looked up then is a blank.
    found = g.Gather(g.Concat(targets, g.constant([blank]), axis=0), g.Where(inside, places, -1))
    return g.Where(inside, found, g.constant(blank))


def _log_of_sum(g: Builder, terms: Sequence[OnnxValue]) -> OnnxValue:
    """The logarithm of a sum of exponentials; -inf where all are."""
    largest = g.Max(*terms)
    shift = g.Where(g.Equal(largest, g.like(-math.inf, largest)), g.like(0, largest), largest)
    powers = [g.Exp(g.Sub(term, shift)) for term in terms]
    total = powers[0]
    for power in powers[1:]:
        total = g.Add(total, power)
    return g.Add(shift, g.Log(total))


@aten("torch_nn::_linear_cross_entropy_batch_chunked")
def linear_cross_entropy(
    g: Builder,
    input: OnnxValue,
    linear_weight: OnnxValue,
    target: OnnxValue,
    linear_bias: OnnxValue | None,
    weight: OnnxValue | None,
    reduction: str,
    ignore_index: int,
    label_smoothing: float,
    batch_chunk_size: int,
    acc_policy: str,
    acc_dtype: torch.dtype,
    allow_retain_graph: bool,
    compute_input_grad: bool,
    compute_linear_weight_grad: bool,
    compute_linear_bias_grad: bool,
) -> list[Any]:
    """The loss alone: there are no gradients in an ONNX graph."""
    if label_smoothing:
        raise NotExpressible("a chunked linear_cross_entropy with label_smoothing")
    given = (linear_weight, target, linear_bias, weight, ignore_index, acc_dtype)
    losses, weights = _cross_entropies(g, input, *given)
    total = reduce(g, "ReduceSum", losses)
    if reduction == "mean":
        total = g.Div(total, reduce(g, "ReduceSum", weights))
    return [g.cast(total, input.dtype), None, None, None]


@aten("torch_nn::_linear_cross_entropy_batch_chunked_no_reduction")
def linear_cross_entropies(
    g: Builder,
    input: OnnxValue,
    linear_weight: OnnxValue,
    target: OnnxValue,
    linear_bias: OnnxValue | None,
    weight: OnnxValue | None,
    ignore_index: int,
    batch_chunk_size: int,
    acc_policy: str,
    acc_dtype: torch.dtype,
) -> OnnxValue:
    given = (linear_weight, target, linear_bias, weight, ignore_index, acc_dtype)
    return g.cast(_cross_entropies(g, input, *given)[0], input.dtype)


def _cross_entropies(
    g: Builder,
    x: OnnxValue,
    linear_weight: OnnxValue,
    target: OnnxValue,
    linear_bias: OnnxValue | None,
    weight: OnnxValue | None,
    ignore_index: int,
    dtype: torch.dtype,
) -> tuple[OnnxValue, OnnxValue]:
    """The losses of all rows, and what each counts."""
    bias = None if linear_bias is None else g.cast(linear_bias, dtype)
    logits = linear(g, g.cast(x, dtype), g.cast(linear_weight, dtype), bias)
    scores = along(g, "LogSoftmax", logits, -1)
    ignored = g.Equal(target, g.like(ignore_index, target))
    label = g.Where(ignored, g.like(0, target), target)
    score = g.Squeeze(g.GatherElements(scores, g.Unsqueeze(label, axes=[1]), axis=1), axes=[1])
    one = g.like(1, scores) if weight is None else g.Gather(g.cast(weight, dtype), label)
    counts = g.Where(ignored, g.like(0, scores), one)
    return g.Neg(g.Mul(score, counts)), counts


@aten("multi_margin_loss")
def multi_margin_loss(
    g: Builder,
    self: OnnxValue,
    target: OnnxValue,
    result: OnnxValue,
    p: float = 1,
    margin: float = 1,
    weight: OnnxValue | None = None,
    reduction: int = MEAN,
) -> OnnxValue:
    """How far each class but the right one comes within the margin of that one."""
    if reduction == NONE and rank_of(target) == 0 and rank_of(result) != 0:
        # What stands for the result while a model is captured is not what PyTorch computes.
        raise NotExpressible("one row and a number as its target need a reduction")
    x, labels = _as_rows(g, self), g.reshape(g.cast(target, torch.int64), [-1, 1])
    ahead = g.Sub(x, g.GatherElements(x, labels, axis=1))
    within = g.Relu(g.Add(ahead, g.like(margin, x)))
    within = g.Mul(within, within) if p == 2 else within
    if weight is not None:
        within = g.Mul(within, g.Gather(weight, labels, axis=0))
    classes = g.Range(g.constant(0), g.scalar(g.size(x, 1)), g.constant(1))
    others = g.Where(g.Equal(classes, labels), g.like(0, x), within)
    totals = reduce(g, "ReduceSum", others, 1)
    return _of_rows(g, totals, x, reduction, one=rank_of(target) == 0)


@aten("multilabel_margin_loss")
def multilabel_margin_loss(
    g: Builder, self: OnnxValue, target: OnnxValue, reduction: int = MEAN
) -> OnnxValue:
    """Of each right class and each wrong one; right ones stand before the first -1."""
    x, labels = _as_rows(g, self), _as_rows(g, g.cast(target, torch.int64))
    ends = g.cast(g.Less(labels, g.constant(0)), torch.int32)
    counts = g.Equal(g.CumSum(ends, g.constant(1)), g.constant(0, torch.int32))
    labels = g.Where(counts, labels, g.constant(0))
    classes = g.Range(g.constant(0), g.scalar(g.size(x, 1)), g.constant(1))
    # [rows, right, classes]
    counts, each = g.Unsqueeze(counts, axes=[2]), g.Unsqueeze(labels, axes=[2])
    named = g.cast(g.And(g.Equal(each, classes), counts), torch.int32)
    wrong = g.Not(g.cast(reduce(g, "ReduceMax", named, 1, keepdim=True), torch.bool))
    right = g.Unsqueeze(g.GatherElements(x, labels, axis=1), axes=[2])
    within = g.Relu(g.Sub(g.like(1, x), g.Sub(right, g.Unsqueeze(x, axes=[1]))))
    counted = g.Where(g.And(counts, wrong), within, g.like(0, x))
    totals = reduce(g, "ReduceSum", counted, (1, 2))
    return _of_rows(g, totals, x, reduction, one=rank_of(target) < 2)


def _as_rows(g: Builder, x: OnnxValue) -> OnnxValue:
    return x if rank_of(x) == 2 else g.reshape(x, [1, -1])


def _of_rows(
    g: Builder, totals: OnnxValue, x: OnnxValue, reduction: int, *, one: bool
) -> OnnxValue:
    """The sum over the classes of each row, by their number, reduced; of one row a number."""
    means = g.Div(totals, g.scalar(g.size(x, 1), x.dtype))
    if reduction == NONE:
        return g.reshape(means, []) if one else means
    return reduce(g, "ReduceMean" if reduction == MEAN else "ReduceSum", means)
