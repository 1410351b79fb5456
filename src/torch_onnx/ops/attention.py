"""Attention."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import NotExpressible
from torch_onnx.ops.table import OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

aten = OpTable("attention")


@aten("scaled_dot_product_attention")
def scaled_dot_product_attention(
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
    """``softmax(q kᵀ·scale + mask) v``, decomposed.

    A query whose keys are all masked gives zeros, as in PyTorch.
    """
    if dropout_p:
        raise NotExpressible("attention with dropout is random; export in eval mode")
    rank = query.rank
    if rank is None or rank < 2 or key.rank != rank:
        raise NotExpressible("attention needs query, key and value of the same known rank")
    if scale is None:
        width = query.shape[-1] if query.shape is not None else None
        if not isinstance(width, int):
            raise NotExpressible("attention needs a known width of its heads")
        scale = 1 / math.sqrt(width)
    if enable_gqa:
        key, value = (_repeat_heads(g, x, query) for x in (key, value))
    swapped = [*range(rank - 2), rank - 1, rank - 2]
    scores = g.MatMul(g.Mul(query, g.like(scale, query)), g.Transpose(key, perm=swapped))
    if is_causal:
        scores = g.Add(scores, _causal_mask(g, query, key))
    if attn_mask is None:
        return g.MatMul(g.Softmax(scores, axis=-1), value)  # type: ignore[no-any-return]
    added, attends = _added_mask(g, attn_mask, query.dtype)
    result = g.MatMul(g.Softmax(g.Add(scores, added), axis=-1), value)
    return result if attends is None else g.Where(attends, result, g.like(0.0, result))  # type: ignore[no-any-return]


def _added_mask(
    g: Builder, mask: OnnxValue, dtype: torch.dtype
) -> tuple[OnnxValue, OnnxValue | None]:
    """What is added to the scores, and which queries attend to any key (None: all of them).

    A softmax over nothing but -inf is NaN where PyTorch gives zeros, so a query without keys is
    left unmasked and its result replaced. All layers share these nodes, but for the last Where.
    """
    least = g.constant(-math.inf, dtype)
    if mask.dtype != torch.bool:
        mask = g.cast(mask, dtype)
        if mask.constant is not None and bool((mask.constant > -math.inf).any(-1).all()):
            return mask, None
        attends = g.Greater(g.ReduceMax(mask, axes=[-1]), least)
        return g.Where(attends, mask, g.constant(0.0, dtype)), attends
    if mask.constant is not None and bool(mask.constant.any(-1).all()):
        return g.Where(mask, g.constant(0.0, dtype), least), None
    # Integers, for ReduceMax takes bools only from opset 20 on.
    attends = g.cast(g.ReduceMax(g.cast(mask, torch.int32), axes=[-1]), torch.bool)
    unmasked = g.Or(mask, g.Not(attends))
    return g.Where(unmasked, g.constant(0.0, dtype), least), attends


def _causal_mask(g: Builder, query: OnnxValue, key: OnnxValue) -> OnnxValue:
    """-inf above the diagonal that starts at the first query and the first key."""
    queries, keys = g.size(query, -2), g.size(key, -2)
    shape = g.vector([queries, keys])
    if g.opset >= 14:
        least = g.Expand(g.constant([[-math.inf]], query.dtype), shape)
        return g.Trilu(least, 1, upper=1)  # type: ignore[no-any-return]
    rows = g.Range(0, g.scalar(queries), 1)
    columns = g.Range(0, g.scalar(keys), 1)
    later = g.Less(g.Unsqueeze(rows, axes=[1]), columns)
    return g.Where(later, g.constant(-math.inf, query.dtype), g.constant(0.0, query.dtype))  # type: ignore[no-any-return]


def _repeat_heads(g: Builder, x: OnnxValue, query: OnnxValue) -> OnnxValue:
    heads = None if x.shape is None else x.shape[-3]
    wanted = None if query.shape is None else query.shape[-3]
    if not isinstance(heads, int) or not isinstance(wanted, int):
        raise NotExpressible("grouped-query attention needs known numbers of heads")
    if heads == wanted:
        return x
    sizes = g.sizes(x)
    wide = g.Unsqueeze(x, axes=[-3 + 1]) if x.rank is None else g.Unsqueeze(x, axes=[x.rank - 2])
    wide = g.expand(wide, [*sizes[:-2], wanted // heads, *sizes[-2:]])
    return g.reshape(wide, [*sizes[:-3], wanted, *sizes[-2:]])
