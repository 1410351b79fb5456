"""What is made from sizes and numbers: ranges, filled and random tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from torchscript.runner import SCRIPTED, TRACED, Cases

CASES = Cases()
X = torch.randn(5, 3, 2)
ALL = {0: {0: "a", 1: "b", 2: "c"}}
OTHERS = (torch.randn(8, 4, 3), torch.randn(1, 2, 6))

CASES.texts(
    {
        "of_sizes": (
            "torch.scalar_tensor(x.size(0)), torch.scalar_tensor(x.size(1), dtype=torch.int64), "
            "torch.tensor(x.shape[1]), torch.tensor([x.shape[0], x.shape[1]]), "
            "torch.tensor(x.shape[1], dtype=torch.long), torch.tensor(x.size(0) / 2), "
            "torch.as_tensor([[x.shape[0], 2], [x.shape[0] * 2, 3]])"
        ),
        "filled_by_sizes": (
            "torch.zeros(x.size(0)), torch.ones((x.size(1), x.size(0)), dtype=torch.int64), "
            "torch.ones(x.shape), torch.full((x.size(0), 2), x.size(1)), torch.full(x.shape, 1.5)"
        ),
        "ranges": (
            "torch.arange(x.shape[0]), torch.arange(12), torch.arange(x.size(-1)), "
            "torch.arange(start=x.shape[0], end=x.shape[0] + 5), torch.arange(0, x.size(0), 2), "
            "torch.arange(x.size(0), -3, -2), torch.arange(0.5, x.size(1), 0.25)"
        ),
        "zeros_by_a_quotient": (
            "x.new_zeros(x.size(0) // x.size(2)), x.new_ones(-(-x.size(0) // 2))"
        ),
        "clamped_by_sizes": (
            "x.clamp(None, x.size(0)), x.clamp(x.size(2), None), x.clamp(x.size(2), x.size(0))"
        ),
    },
    X,
    dynamic=ALL,
    others=OTHERS,
)

CASES.texts(
    {"of_a_size_and_a_float": "torch.tensor([x.size(0), 0.5]), torch.tensor([x.size(0) / 2, 1])"},
    X,
    dynamic=ALL,
    others=OTHERS,
    strategies=(TRACED,),
)

# A number known at run time only is an item of a tensor; a trace knows the tensor itself.
ENDS = {
    "whole": (torch.tensor(8), (torch.tensor(3), torch.tensor(0))),
    "floating": (torch.tensor(8.5), (torch.tensor(6.2), torch.tensor(3.0))),
}
for kind, (end, others) in ENDS.items():
    CASES.texts(
        {
            f"range_to_{kind}": (
                "torch.arange(x), torch.arange(0, x), torch.arange(x, dtype=torch.int64), "
                "torch.arange(-1, x, dtype=torch.float32)"
            )
        },
        end,
        others=others,
    )
    CASES.texts(
        {
            f"range_from_a_size_to_{kind}": (
                "torch.arange(x.size(0), y), torch.arange(x.size(0), y, 1.5), "
                "torch.arange(y, x.size(0), -1.5), "
                "torch.arange(x.size(0), y, 1.5, dtype=torch.int64)"
            )
        },
        torch.randn(2, 3, 4),
        end,
        dynamic=ALL,
        others=((torch.randn(1, 3, 4), end + 2),),
    )
    dtype = "torch.int64" if kind == "whole" else "torch.float"
    CASES.texts(
        {
            f"range_into_{kind}": f"torch.arange(x, out=torch.tensor([1], dtype={dtype}))",
        },
        end,
        others=others[:1],
    )
    CASES.texts(
        {
            f"range_from_a_size_into_{kind}": (
                f"torch.arange(x.size(0), y, out=torch.tensor([1], dtype={dtype})), "
                f"torch.arange(x.size(0), y, 2, out=torch.tensor([1], dtype={dtype}))"
            ),
        },
        torch.randn(2, 3, 4),
        end,
        dynamic=ALL,
        others=((torch.randn(1, 3, 4), end + 2),),
    )

# Integers round their bounds: int64 before it counts, the others after that.
WHOLE = "torch.arange({0}, dtype=torch.int64), torch.arange({0}, dtype=torch.int32)"
CASES.texts(
    {
        "whole_ranges_of_fractions": ", ".join(
            WHOLE.format(bounds)
            for bounds in (
                "2, 8.5, 1.5",
                "-2.7, 3.5, 1.5",
                "8.7, -2.5, -2.5",
                "float(x), float(y)",
                "float(x), float(y), float(z)",
                "float(x), 5",
            )
        )
    },
    torch.tensor(-2.7),
    torch.tensor(4.9),
    torch.tensor(1.5),
    others=((torch.tensor(-7.2), torch.tensor(3.1), torch.tensor(2.9)),),
    strategies=(SCRIPTED,),
)

for name, (start, end, steps) in {"up": (3.0, 10.0, 5), "through_zero": (-1.0, 1.0, 6)}.items():
    CASES.texts(
        {f"linspace_{name}": "torch.linspace(x, y, z)"},
        torch.tensor(start),
        torch.tensor(end),
        torch.tensor(steps, dtype=torch.int),
        others=(
            (torch.tensor(end), torch.tensor(start + 1), torch.tensor(steps - 2, dtype=torch.int)),
        ),
    )

CASES.texts(
    {
        "full_of_an_item": "torch.full((3, 4), x, dtype=torch.long), torch.full((2,), x)",
        "of_an_item": "torch.tensor([float(x)]), torch.tensor([x.dim(), int(x)])",
    },
    torch.tensor(12),
    strategies=(SCRIPTED,),
    others=(torch.tensor(-3),),
)
CASES.texts(
    {"full_traced": "torch.full((3, 4), x, dtype=torch.long)"},
    torch.tensor(12),
    strategies=(TRACED,),
    others=(torch.tensor(-3),),
)
CASES.texts(
    {"of_one_element": "torch.tensor([float(x)]), torch.tensor([x.shape[0], int(x)])"},
    torch.randn(1),
    strategies=(SCRIPTED,),
    others=(torch.tensor([-3.7]),),
)
CASES.texts(
    {
        f"{kind}_of_no_axes": f"y = {made}\ny += x\nreturn y"
        for kind, made in {
            "zeros": "torch.zeros(())",
            "ones": "torch.ones(())",
            "full": "torch.full((), 1.0)",
            "empty": "torch.empty(()).fill_(0)",
        }.items()
    },
    torch.tensor(42.0),
    others=(torch.tensor(-1.0),),
)


@CASES(torch.tensor([1]), torch.tensor([4]), others=((torch.tensor([3]), torch.tensor([4])),))
def zeros_of_items(a: Tensor, b: Tensor):
    return torch.zeros(a[0], b[0]).squeeze(0)


# Of random numbers only the type can be compared.
LIKE = {"randn_like": "torch.randn_like(x{})", "rand_like": "torch.rand_like(x{})"}
SIZED = {"randn": "torch.randn(2, 3, 4{})", "rand": "torch.rand(2, 3, 4{})"}
for name, text in (LIKE | SIZED).items():
    plain, double = text.format(""), text.format(", dtype=torch.double")
    CASES.texts(
        {
            name: f"torch.mul(x, ({plain} + x).size(0)), x * 0 * {plain}",
            f"{name}_of_double": f"x.to(torch.float32) * {double} * torch.tensor(0.0)",
        },
        torch.randn(2, 3, 4),
    )
CASES.texts(
    {
        "random_of_its_size": (
            "torch.mul(x, torch.randn(x.size()).size(1)), "
            "torch.mul(x, torch.rand(x.size()).size(1)), "
            "torch.randn_like(x) * 0, torch.rand_like(x) * 0"
        )
    },
    X,
    dynamic=ALL,
    others=OTHERS,
)
for dtype in (torch.float, torch.double):
    CASES.texts(
        {
            "bernoulli": "torch.mul(x, torch.bernoulli(x).size(0)), torch.bernoulli(x) * 0",
            "bernoulli_by_a_number": "x * torch.bernoulli(x, 0.2).size(0), torch.bernoulli(x, 0.0)",
            "bernoulli_in_place": "torch.mul(x, torch.rand_like(x).bernoulli_(x).size(0))",
            "bernoulli_certain": "torch.rand_like(x).bernoulli_((x > 0.5).to(x.dtype))",
        },
        torch.rand(2, 3, 3, dtype=dtype),
    )
