"""Products, norms, distances and other linear algebra."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from torchscript.runner import Cases

CASES = Cases()
INF = float("inf")
X = torch.randn(3, 4, 5)
OTHER = torch.randn(2, 6, 5)
SOME = {0: {0: "n", 1: "m"}}
SQUARES = torch.randn(2, 3, 4, 4)


@CASES(X, dynamic=SOME, others=(OTHER,))
def norms(x: Tensor):
    return (
        torch.norm(x, p=1, dim=-1, keepdim=False),
        torch.norm(x, p=2, dim=-2),
        torch.norm(x, p="fro", dim=0),
        torch.norm(x, p="fro", dim=(0, 1), keepdim=True),
        torch.norm(x),
        x.norm(3.0, 1),
        torch.norm(x, 2, dtype=torch.float64),
    )


class Norm(nn.Module):
    """A norm of torch.linalg and what it is asked."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__()
        self.name, self.options = name, options

    def forward(self, x: Tensor):
        return getattr(torch.linalg, self.name)(x, **self.options)


def _norm(name: str, *args: Tensor, **options: Any) -> None:
    kind = f"{name}{args[0].dim()}d"
    told = "-".join([kind, *[f"{key}={value}" for key, value in options.items()]])
    dynamic = {0: {0: "n", 1: "m"}} if args[0].dim() > 1 else {0: {0: "n"}}
    row = CASES(
        args[0],
        dynamic=dynamic,
        others=args[1:],
        strategies=("trace",),
        name=told,
    )
    row(partial(Norm, name, **options))


ORDERS = (None, 2, INF, -INF, -4, 1.5, 0)
for order in ORDERS:
    _norm("norm", X, OTHER, ord=order, dim=1)
    _norm("norm", torch.randn(4), torch.randn(1), ord=order)
for order in ("fro", INF, -INF, 1, -1):
    _norm("norm", X, OTHER, ord=order, dim=(0, 2))
    _norm("norm", torch.randn(2, 3), torch.randn(4, 2), ord=order)
    for dim, keepdim in (((-2, -1), False), ((0, 2), True)):
        _norm("matrix_norm", X, OTHER, ord=order, dim=dim, keepdim=keepdim)
DIMS: tuple[tuple[Any, bool], ...] = ((None, False), (1, False), ((1, 2), True))
for turn, order in enumerate((0, 2, INF, -INF, -4, 1.5)):
    for dim, keepdim in (DIMS[turn % 3], DIMS[(turn + 1) % 3]):
        _norm("vector_norm", X, OTHER, ord=order, dim=dim, keepdim=keepdim)


@CASES(X, dynamic=SOME, others=(OTHER,))
def norms_by_keyword(x: Tensor):
    return (
        torch.linalg.norm(x),
        torch.linalg.norm(x[0]),
        torch.linalg.norm(x[0], ord="fro"),
        torch.linalg.norm(x[0, 0], ord=float("inf")),
        torch.linalg.norm(x, ord=1, dim=(0, 1)),
        torch.linalg.vector_norm(x, ord=3, dim=[0, 2], keepdim=True),
        torch.linalg.matrix_norm(x, ord="fro", dim=(0, 2), keepdim=True),
        torch.linalg.matrix_norm(x, ord=-1.0),
    )


@CASES(SQUARES, dynamic={0: {0: "n"}}, others=(torch.randn(5, 3, 4, 4), torch.zeros(1, 3, 4, 4)))
def determinants(x: Tensor):
    return torch.linalg.det(x), torch.det(x), torch.logdet(x), torch.linalg.slogdet(x)


def _vectors(x: Tensor, y: Tensor, m: Tensor):
    return torch.mv(m, x), torch.dot(x, y), m.matmul(x), torch.outer(x, y), torch.inner(m, x)


FLOATS = (torch.randn(5), torch.randn(5), torch.randn(4, 5))
OTHER_FLOATS = (torch.randn(3), torch.randn(3), torch.randn(2, 3))
VECTOR_AXES = {0: {0: "k"}, 1: {0: "k"}, 2: {0: "n", 1: "k"}}
for dtype in (torch.float32, torch.float64, torch.int64):
    row = CASES(
        *[(v * 5).to(dtype) for v in FLOATS],
        dynamic=VECTOR_AXES,
        others=(tuple((v * 5).to(dtype) for v in OTHER_FLOATS),),
        name=f"vectors-{dtype}",
    )
    row(_vectors)


def _outer(x: Tensor, y: Tensor):
    return torch.outer(x, y), torch.ger(x, y), x.outer(y)


for x, y in product((torch.int32, torch.float32), (torch.int64, torch.float64)):
    CASES(torch.arange(2, 5).to(x), torch.arange(1, 5).to(y), name=f"outer-{x}-{y}")(_outer)


@CASES(torch.randn(3, 3), torch.randn(3, 4))
def products(x: Tensor, y: Tensor):
    return (
        torch.mm(x, x) + x + torch.mm(x, x) + x,
        torch.mm(x, y),
        torch.addmm(y, x, y),
        torch.addmm(y, x, y, beta=0.5, alpha=2),
        torch.addmv(x[0], x, x[:, 1]),
        torch.addr(x, x[0], x[1]),
        torch.chain_matmul(x, x, y),
        torch.linalg.multi_dot([x, x, y]),
    )


BATCHES = (torch.randn(4, 3, 5), torch.randn(4, 3, 2), torch.randn(4, 2, 5))


@CASES(
    *BATCHES,
    dynamic={0: {0: "b"}, 1: {0: "b"}, 2: {0: "b"}},
    others=((torch.randn(2, 3, 5), torch.randn(2, 3, 2), torch.randn(2, 2, 5)),),
)
def batches(x: Tensor, a: Tensor, b: Tensor):
    return (
        torch.baddbmm(x, a, b),
        torch.baddbmm(x, a, b, alpha=5, beta=3.5),
        torch.baddbmm(x[:1], a, b, beta=0),
        torch.bmm(a, b),
        torch.addbmm(x[0], a, b, alpha=0.5),
    )


@CASES(*BATCHES, strategies=("trace",))
def batches_scaled_by_constants(x: Tensor, a: Tensor, b: Tensor):
    return torch.baddbmm(x, a, b, alpha=torch.tensor(5), beta=3.5)


SCALES = (torch.tensor(5), torch.tensor(3.5))


@CASES(*BATCHES, *SCALES, others=((*BATCHES, torch.tensor(-2), torch.tensor(0.5)),))
def batches_scaled(x: Tensor, a: Tensor, b: Tensor, alpha: Tensor, beta: Tensor):
    return torch.baddbmm(x, a, b, alpha=alpha, beta=beta)


@CASES(torch.randn(4, 3, 5), torch.randn(4, 5, 2), torch.randn(5, 5), since=12)
def einsums(x: Tensor, y: Tensor, z: Tensor):
    return (
        torch.einsum("bij, bjk -> bik", x, y),
        torch.einsum("i,i", z[0], z[1]),
        torch.einsum("ij->ji", z),
        torch.einsum("...ii ->...i", z.expand(3, 5, 5)),
        torch.einsum("ii", z),
        torch.einsum("bij,bjk", x, y),
        torch.einsum("ij,ij->ij", z, z),
    )


@CASES(torch.eye(4, dtype=torch.bool), torch.randint(5, (3, 4)), since=12)
def einsums_of_whole_numbers(x: Tensor, y: Tensor):
    return torch.einsum("...ii->...i", x), torch.einsum("ij->ji", x), torch.einsum("ij,kj", y, y)


@CASES(torch.randn(5, 3, 2, 3), torch.randn(1, 3, 1, 3), dynamic={0: {0: "n"}})
def crosses(x: Tensor, y: Tensor):
    return torch.linalg.cross(x, y, dim=1), torch.linalg.cross(x, y)


@CASES(torch.randn(5, 3, 2, 3), torch.randn(5, 3, 2, 3))
def older_crosses(x: Tensor, y: Tensor):
    return torch.cross(x, y, dim=3), torch.cross(x, y), torch.cross(x, y, -1)


PAIRS = (torch.randn(5, 3, 4), torch.randn(5, 3, 4))


@CASES(
    *PAIRS,
    dynamic={0: {0: "b"}, 1: {0: "b"}},
    others=((torch.randn(2, 3, 4), torch.randn(2, 3, 4)),),
)
def distances(x: Tensor, y: Tensor):
    return (
        torch.cdist(x, y),
        torch.cdist(x, y[:, :2], p=1.0),
        torch.cosine_similarity(x, y, dim=2),
        torch.pairwise_distance(x, y, p=2.0),
        torch.nn.functional.pdist(x[0]),
    )


CASES(*PAIRS, name="cosine")(partial(nn.CosineSimilarity, dim=2))
CASES(*PAIRS, name="pairwise")(partial(nn.PairwiseDistance, p=2.0))


def spectral() -> nn.Module:
    return nn.utils.spectral_norm(nn.Linear(2, 4))


CASES(torch.randn(6, 2), strategies=("trace",), name="spectral-norm")(partial(spectral))
row = CASES(torch.randn(6, 2), strategies=("trace",), name="spectral-parametrization")
row(partial(lambda: nn.utils.parametrizations.spectral_norm(nn.Linear(2, 4))))
CASES(torch.randn(6, 2), name="weight-norm", strategies=("trace",))(
    partial(lambda: nn.utils.weight_norm(nn.Linear(2, 4)))
)
