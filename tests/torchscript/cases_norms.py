"""Moments, norms, layers that normalize, softmax and its kin."""

from __future__ import annotations

from functools import partial
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchscript.runner import TRACED, Cases

CASES = Cases()
X = torch.randn(2, 3, 4)
ALL = {0: {0: "a", 1: "b", 2: "c"}}
OTHERS = (torch.randn(5, 2, 3),)


@CASES(X, dynamic=ALL, others=OTHERS)
def moments_of_all(x: Tensor):
    v, m = torch.var_mean(x, unbiased=False)
    s, n = torch.std_mean(x, unbiased=True)
    return v, m, s, n, torch.var_mean(x), torch.std_mean(x, correction=0)


@CASES(X, dynamic=ALL, others=OTHERS)
def moments_along_axes(x: Tensor):
    return (
        torch.var_mean(x, dim=(0, 1), unbiased=False),
        torch.var_mean(x, dim=(2, 1), unbiased=True),
        torch.var_mean(x, dim=(0, -1), unbiased=False),
        torch.std_mean(x, dim=[1], unbiased=True),
        torch.std_mean(x, dim=(-1, -3), unbiased=False),
    )


@CASES(X, dynamic=ALL, others=OTHERS)
def moments_keepdim(x: Tensor):
    return (
        torch.var_mean(x, dim=(0, 1), unbiased=True, keepdim=True),
        torch.var_mean(x, dim=(0, 1), correction=3, keepdim=True),
        torch.std_mean(x, dim=(1, 2), correction=2, keepdim=True),
        torch.std_mean(x, dim=-1, correction=0),
        x.var(1, correction=0),
        x.std((0, 2), unbiased=False, keepdim=True),
    )


@CASES(X, dynamic=ALL, others=OTHERS)
def norms(x: Tensor):
    return (
        F.normalize(x),
        F.normalize(x, p=1.0, dim=-1),
        torch.norm(x, p=1, dim=-1),
        torch.norm(x, p=2, dim=-2, keepdim=True),
        torch.norm(x, p="fro", dim=0),
        torch.norm(x, p="fro", dim=(0, 1), keepdim=True),
        torch.norm(x),
        x.norm(3),
        x.norm(float("inf"), dim=[1]),
    )


@CASES(X, dynamic=ALL, others=OTHERS)
def norms_in_float64(x: Tensor):
    return (
        torch.ops.aten.norm(x, p=2, dim=[1], keepdim=True, dtype=torch.float64),
        torch.norm(x, p=1, dim=(0, 2), dtype=torch.float64),
        F.log_softmax(x, dim=1, dtype=torch.float64),
        F.softmax(x, -1, dtype=torch.float64),
    )


# Layers, whose batch and length are dynamic.

SPATIAL = {1: (8,), 2: (6, 5), 3: (3, 4, 5)}
NORMS = {
    "batch": (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d),
    "instance": (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d),
}


def _layer(make: type[nn.Module], affine: bool, keeps: bool):
    """A layer whose weights and statistics are not those it began with."""
    layer = make(3, affine=affine, track_running_stats=keeps)
    for tensor in layer.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(3) + 0.5)
    return layer


for (kind, makes), (axes, sizes), affine, keeps in product(
    NORMS.items(), SPATIAL.items(), (True, False), (True, False)
):
    CASES(
        torch.randn(2, 3, *sizes),
        dynamic={0: {0: "batch", 2: "length"}},
        others=(torch.randn(5, 3, 2 * sizes[0], *sizes[1:]),),
        name=f"{kind}_norm_{axes}d{'_affine' * affine}{'_running' * keeps}",
    )(partial(_layer, makes[axes - 1], affine, keeps))

CASES(torch.randn(5, 3), dynamic={0: {0: "n"}}, others=(torch.randn(2, 3),), name="batch_norm_0d")(
    partial(_layer, nn.BatchNorm1d, True, True)
)
CASES(
    torch.randn(4, 2, 2, 3, 5),
    dynamic={0: {0: "a", 1: "b"}},
    others=(torch.randn(1, 3, 2, 3, 5),),
    name="layer_norm",
)(partial(nn.LayerNorm, [2, 3, 5]))

BY_WEIGHT = {
    "linear": (partial(nn.Linear, 5, 4), torch.randn(2, 3, 5), {"dim": 1}),
    "linear_2d": (partial(nn.Linear, 5, 4), torch.randn(3, 5), {"dim": 1}),
    "linear_all": (partial(nn.Linear, 5, 4), torch.randn(2, 3, 5), {"dim": None}),
    "conv": (partial(nn.Conv1d, 3, 6, 3), torch.randn(3, 3, 5), {}),
    "conv_neg": (partial(nn.Conv1d, 2, 1, 3), torch.randn(1, 2, 5), {"dim": -2}),
}
for name, (make, x, options) in BY_WEIGHT.items():
    CASES(x, dynamic={0: {0: "n"}}, strategies=(TRACED,), name=f"weight_norm_{name}")(
        partial(lambda make, options: nn.utils.weight_norm(make(), **options), make, options)
    )


# Softmax: of each axis, also where the rank is known only from a reshape.


class _Reshaped(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor):
        return self.layer(x.reshape(3, 4, -1, 6))


Z = torch.randn(3, 4, 5, 6)
for dim in (-4, -3, -1, 0, 2):
    CASES(
        Z,
        dynamic={0: {2: "n"}},
        others=(torch.randn(3, 4, 2, 6),),
        name=f"softmax_{dim}",
    )(partial(lambda dim: nn.Sequential(nn.Softmax(dim), nn.LogSoftmax(dim)), dim))
    CASES(
        Z,
        dynamic={0: {2: "n"}},
        others=(torch.randn(3, 4, 2, 6),),
        name=f"softmax_of_reshaped_{dim}",
    )(partial(lambda dim: _Reshaped(nn.Softmax(dim)), dim))

LARGE = torch.tensor([[-1e12, -1e12, -1e12], [1e12, 0.0, -5.0], [3.0, 4.0, 5.0]])
for rank in range(1, 7):
    CASES(
        torch.randn([2] * (rank - 1) + [4]),
        others=(torch.zeros([2] * (rank - 1) + [4]),),
        name=f"log_softmax_rank_{rank}",
    )(partial(nn.LogSoftmax, dim=rank - 1))
CASES(LARGE, name="softmax_large")(partial(nn.Softmax, dim=-1))
CASES(LARGE, name="softmax_large_first")(partial(nn.Softmax, dim=0))


@CASES(X, dynamic=ALL, others=OTHERS)
def softplus(x: Tensor):
    return F.softplus(x), F.softplus(x, beta=2), F.softplus(x, beta=1.7), F.softplus(20 * x, 3, 5)
