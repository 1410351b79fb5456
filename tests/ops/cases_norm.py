"""Normalisations."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from runner import Case, case

torch.manual_seed(0)
r = torch.randn
W, B, MEAN, VAR = r(4), r(4), r(4), torch.rand(4) + 0.5


def far(*shape: int) -> torch.Tensor:
    """Far from zero, where ``E[x²] - E[x]²`` has no digits left."""
    return r(*shape) + 300


def norm(name: str, fn: Any, *inputs: torch.Tensor, **options: Any) -> Case:
    # At 300 a float32 has steps of 3e-5, and each side adds up in an order of its own.
    return case(name, fn, *inputs, rtol=1e-4, atol=3e-4, **options)


CASES = [
    norm("layer", lambda x: F.layer_norm(x, (4,), W, B), far(2, 3, 4), others=((far(3, 5, 4),),)),
    norm(
        "layer-bare",
        lambda x: (F.layer_norm(x, (3, 4)), F.layer_norm(x, (4,), None, B)),
        r(2, 3, 4),
    ),
    norm("layer-half", lambda x: F.layer_norm(x, (4,), W.half(), B.half()), r(2, 4).half()),
    *(
        norm(
            f"layer-native-{name}",
            lambda x: torch.native_layer_norm(x, (4,), W.to(x), B.to(x), 1e-5),
            r(2, 4).to(dtype),
            opsets=(13, 17, 20, 28),
        )
        for name, dtype in (("half", torch.half), ("double", torch.double))
    ),
    norm("layer-native", lambda x: torch.native_layer_norm(x, (4,), W, B, 1e-5), r(2, 4)),
    norm(
        "rms",
        lambda x: (F.rms_norm(x, (4,), W), F.rms_norm(x, (3, 4), eps=1e-3)),
        r(2, 3, 4),
        others=((r(5, 3, 4),),),
    ),
    norm(
        "rms-half",
        lambda x: F.rms_norm(x, (4,), W.half(), 1e-6),
        r(2, 4).half() * 300,
        release=("2.7", "its rms_norm rounds to float16 in between before"),
    ),
    norm("batch", lambda x: F.batch_norm(x, MEAN, VAR, W, B), r(2, 4, 3), others=((r(3, 4, 5),),)),
    norm(
        "batch-bare", lambda x: (F.batch_norm(x, MEAN, VAR), F.batch_norm(x, MEAN, VAR, W)), r(2, 4)
    ),
    norm(
        "batch-training",
        lambda x: F.batch_norm(x, None, None, W, B, training=True),
        far(2, 4, 3),
        others=((far(3, 4, 5),),),
    ),
    norm(
        "batch-statistics",
        lambda x, m, v: torch.ops.aten._native_batch_norm_legit_functional(
            x, W, B, m, v, True, 0.2, 1e-5
        ),
        r(3, 4, 2),
        r(4),
        VAR,
        others=((r(5, 4, 2), r(4), VAR),),
    ),
    norm(
        "instance",
        lambda x: (F.instance_norm(x), F.instance_norm(x, weight=W, bias=B)),
        far(2, 4, 5),
        others=((far(3, 4, 7),),),
    ),
    norm("instance-f64", lambda x: F.instance_norm(x, weight=W.double()), r(2, 4, 5).double()),
    norm(
        "group", lambda x: F.group_norm(x, 2, W, B), far(2, 4, 3, 5), others=((far(3, 4, 4, 2),),)
    ),
    norm("group-bare", lambda x: (F.group_norm(x, 2), F.group_norm(x, 4)), r(2, 4), opsets=(20,)),
    norm("group-each", lambda x: F.group_norm(x, 4, W, B), r(2, 4, 3)),
    norm(
        "group-native",
        lambda x: torch.native_group_norm(x, W, B, 2, 4, 3, 2, 1e-5),
        r(2, 4, 3),
        opsets=(20,),
    ),
    norm(
        "weight",
        lambda v, g: (torch._weight_norm(v, g, 0), torch.norm_except_dim(v, 2, 1)),
        r(4, 3, 2),
        r(4, 1, 1),
    ),
]
