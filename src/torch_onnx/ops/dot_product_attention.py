"""Attention."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.axes import rank_of, refuse_complex, shape_of
from torch_onnx.ops.creation import triangle_mask
from torch_onnx.ops.dropout import dropout
from torch_onnx.ops.reduction import logsumexp
from torch_onnx.ops.softmax import along, has_finite
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("attention")


@aten("scaled_dot_product_attention")
def attention(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    value: OnnxValue,
    attn_mask: OnnxValue | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> OnnxValue:
    """``softmax(q kᵀ·scale + mask) v``; a query whose keys are all masked gives zeros."""
    for x in (query, key, value):
        refuse_complex(x)
    if is_causal and attn_mask is not None:
        raise NotExpressible("attention with both a mask and is_causal is not translated")
    if attn_mask is not None and attn_mask.dtype != torch.bool:
        attn_mask = g.cast(attn_mask, query.dtype)
    if not enable_gqa and (shared := _shared_heads(key, value)) is not None:
        (key, value), enable_gqa = shared, True
    if not dropout_p and _is_one_node(g, query, key, value, attn_mask, scale, enable_gqa):
        return g.Attention(query, key, value, attn_mask, is_causal=int(is_causal), scale=scale)
    heads = _group_size(query, key) if enable_gqa else 1
    if heads > 1:
        return _grouped(g, query, key, value, attn_mask, is_causal, scale, heads, dropout_p)
    return _decomposed(g, query, key, value, attn_mask, is_causal, scale, dropout_p)


def _is_one_node(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    value: OnnxValue,
    mask: OnnxValue | None,
    scale: Any,
    grouped: bool,
) -> bool:
    """Whether ONNX's Attention may stand for it.

    ONNX Runtime 1.32 has a fast kernel for opsets 23 and 24, and takes the operator of 25 to some
    fifty pieces, slower than ours. The kernel does not broadcast, wants a positive scale, and
    gives another result than PyTorch for queries that a float mask of huge negative numbers
    leaves no key, so that only bool masks can be handed to it.
    """
    if g.opset not in (23, 24) or not all(rank_of(x) == 4 for x in (query, key, value)):
        return False
    if isinstance(scale, OnnxValue) or (scale is not None and scale <= 0):
        return False
    q, k, v = shape_of(query), shape_of(key), shape_of(value)
    same = q[0] == k[0] == v[0] and k[1] == v[1] and k[2] == v[2] and k[2] != 0
    if not same or None in (q[0], k[1], k[2]) or not (grouped or q[1] == k[1]):
        return False
    if mask is None:
        return True
    sizes = mask.shape
    return (
        mask.dtype == torch.bool
        and sizes is not None
        and 2 <= len(sizes) <= 4
        and sizes[-2:] == (q[2], k[2])
        and None not in sizes
        and all(size in (1, q[i]) for i, size in enumerate(sizes[-4:-2], 4 - len(sizes)))
    )


def _shared_heads(key: OnnxValue, value: OnnxValue) -> tuple[OnnxValue, OnnxValue] | None:
    """The key and value of fewer heads that models repeat for groups of queries, if they do."""
    found = _before_repeat(key), _before_repeat(value)
    if found[0] is None or found[1] is None:
        return None
    return (found[0], found[1]) if shape_of(found[0])[1] == shape_of(found[1])[1] else None


def _before_repeat(x: OnnxValue) -> OnnxValue | None:
    """x before each of its heads was repeated: unsqueezed after the heads, expanded, merged."""
    merged = x.made_by
    spread = None if merged is None or merged.inputs[0] is None else merged.inputs[0].made_by
    if merged is None or spread is None or merged.operator != "Reshape":
        return None
    if spread.operator != "Expand" or spread.inputs[0] is None or merged.inputs[0] is None:
        return None
    source, before = spread.inputs[0].made_by, merged.inputs[0].shape
    if source is None or source.operator != "Unsqueeze" or before is None or len(before) != 5:
        return None
    single = spread.inputs[0].shape
    first = source.inputs[0]
    if first is None or first.rank != 4 or single is None or single[2] != 1 or x.rank != 4:
        return None
    batch, heads, group, *matrix = before
    same = (*single[:2], *single[3:]) == (batch, heads, *matrix) and x.shape is not None
    if not same or not isinstance(heads, int) or not isinstance(group, int) or x.shape is None:
        return None
    return first if x.shape == (batch, heads * group, *matrix) else None


def _group_size(query: OnnxValue, key: OnnxValue) -> int:
    wanted, heads = shape_of(query)[-3], shape_of(key)[-3]
    if wanted == heads:
        return 1
    if not isinstance(heads, int) or not isinstance(wanted, int):
        raise NotExpressible("grouped-query attention needs known numbers of heads")
    return wanted // heads


def _grouped(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    value: OnnxValue,
    mask: OnnxValue | None,
    is_causal: bool,
    scale: Any,
    heads: int,
    dropout_p: float,
) -> OnnxValue:
    """``heads`` queries share a key: an axis for them that keys and values are broadcast along."""
    rank, sizes = rank_of(query), g.sizes(query)
    groups = shape_of(key)[-3]
    assert isinstance(groups, int)
    split = [*sizes[:-3], groups, heads, *sizes[-2:]]
    if mask is not None and rank_of(mask) >= 3:
        rows = g.sizes(mask)
        if rows[-3] == 1:
            mask = g.Unsqueeze(mask, axes=[rank_of(mask) - 2])
        else:
            mask = g.reshape(mask, [*rows[:-3], groups, heads, *rows[-2:]])
    key, value = (g.Unsqueeze(x, axes=[rank - 2]) for x in (key, value))
    query = g.reshape(query, split)
    result = _decomposed(g, query, key, value, mask, is_causal, scale, dropout_p)
    return g.reshape(result, [*sizes[:-1], g.size(value, -1)])


def _decomposed(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    value: OnnxValue,
    mask: OnnxValue | None,
    is_causal: bool,
    scale: Any,
    dropout_p: float,
) -> OnnxValue:
    dtype = query.dtype
    if dtype == torch.bfloat16:
        # Scores and weights keep their digits, as in PyTorch's kernels.
        query, key, value = (g.cast(x, torch.float32) for x in (query, key, value))
        if mask is not None and mask.dtype == dtype:
            mask = g.cast(mask, torch.float32)
    scores, attends = _scores(g, query, key, mask, is_causal, scale)
    weights = dropout(g, along(g, "Softmax", scores, -1), dropout_p, train=True)
    result = g.MatMul(weights, value)
    if attends is not None:
        result = g.Where(attends, result, g.like(0.0, result))
    return g.cast(result, dtype)


def _scores(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    mask: OnnxValue | None,
    is_causal: bool,
    scale: Any,
) -> tuple[OnnxValue, OnnxValue | None]:
    """What the softmax is taken of, and which queries attend to any key (None: all of them)."""
    rank = rank_of(key)
    swapped = [*range(rank - 2), rank - 1, rank - 2]
    scores = g.MatMul(_scaled(g, query, scale), g.Transpose(key, perm=swapped))
    added, attends = _added_mask(g, query, key, mask, is_causal)
    return scores if added is None else g.Add(scores, added), attends


def _scaled(g: Builder, query: OnnxValue, scale: Any) -> OnnxValue:
    """The query is smaller than the scores, mostly."""
    if isinstance(scale, OnnxValue):
        return g.Mul(query, g.scalar(scale, query.dtype))
    if scale is not None:
        return query if scale == 1 else g.Mul(query, g.like(scale, query))
    width = g.size(query, -1)
    if isinstance(width, int):
        return g.Mul(query, g.like(1 / math.sqrt(width) if width else math.inf, query))
    return g.Div(query, g.Sqrt(g.scalar(width, query.dtype)))


def _added_mask(
    g: Builder, query: OnnxValue, key: OnnxValue, mask: OnnxValue | None, is_causal: bool
) -> tuple[OnnxValue | None, OnnxValue | None]:
    """What is added to the scores, and which queries attend to any key (None: all of them).

    A softmax over nothing but -inf is NaN where PyTorch gives zeros. All layers share these
    nodes.
    """
    if is_causal:
        mask = triangle_mask(g, g.size(query, -2), g.size(key, -2), 0, upper=False)
    if mask is None:
        return None, None
    if mask.dtype == torch.bool:
        mask = g.Where(mask, g.like(0.0, query), g.like(-math.inf, query))
    if is_causal or _leaves_some(mask):
        return mask, None
    return mask, has_finite(g, mask, -1)


def _leaves_some(mask: OnnxValue) -> bool:
    """Whether the mask is known to leave every query a key."""
    if mask.constant is not None:
        return bool((mask.constant > -math.inf).any(-1).all())
    made = mask.made_by
    if made is None or made.operator != "Where":
        return False
    chosen = [None if value is None else value.constant for value in made.inputs[1:]]
    return all(c is not None and bool(c.isfinite().all()) for c in chosen)


# What PyTorch's backends are called with: the attention itself is their first result.


@aten("_scaled_dot_product_attention_math")
def attention_math(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    value: OnnxValue,
    attn_mask: OnnxValue | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
    enable_gqa: bool = False,
) -> list[OnnxValue]:
    result = attention(g, query, key, value, attn_mask, dropout_p, is_causal, scale, enable_gqa)
    return [result]


@aten("_scaled_dot_product_flash_attention_for_cpu")
def attention_on_cpu(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    value: OnnxValue,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    attn_mask: OnnxValue | None = None,
    scale: Any = None,
) -> list[OnnxValue]:
    result = attention(g, query, key, value, attn_mask, dropout_p, is_causal, scale)
    return [result, _log_sum_exp(g, query, key, attn_mask, is_causal, scale)]


def _log_sum_exp(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    mask: OnnxValue | None,
    is_causal: bool,
    scale: Any,
) -> OnnxValue:
    """Of the scores of each query, 0 where all are masked; of float32, or of float64."""
    dtype = torch.float64 if query.dtype == torch.float64 else torch.float32
    query, key = g.cast(query, dtype), g.cast(key, dtype)
    if mask is not None and mask.dtype != torch.bool:
        mask = g.cast(mask, dtype)
    scores, attends = _scores(g, query, key, mask, is_causal, scale)
    found = logsumexp(g, scores, -1)
    if attends is None:
        return found
    return g.Where(g.Squeeze(attends, axes=[-1]), found, g.like(0.0, found))


@aten("_scaled_dot_product_flash_attention")
def flash_attention(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    value: OnnxValue,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
) -> list[OnnxValue]:
    return [attention(g, query, key, value, None, dropout_p, is_causal, scale)]


@aten(
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
)
def attention_with_bias(
    g: Builder,
    query: OnnxValue,
    key: OnnxValue,
    value: OnnxValue,
    attn_bias: OnnxValue | None = None,
    compute_log_sumexp: bool = False,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: Any = None,
) -> list[OnnxValue]:
    return [attention(g, query, key, value, attn_bias, dropout_p, is_causal, scale)]
