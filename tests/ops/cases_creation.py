"""Cases of creation: tensors made of numbers, known ones and those of the run."""

import torch
from runner import case

FEW = (11, 20)
X = torch.rand(2, 3)
Y = torch.rand(5, 3)
TALL = torch.rand(2, 1500)
SQUARE = torch.randn(2, 4, 5)
BOOLS = SQUARE > 0


def same(name, fn, *inputs, **options):
    return case(name, fn, *inputs, **{"opsets": FEW, **options})


def arange_float(x):
    return x.sum() * 0 + torch.arange(0, x.shape[0], dtype=torch.float32) * 0.1


WINDOWS = (torch.hann_window, torch.hamming_window, torch.blackman_window, torch.bartlett_window)
FLOATS = (torch.float32, torch.float64)
CASES = [
    same(
        "full", lambda x: (x + torch.full((3,), 2.5), x.new_full((2, 3), 7), x + torch.ones(3)), X
    ),
    same(
        "full-dynamic",
        lambda x: (
            torch.zeros(x.shape[0], 2),
            torch.full((x.shape[0],), True),
            x.new_ones(3, x.shape[0], dtype=torch.int32),
        ),
        X,
        others=((Y,),),
    ),
    same(
        "likes",
        lambda x: (
            torch.zeros_like(x),
            torch.ones_like(x, dtype=torch.int64),
            torch.full_like(x, float("-inf")),
            torch.full_like(x, 1, dtype=torch.bool),
        ),
        X,
        others=((Y,),),
    ),
    case(
        "likes-bfloat16",
        lambda x: torch.full_like(x, 0.5, dtype=torch.bfloat16),
        X,
        others=((Y,),),
        opsets=(13, 20, 23),
    ),
    same("fill", lambda x: (x.clone().fill_(3), x.new_zeros(x.shape).fill_(x[0, 0])), X),
    same("empty", lambda x: torch.empty(2, 2).fill_(1) + torch.empty_like(x)[:2, :2].zero_(), X),
    same(
        "arange",
        lambda x: (
            torch.arange(x.shape[0]),
            torch.arange(1, x.shape[0], 2),
            torch.arange(x.shape[0], dtype=torch.float32),
        ),
        X,
        others=((Y,),),
    ),
    same(
        "arange-fraction",
        lambda x: (torch.arange(0, x.shape[0], 0.3), torch.arange(0.5, 3000, 1.7)),
        X,
        others=((Y,),),
    ),
    same(
        "arange-cut-off",
        lambda x: [
            torch.arange(x.shape[0], end, step, dtype=dtype)
            for end, step in ((12.5, 1.5), (-4, -1.7), (20, 2.5), (9.7, 1))
            for dtype in (torch.int64, torch.int32)
        ],
        X,
        others=((Y,),),
    ),
    same(
        "arange-integers-of-fractions",
        lambda x: tuple(
            torch.arange(*bounds, dtype=dtype)
            for dtype in (torch.int64, torch.int32, torch.int8)
            for bounds in ((2, 8.5, 1.5), (-2.7, x.shape[0], 1.5), (8.7, -2.5, -2.5), (8.5,))
        ),
        X,
        others=((Y,),),
    ),
    same(
        "window-functions",
        lambda x: [
            *(
                f(x.shape[0], how, dtype=d)
                for f in WINDOWS
                for how in (True, False)
                for d in FLOATS
            ),
            torch.hamming_window(x.shape[0], True, 0.6, 0.3),
        ],
        torch.ones(5),
        others=((torch.ones(6),), (torch.ones(1),), (torch.ones(2),)),
        opsets=(13, 20),  # torch.export fixes the length
    ),
    same(
        "arange-backwards",
        lambda x: (torch.arange(5000, 0, -1), torch.arange(2000, dtype=torch.int32)),
        X,
    ),
    same("linspace", lambda x: (torch.linspace(-1, 1, 2000), torch.logspace(0, 1, 3)), X),
    same("linspace-tensor", lambda x: torch.linspace(x[0, 0], 2, 7), X),
    same(
        "eye",
        lambda x: (
            torch.eye(x.shape[0]),
            torch.eye(x.shape[0], 3, dtype=torch.int64),
            torch.eye(40),
        ),
        X,
        others=((Y,),),
    ),
    case(
        "tril",
        lambda x: (x.tril(), x.triu(1), x.tril(-2), x.triu(-1)),
        SQUARE,
        others=((torch.rand(2, 6, 5),),),
        opsets=(11, 14, 20),
    ),
    case("triu-bool", lambda x: (x.tril(1), x.triu()), BOOLS, opsets=(11, 14)),
    case(
        "triu-int",
        lambda x: x.triu(),
        torch.arange(9, dtype=torch.int32).reshape(3, 3),
        opsets=(11, 14),
    ),
    same(
        "triangle-indices", lambda x: (torch.tril_indices(3, 4, 1), torch.triu_indices(60, 60)), X
    ),
]
