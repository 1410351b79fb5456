"""Cases of padding: every mode, negative pads, pads known at run time only."""

import torch
from runner import case
from torch.nn import functional

X = torch.rand(2, 3, 4, 5)
Y = torch.rand(2, 3, 6, 7)
FEW = (11, 20)

CASES = [
    case(
        "constant",
        lambda x: (
            functional.pad(x, (1, 2)),
            functional.pad(x, (1, 0, 2, 1), value=-1.5),
            functional.pad(x, (0, 0, 0, 0)),
        ),
        X,
        others=((Y,),),
        opsets=FEW,
    ),
    case(
        "constant-crops",
        lambda x: (
            functional.pad(x, (-1, 2)),
            functional.pad(x, (-1, -2, 0, 3, 0, 0, 1, -1), value=float("inf")),
        ),
        X,
        others=((Y,),),
        opsets=FEW,
    ),
    case(
        "constant-integers",
        lambda x: functional.pad(x, (1, 1), value=7),
        torch.arange(6).reshape(2, 3),
        opsets=FEW,
    ),
    case(
        "constant-int16",
        lambda x: functional.pad(x, (1, 1), value=7),
        torch.arange(6, dtype=torch.int16).reshape(2, 3),
        opsets=FEW,
    ),
    case(
        "constant-bool", lambda x: functional.pad(x, (1, 1), value=True), X[0, 0] > 0.5, opsets=FEW
    ),
    case("constant-float16", lambda x: functional.pad(x, (1, 1), value=-1.0), X.half(), opsets=FEW),
    case(
        "constant-by-size",
        lambda x: functional.pad(x, (x.shape[-1], 0)),
        X,
        others=((Y,),),
        opsets=FEW,
    ),
    case(
        "reflect",
        lambda x: (
            functional.pad(x, (1, 3, 2, 0), mode="reflect"),
            functional.pad(x[0], (-2, 4), mode="reflect"),
        ),
        X,
        others=((Y,),),
        opsets=FEW,
    ),
    case(
        "replicate",
        lambda x: (
            functional.pad(x, (1, 6, 2, -1), mode="replicate"),
            functional.pad(x, (1, 1, 1, 1, 2, 0), mode="replicate"),
        ),
        X,
        others=((Y,),),
        opsets=FEW,
    ),
    case(
        "circular",
        lambda x: (
            functional.pad(x, (1, 3, 2, 0), mode="circular"),
            functional.pad(x, (1, -2, 0, 1), mode="circular"),
        ),
        X,
        others=((Y,),),
        opsets=(11, 18, 19, 23),
    ),
    case(
        "modules",
        torch.nn.Sequential(
            torch.nn.ReflectionPad2d(1),
            torch.nn.ZeroPad2d((1, 2, 0, 0)),
            torch.nn.ReplicationPad2d((0, 1, 2, 0)),
        ),
        X,
        opsets=FEW,
    ),
    case(
        "circular-of-nothing",
        lambda x: functional.pad(x, (1, 2), mode="circular"),
        X[0],
        others=((X[0, :0],), (Y[0],)),
        opsets=(11, 20),
    ),
    case(
        "sequences",
        lambda x, y: (
            torch.nn.utils.rnn.pad_sequence([x, y, x[:, :1].expand_as(x)]),
            torch.nn.utils.rnn.pad_sequence([y, x], batch_first=True, padding_value=-1),
        ),
        torch.randn(4, 3),
        torch.randn(2, 3),
        others=((torch.randn(1, 3), torch.randn(5, 3)), (torch.randn(3, 3), torch.randn(3, 3))),
    ),
    case(
        "sequences-at-their-ends",
        lambda x, y: torch.nn.utils.rnn.pad_sequence([x, y], True, 0.5, "left"),
        torch.randn(4, 3),
        torch.randn(2, 3),
        others=((torch.randn(1, 3), torch.randn(5, 3)),),
        opsets=(13, 20, 28),  # recorded: torch.export knows no padding_side before 2.13
    ),
]
