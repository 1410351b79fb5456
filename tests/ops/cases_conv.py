"""Cases of convolutions: ranks, paddings, groups, transposed ones, tensors without a batch."""

import torch
from runner import case
from torch.nn import functional

torch.manual_seed(0)
FEW = (11, 22)
X1, Y1 = torch.randn(2, 4, 9), torch.randn(3, 4, 12)
X2, Y2 = torch.randn(2, 4, 9, 8), torch.randn(1, 4, 11, 13)
X3, Y3 = torch.randn(2, 2, 5, 6, 7), torch.randn(1, 2, 6, 4, 5)
W1, W2, W3 = torch.randn(6, 4, 4), torch.randn(6, 2, 3, 4), torch.randn(4, 2, 2, 3, 1)
B = torch.randn(6)


def folded(x: torch.Tensor, kernel: int | tuple[int, int], **where: object) -> torch.Tensor:
    patches = functional.unfold(x, kernel, **where).cumsum(-2)  # each of a pixel's its own number
    return functional.fold(patches, x.shape[-2:], kernel, **where)


CASES = [
    case(
        "ranks",
        lambda a, b, c: (
            functional.conv1d(a, W1, B, stride=2, padding=1, dilation=2),
            functional.conv2d(b, W2, None, stride=(1, 2), padding=(2, 0), groups=2),
            functional.conv3d(c, W3, padding=(0, 1, 2)),
            functional.conv2d(b[0], W2, B, groups=2),
        ),
        X1,
        X2,
        X3,
        others=((Y1, Y2, Y3),),
        opsets=FEW,
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "padding-by-name",
        lambda a, b: (
            functional.conv1d(a, W1, B, padding="same", dilation=3),
            functional.conv2d(b, W2, padding="same", groups=2, dilation=(2, 1)),
            functional.conv2d(b, W2, padding="valid", groups=2, stride=2),
        ),
        X1,
        X2,
        others=((Y1, Y2),),
        opsets=FEW,
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "transposed",
        lambda a, b, c: (
            functional.conv_transpose1d(a, W1[:4], None, stride=3, output_padding=2, dilation=4),
            functional.conv_transpose2d(
                b, W2[:4], B[:4], stride=2, padding=(1, 2), output_padding=(1, 0), groups=2
            ),
            functional.conv_transpose3d(c, W3[:2], stride=(1, 2, 2), padding=(1, 0, 0)),
            functional.conv_transpose1d(a[0], W1[:4], dilation=2),
        ),
        X1,
        X2,
        X3,
        others=((Y1, Y2, Y3),),
        opsets=FEW,
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "weight-at-run-time",
        lambda x, w: functional.conv2d(x, w * 2, padding=1),
        torch.randn(1, 3, 5, 5),
        torch.randn(2, 3, 3, 3),
        others=((torch.randn(1, 3, 6, 4), torch.randn(4, 3, 3, 3)),),
        opsets=FEW,
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "time-batch-channels",
        lambda x: torch.conv_tbc(x, W1, B[:4], 2),
        torch.randn(5, 2, 4),
        opsets=FEW,
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "kernels",
        lambda x: (
            torch.ops.aten.convolution(x, W2, B, [1, 1], [1, 1], [1, 1], False, [0, 0], 2),
            torch.ops.aten._convolution_mode(x, W2, B, [1, 1], "same", [1, 1], 2),
            torch.ops.aten._convolution(
                x, W2[:4], None, [2, 2], [1, 1], [1, 1], True, [1, 1], 2, False, False, True, True
            ),
        ),
        X2,
        others=((Y2,),),
        opsets=FEW,
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "float64",
        lambda x: functional.conv1d(x, W1.double()),
        X1.double(),
        opsets=FEW,
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "bfloat16",
        lambda x: functional.conv1d(x, W1.bfloat16()),
        X1.bfloat16(),
        opsets=(13, 22),
        rtol=0.05,
        atol=0.05,
    ),
    case(
        "same-size",
        lambda x, w: functional.conv2d(x, w, padding="same", dilation=(1, 2)),
        X2,
        W2[:, :, :2, :3].repeat(1, 2, 1, 1),
        others=((Y2, torch.randn(6, 4, 3, 2)),),
        opsets=FEW,
        rtol=1e-4,
        atol=1e-4,
    ),
    case(
        "unfold",
        lambda x: (
            functional.unfold(x, 2),
            functional.unfold(x, (3, 2), dilation=(1, 2), padding=(2, 1), stride=(2, 3)),
            functional.unfold(x[0], 3),
        ),
        X2,
        others=((Y2,), (X2[:1],)),
        opsets=FEW,
    ),
    *(
        case(
            f"fold{told}",
            lambda x, dtype=dtype: (
                folded(x.to(dtype), 2),
                folded(x.to(dtype), (3, 2), dilation=(1, 2), padding=(2, 1), stride=(2, 3)),
                folded(x[0].to(dtype), 3, stride=2),
            ),
            X2,
            others=((Y2,), (X2[:1],)),
            opsets=(11, 16, 18, 22),
        )
        for told, dtype in (("", torch.float32), ("-double", torch.float64))
    ),
    case(
        "fold-to-known-sizes",
        lambda x: functional.fold(x, (5, 4), 2),
        torch.randn(2, 8, 12),
        others=((torch.randn(1, 8, 12),),),
        opsets=(11, 16, 18, 22),
    ),
    case(
        "unfold-of-nothing",
        lambda x: functional.unfold(x, 2),
        X2,
        others=((X2[:0],),),
        opsets=FEW,
    ),
]
