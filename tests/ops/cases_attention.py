"""Attention: masks of all kinds, rows without keys, NaN, grouped heads."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from runner import case

torch.manual_seed(0)


def qkv(batch: int, queries: int, keys: int, heads: int = 4) -> tuple[torch.Tensor, ...]:
    return (
        torch.randn(batch, 4, queries, 8),
        torch.randn(batch, heads, keys, 8),
        torch.randn(batch, heads, keys, 8),
    )


def mask(batch: int, queries: int, keys: int) -> torch.Tensor:
    made = torch.rand(batch, 1, queries, keys) > 0.4
    made[:, :, 0] = False  # this query attends to nothing
    return made


def nan_in_query() -> tuple[torch.Tensor, ...]:
    q, k, v = qkv(2, 3, 5)
    q[0, 0, 1, 0] = torch.nan
    return q, k, v, mask(2, 3, 5)


def added(keep: torch.Tensor) -> torch.Tensor:
    return torch.where(keep, 0.0, -torch.inf)


CASES = [
    case("plain", F.scaled_dot_product_attention, *qkv(2, 3, 5), others=(qkv(3, 4, 2),)),
    case(
        "bool-mask",
        F.scaled_dot_product_attention,
        *qkv(2, 3, 5),
        mask(2, 3, 5),
        others=((*qkv(1, 2, 7), mask(1, 2, 7)),),
    ),
    case(
        "float-mask",
        F.scaled_dot_product_attention,
        *qkv(2, 3, 5),
        added(mask(2, 3, 5)),
        others=((*qkv(1, 2, 7), added(mask(1, 2, 7))),),
    ),
    case("nan-stays", F.scaled_dot_product_attention, *nan_in_query()),
    case(
        "causal-scaled",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3),
        *qkv(2, 4, 4),
        others=(qkv(1, 6, 6),),
    ),
    case(
        "grouped-heads",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, enable_gqa=True),
        *qkv(2, 3, 5, heads=2),
        others=(qkv(1, 4, 6, heads=2),),
    ),
    case(
        "bfloat16",
        lambda q, k, v: F.scaled_dot_product_attention(5 * q, k, v, is_causal=True),
        *(x.bfloat16() for x in qkv(2, 3, 5)),
        opsets=(13, 20, 23, 28),
    ),
    case("three-axes", F.scaled_dot_product_attention, *(x[:, 0] for x in qkv(2, 3, 5))),
    case(
        "causal-oblong",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        *qkv(2, 3, 5),
        others=(qkv(1, 6, 4),),
    ),
    case(
        "negative-scale",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=-0.5),
        *qkv(2, 3, 5),
    ),
    case(
        "mask-of-keys",
        F.scaled_dot_product_attention,
        *qkv(2, 3, 5),
        torch.tensor([True, False, True, True, False])[None, None, None].expand(2, 1, 1, 5),
    ),
    case(
        "mask-of-huge-numbers",
        F.scaled_dot_product_attention,
        *qkv(2, 3, 5),
        torch.where(mask(2, 3, 5), 0.0, torch.finfo(torch.float32).min),
    ),
    case(
        "grouped-heads-masked",
        lambda q, k, v, m, n: (
            F.scaled_dot_product_attention(q, k, v, m, enable_gqa=True),
            F.scaled_dot_product_attention(q, k, v, n, enable_gqa=True),
            F.scaled_dot_product_attention(q, k, v, n[0, 0], enable_gqa=True),
        ),
        *qkv(2, 3, 5, heads=2),
        mask(2, 3, 5),
        torch.randn(2, 4, 3, 5),
    ),
    case(
        "five-axes",
        F.scaled_dot_product_attention,
        *(x[None] for x in qkv(2, 3, 5)),
        opsets=(20, 23),
    ),
    case(
        "on-the-cpu-with-log-sum-exp",
        lambda q, k, v, m: (
            *torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v),
            *torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, is_causal=True),
            *torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
                q, k, v, attn_mask=m, scale=0.3
            ),
        ),
        *qkv(2, 3, 5),
        torch.where(mask(2, 3, 5), 0.5, -torch.inf),
        others=((*qkv(3, 4, 2), torch.where(mask(3, 4, 2), 1.0, -torch.inf)),),
    ),
]
