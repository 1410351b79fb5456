"""CTC; and corners of layers: fractional pooling, renormed embeddings, antialiasing."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from runner import case

torch.manual_seed(0)
r = torch.randn
SCORES = r(6, 3, 5).log_softmax(-1)
LABELS = torch.tensor([[1, 1, 2, 9], [3, 0, 0, 0], [4, 2, 1, 1]])
BYTES = torch.randint(0, 256, (1, 2, 7, 9), dtype=torch.uint8)


def ctc(
    x: torch.Tensor, y: torch.Tensor, n: torch.Tensor, m: torch.Tensor
) -> tuple[torch.Tensor, ...]:
    return (
        F.ctc_loss(x, y, n, m, reduction="none"),
        F.ctc_loss(x, y, n, m),
        F.ctc_loss(x, y, n, m, reduction="sum", zero_infinity=True),
    )


def antialiased(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(
        F.interpolate(x, mode=mode, antialias=True, align_corners=aligned, **by)
        for mode in ("bilinear", "bicubic")
        for aligned in (False, True)
        for by in ({"size": (3, 4)}, {"size": (9, 20)}, {"scale_factor": (1.5, 0.6)})
    )


def interpolated(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return tuple(
        F.interpolate(x, mode=mode, **by)
        for mode in ("bilinear", "bicubic", "nearest")
        for by in ({"size": (3, 4)}, {"scale_factor": (2.0, 3.0)})
    )


CASES = [
    case(
        "ctc",
        ctc,
        SCORES,
        LABELS,
        torch.tensor([6, 5, 4]),
        torch.tensor([3, 1, 4]),
        others=(
            (
                r(4, 2, 5).log_softmax(-1),
                torch.tensor([[1, 2], [3, 4]]),
                torch.tensor([4, 0]),
                torch.tensor([0, 2]),
            ),
        ),
        opsets=(11, 20),
    ),
    case(
        "ctc-joined",
        lambda x, y: F.ctc_loss(x, y, (6, 6, 5), (2, 0, 3), blank=4, reduction="none"),
        SCORES,
        torch.tensor([1, 1, 0, 2, 3]),
        opsets=(11, 20),
    ),
    case(
        "ctc-single",
        lambda x, y: F.ctc_loss(x, y, torch.tensor(6), torch.tensor(2), reduction="none"),
        SCORES[:, 0],
        torch.tensor([1, 2]),
        opsets=(20,),
    ),
    case(
        "fractional-pool",
        lambda x, s: (
            *torch.ops.aten.fractional_max_pool2d(x, [2, 3], [4, 3], s),
            *torch.ops.aten.fractional_max_pool2d(x[0], [3, 3], [1, 2], s[:1]),
        ),
        r(2, 3, 8, 9),
        torch.rand(2, 3, 2),
        others=((r(1, 3, 9, 12), torch.rand(1, 3, 2)),),
        opsets=(11, 20),
    ),
    case(
        "fractional-pool3d",
        lambda x, s: torch.ops.aten.fractional_max_pool3d(x, [2, 2, 3], [3, 4, 2], s),
        r(1, 2, 7, 9, 8),
        torch.rand(1, 2, 3),
        others=((r(0, 2, 7, 9, 8), torch.rand(0, 2, 3)),),
        # torch.export takes no empty batch for a dynamic one.
        opsets=(13, 20),
    ),
    case(
        "embedding-renorm",
        lambda w, i: (
            F.embedding(i, w, max_norm=1.0),
            F.embedding(i, w, max_norm=2.0, norm_type=1),
        ),
        r(5, 3),
        torch.tensor([[0, 2, 2], [4, 0, 1]]),
        others=((r(7, 3), torch.tensor([[6, 6, 1]])),),
        opsets=(11, 20),
    ),
    case("antialias", antialiased, r(1, 2, 7, 9), others=((r(2, 2, 11, 8),),), opsets=(11, 18, 20)),
    # Before opset 13, Resize has no inputs that may be left out.
    case("interpolate", interpolated, r(1, 2, 6, 8), others=((r(2, 2, 9, 4),),), opsets=(11, 13)),
    case(
        "interpolate-bytes",
        lambda x: [
            F.interpolate(x, mode=mode, align_corners=corners, **sizes)
            for mode in ("bilinear", "bicubic")
            for corners in (False, True)
            for sizes in ({"size": (5, 12)}, {"scale_factor": (1.7, 0.6)})
        ],
        BYTES,
        others=((torch.randint(0, 256, (2, 3, 11, 8), dtype=torch.uint8),),),
        opsets=(11, 20, 28),
    ),
    case("antialias-bytes", antialiased, BYTES, opsets=(13, 20)),
    case(
        "windows-of-integers",
        lambda x, w: (
            F.conv2d(x, w, None, 2, 1, 2, 2),
            F.conv_transpose2d(x, w, w[:, 0, 0, 0], 2, 1, 1, 2),
            F.avg_pool2d(x, 3, 2, 1, ceil_mode=False, count_include_pad=False),
            F.avg_pool2d(x, 2, divisor_override=3),
        ),
        torch.randint(-9, 9, (1, 4, 5, 6)),
        torch.randint(-9, 9, (4, 2, 2, 2)),
        others=((torch.randint(-9, 9, (2, 4, 7, 6)), torch.randint(-9, 9, (4, 2, 2, 2))),),
        opsets=(13, 20),
    ),
    case(
        "transposed-convolution-beyond",
        lambda x, w, b: F.conv_transpose2d(x, w, b, 2, 0, (2, 3), dilation=4),
        r(1, 2, 3, 4),
        r(2, 3, 2, 2),
        r(3),
        others=((r(2, 2, 5, 4), r(2, 3, 2, 2), r(3)),),
        opsets=(11, 20),
    ),
    case(
        "margins",
        lambda x, y, w: (
            F.multi_margin_loss(x, y),
            F.multi_margin_loss(x, y, p=2, margin=0.5, reduction="none"),
            F.multi_margin_loss(x, y, weight=w, reduction="sum"),
            F.multi_margin_loss(x[0], y[0]),
        ),
        r(3, 4),
        torch.tensor([1, 0, 3]),
        r(4),
        others=((r(2, 5), torch.tensor([4, 2]), r(5)),),
        opsets=(11, 20),
    ),
    case(
        "margins-of-several",
        lambda x, y: (
            F.multilabel_margin_loss(x, y),
            F.multilabel_margin_loss(x, y, reduction="none"),
            F.multilabel_margin_loss(x[0], y[0], reduction="sum"),
        ),
        r(3, 4),
        torch.tensor([[3, 0, -1, 1], [-1, 2, 1, 0], [0, 1, 2, 3]]),
        others=((r(2, 5), torch.tensor([[1, 1, 0, -1, -1], [4, 3, -1, -1, 2]])),),
        opsets=(11, 20),
    ),
]
