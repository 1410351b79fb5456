"""Cases of pooling: windows that overhang, divisors, places of maxima, windows to fit an output."""

import torch
from runner import case
from torch.nn import functional

torch.manual_seed(0)
FEW = (11, 22)
X1, Y1 = torch.randn(2, 3, 10), torch.randn(1, 3, 13)
X2, Y2 = torch.randn(2, 3, 10, 7), torch.randn(3, 3, 9, 12)
X3, Y3 = torch.randn(2, 2, 5, 6, 7), torch.randn(1, 2, 7, 5, 6)
SAME = torch.randn(5, 3, 10, 7)

CASES = [
    case(
        "max",
        lambda a, b, c: (
            functional.max_pool1d(a, 3, padding=1, dilation=2),
            functional.max_pool2d(b, (3, 2), stride=(1, 2), padding=1),
            functional.max_pool3d(c, 2, stride=1),
            functional.max_pool2d(b[0], 2),
        ),
        X1,
        X2,
        X3,
        others=((torch.randn(4, 3, 10), Y2, Y3),),
        opsets=FEW,
    ),
    case(
        "max-ceil",
        lambda a, b: (
            functional.max_pool1d(a, 2, stride=3, ceil_mode=True),
            functional.max_pool2d(b, 3, stride=2, padding=1, ceil_mode=True),
        ),
        X1,
        X2,
        others=((torch.randn(4, 3, 10), Y2),),
        opsets=FEW,
    ),
    case(
        "max-ceil-starts-in-padding",
        lambda x: functional.max_pool1d(x, 2, stride=3, padding=1, ceil_mode=True),
        torch.randn(1, 2, 8),
        opsets=FEW,
    ),
    case(
        "max-places",
        lambda a, b, c: (
            functional.max_pool1d(a, 3, padding=1, return_indices=True),
            functional.max_pool2d(b, 3, stride=2, ceil_mode=True, return_indices=True),
            functional.max_pool3d(c[0], 2, return_indices=True),
        ),
        X1,
        X2,
        X3,
        others=((Y1, Y2, Y3),),
        opsets=FEW,
    ),
    case(
        "max-integers",
        lambda x: functional.max_pool2d(x, 2, padding=1),
        torch.arange(-12, 12).reshape(1, 1, 4, 6),
        opsets=FEW,
    ),
    case(
        "average",
        lambda a, b, c: (
            functional.avg_pool1d(a, 4, stride=3, padding=2),
            functional.avg_pool2d(b, (3, 2), padding=1, count_include_pad=False),
            functional.avg_pool3d(c, 2, stride=1),
            functional.avg_pool2d(b[0], 2, stride=3, padding=1),
        ),
        X1,
        X2,
        X3,
        others=((Y1, Y2, Y3),),
        opsets=FEW,
    ),
    case(
        "average-ceil",
        lambda a, b: (
            functional.avg_pool1d(a, 4, stride=3, padding=2, ceil_mode=True),
            functional.avg_pool2d(b, 2, ceil_mode=True),
            functional.avg_pool2d(b, 3, 2, 1, ceil_mode=True, count_include_pad=False),
        ),
        X1,
        X2,
        others=((Y1, Y2),),
        opsets=FEW,
    ),
    case(
        "divisor",
        lambda x: (
            functional.avg_pool2d(x, 3, padding=1, divisor_override=5),
            functional.avg_pool2d(x, 3, stride=2, padding=1, ceil_mode=True, divisor_override=2),
            functional.avg_pool2d(x, 2, stride=3, divisor_override=1),
        ),
        X2,
        others=((Y2,),),
        opsets=FEW,
    ),
    case(
        "divisor-ceil-known-size",
        lambda x: functional.avg_pool2d(x, 2, 3, 1, ceil_mode=True, divisor_override=3),
        X2,
        others=((SAME,),),
        opsets=FEW,
    ),
    case(
        "power-average",
        lambda x: functional.lp_pool2d(x, 2.0, 2, ceil_mode=True),
        X2.abs(),
        others=((Y2.abs(),),),
        opsets=FEW,
    ),
    case(
        "adaptive-average-to-one",
        lambda a, b: (
            functional.adaptive_avg_pool2d(a, 1),
            functional.adaptive_avg_pool2d(a, (1, None)),
            functional.adaptive_avg_pool1d(b, 1),
            functional.adaptive_avg_pool1d(b[0].double(), 1),
        ),
        X2,
        X1,
        others=((Y2, Y1),),
        opsets=FEW,
    ),
    case(
        "adaptive-average-known-size",
        lambda x, c: (
            functional.adaptive_avg_pool2d(x, (5, 7)),
            functional.adaptive_avg_pool2d(x, (4, 3)),
            functional.adaptive_avg_pool2d(x, (12, 1)),
            functional.adaptive_avg_pool3d(c, (2, 4, 7)),
        ),
        X2,
        X3,
        others=((SAME, torch.randn(1, 2, 5, 6, 7)),),
        opsets=FEW,
    ),
    case(
        "adaptive-average-any-size",
        lambda x, c: (
            functional.adaptive_avg_pool2d(x, (4, 3)),
            functional.adaptive_avg_pool3d(c, (2, 9, 1)),
        ),
        X2,
        X3,
        others=((Y2, Y3),),
        opsets=FEW,
    ),
    case(
        "adaptive-max",
        lambda x, a, c: (
            functional.adaptive_max_pool2d(x, (5, 7), return_indices=True),
            functional.adaptive_max_pool2d(x, (4, 3), return_indices=True),
            functional.adaptive_max_pool3d(c, (2, 4, 9), return_indices=True),
            functional.adaptive_max_pool1d(a, 1, return_indices=True),
            functional.adaptive_max_pool1d(a[0], 1),
        ),
        X2,
        X1,
        X3,
        others=((SAME, Y1, torch.randn(1, 2, 5, 6, 7)),),
        opsets=FEW,
    ),
    case(
        "unpool",
        lambda x: functional.max_unpool2d(
            *functional.max_pool2d(x, 2, stride=2, return_indices=True), 2, output_size=x.shape[-2:]
        ),
        X2,
        others=((Y2,),),
        opsets=FEW,
    ),
    case("float64", lambda x: functional.max_pool1d(x, 2), X1.double(), opsets=FEW),
    case(
        "adaptive-max-of-any-size",
        lambda a, b, c: (
            *functional.adaptive_max_pool1d(a, 4, return_indices=True),
            *functional.adaptive_max_pool2d(b, (3, 12), return_indices=True),
            *functional.adaptive_max_pool3d(c[0], (2, 3, 4), return_indices=True),
        ),
        X1,
        X2.round(),
        X3,
        others=((Y1, Y2.round(), Y3),),
        opsets=FEW,
    ),
    case(
        "max-backward",
        lambda x, y: torch.ops.aten.max_pool2d_with_indices_backward(
            y,
            x,
            [2, 2],
            [1, 1],
            [0, 0],
            [1, 1],
            False,
            functional.max_pool2d(x, 2, 1, return_indices=True)[1],
        ),
        X2,
        torch.randn(2, 3, 9, 6),
        others=((Y2, torch.randn(3, 3, 8, 11)),),
        opsets=(18, 22),
    ),
]
