"""Views and axes: squeezed, unsqueezed, reshaped, transposed."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from torchscript.runner import SCRIPTED, Cases

CASES = Cases()
X = torch.randn(2, 1, 4)
ALL = {0: {0: "a", 1: "b", 2: "c"}}
KEPT = torch.randn(2, 2, 3)

for dim in (0, 1, 2, -1, -2, -3):
    word = f"{'minus_' if dim < 0 else ''}{abs(dim)}"
    CASES.texts(
        {
            f"axis_{word}": (
                f"torch.squeeze(x, dim={dim}), torch.unsqueeze(x, dim={dim}), "
                f"x.transpose({dim}, 1), x.squeeze(({dim},))"
            )
        },
        X,
    )
# The rank of the result follows from a size, which may be known at run time only.
CASES.texts({"squeezed": "torch.squeeze(x), torch.squeeze(x, -2)"}, X)
for name, given in {"one": "1", "none": "", "from_behind": "-2", "two": "(0, 1)"}.items():
    CASES.texts(
        {
            f"squeezed_{name}_dynamic": f"torch.squeeze(x{', ' + given if given else ''})",
            f"squeezed_{name}_within": f"(x + 1).squeeze({given}).sum(-1) * 2, x - 1",
        },
        X,
        dynamic=ALL,
        others=(KEPT, torch.randn(1, 2, 3), torch.randn(1, 1, 3), torch.randn(3, 2, 1)),
    )
CASES.texts(
    {"squeezed_where_it_is_large": "x.squeeze(2)"}, X, dynamic=ALL, others=(torch.randn(2, 2, 1),)
)


@CASES(torch.tensor([1]), torch.tensor([4]), others=((torch.tensor([3]), torch.tensor([4])),))
def squeezed_after_it_was_made(a: Tensor, b: Tensor):
    return torch.zeros(a[0], b[0]).squeeze(0), torch.ones(b[0], a[0]).squeeze(1) * 2


CASES.texts(
    {"reversed_axes": "x.T, x.t(), x.mT"},
    torch.randn(4, 7),
    dynamic={0: {0: "n"}},
    others=(torch.randn(2, 7),),
)
CASES.texts(
    {"to_other_ranks": "x.reshape(-1, 2, 4, 4, 5, 5)"},
    torch.randn(1, 32, 5, 5),
    dynamic={0: {0: "n"}},
    others=(torch.randn(3, 32, 5, 5),),
)
CASES.texts({"to_no_elements": "x.reshape(3, 4, 0), x.view(0, 2)"}, torch.randn(0, 3, 4))
CASES.texts(
    {
        "arithmetic_after_a_transpose": "x = x.t()\nx = x + 2\nx = x - 4\nx = x * 6\nreturn x / 8",
    },
    torch.randn(2, 3),
)


class TransposedConvolution(torch.jit.ScriptModule):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 3, stride=2)

    @torch.jit.script_method
    def forward(self, x):
        return self.conv(x).transpose(0, 1)


CASES(
    torch.randn(4, 3, 16, 16),
    dynamic={0: {0: "n", 2: "h"}},
    others=(torch.randn(2, 3, 8, 16),),
    strategies=(SCRIPTED,),
)(TransposedConvolution)

RANKS = (
    torch.tensor(1.0),
    torch.randn(2),
    torch.randn(2, 3),
    torch.randn(2, 3, 4),
    torch.randn(2, 3, 4, 5),
)
AT_LEAST = "torch.atleast_1d({0}), torch.atleast_2d({0}), torch.atleast_3d({0})"
CASES.texts({"at_least_of_many": AT_LEAST.format("(x, y, z, w)")}, *RANKS[:4])
for rank, tensor in enumerate(RANKS):
    CASES.texts({f"at_least_of_rank_{rank}": AT_LEAST.format("x")}, tensor)
