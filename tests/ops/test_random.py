"""Random operators: their distributions, by the largest distance between PyTorch's and ours."""

from __future__ import annotations

import math
from collections.abc import Callable

import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from runner import Case, export, from_ort, to_ort

from releases import since
from torch_onnx import export as export_model

# ONNX Runtime's random operators end with opset 21, and only in 11 does Dropout not draw.
OPSETS = (20, 23)
SHAPE = (40, 250)
X = torch.zeros(SHAPE)
# Of samples this large, two of one distribution are further apart once in a million times.
FURTHEST = 2.7 * math.sqrt(2 / X.numel())


def drawn(fn: Callable[..., torch.Tensor], opset: int, *inputs: torch.Tensor) -> torch.Tensor:
    """The output of the exported program, whose first axis is dynamic."""
    fewer = tuple(x[: len(x) // 2] for x in inputs)
    proto = export(Case("random", fn, fewer, others=(inputs,)), opset)
    onnxruntime.set_seed(7)
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feeds = {f"x{i}": to_ort(x) for i, x in enumerate(inputs)}
    return from_ort(session.run_with_ort_values(None, feeds))[0]


def distance(a: torch.Tensor, b: torch.Tensor) -> float:
    """The largest difference between two samples' distribution functions, but for rounding."""
    a, b = a.double().flatten().sort().values, b.double().flatten().sort().values
    points = torch.cat([a, b])
    further = points + 1e-4 * points.abs() + 1e-6

    def share(x: torch.Tensor, until: torch.Tensor) -> torch.Tensor:
        return torch.searchsorted(x, until, right=True) / len(x)

    ahead = torch.maximum(
        share(a, points) - share(b, further), share(b, points) - share(a, further)
    )
    return float(ahead.max())


def on(dtype: torch.dtype) -> torch.Tensor:
    return X.to(dtype)


COMPLEX = torch.complex64


def complex_zeros(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros(x.shape[0], 125, dtype=COMPLEX)


SLOPES = torch.linspace(-2, 2, X.numel()).reshape(SHAPE)
ROWS = {
    "rand": (lambda x: torch.rand(x.shape[0], 250), X),
    "rand-half": (torch.rand_like, on(torch.float16)),
    "rand-double": (torch.rand_like, on(torch.float64)),
    "randn": (lambda x: torch.randn(x.shape[0], 250), X),
    "randn-double": (torch.randn_like, on(torch.float64)),
    "randn-bfloat16": (torch.randn_like, on(torch.bfloat16)),
    "randn-complex": (lambda x: torch.view_as_real(torch.randn(x.shape[0], 125, dtype=COMPLEX)), X),
    "normal_-complex": (lambda x: torch.view_as_real(complex_zeros(x).normal_(1, 3)), X),
    "uniform_-complex": (lambda x: torch.view_as_real(complex_zeros(x).uniform_(-2, 5)), X),
    "randint": (lambda x: torch.randint(10, (x.shape[0], 250)), X),
    "randint-low": (lambda x: torch.randint_like(x, -3, 4), X),
    "random_": (lambda x: x.clone().random_(9), on(torch.int32)),
    "random_-all": (lambda x: x.clone().random_(), on(torch.int64)),
    "normal": (lambda x: torch.normal(x + 3, 2.0), X),
    "normal-of-tensors": (lambda x: torch.normal(x, x.exp()), SLOPES),
    "normal_": (lambda x: x.clone().normal_(1, 3), X),
    "uniform_": (lambda x: x.clone().uniform_(-2, 5), X),
    "bernoulli": (torch.bernoulli, (SLOPES + 2) / 4),
    "bernoulli_": (lambda x: x.clone().bernoulli_(0.3), X),
    "exponential_": (lambda x: x.clone().exponential_(2), X),
    "cauchy_": (lambda x: x.clone().cauchy_(1, 2), X),
    "geometric_": (lambda x: x.clone().geometric_(0.2), X),
    "log_normal_": (lambda x: x.clone().log_normal_(0, 1), X),
    "poisson": (torch.poisson, SLOPES.exp() * 4),
    "multinomial": (lambda x: torch.multinomial(x, 250, True), torch.arange(5.0).repeat(40, 1)),
    "multinomial-first": (
        lambda x: torch.multinomial(x, 2)[:, 0],
        torch.arange(5.0).repeat(10000, 1),
    ),
    "dropout": (lambda x: F.dropout(x, 0.3), SLOPES + 3),
    "alpha_dropout": (lambda x: F.alpha_dropout(x, 0.3, training=True), SLOPES),
    "rrelu": (lambda x: F.rrelu(x, training=True), SLOPES),
    "channel-dropout": (lambda x: F.dropout1d(x + 1, 0.4), torch.zeros(100, 100, 1)),
}


@pytest.mark.parametrize(
    ("name", "opset"),
    [*((name, opset) for name in ROWS for opset in OPSETS), ("dropout", 11), ("bernoulli_", 11)],
)
def test_distribution(name: str, opset: int) -> None:
    fn, x = ROWS[name]
    torch.manual_seed(3)
    wanted = fn(x)
    got = drawn(fn, opset, x)
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    assert distance(got, wanted) < FURTHEST


def test_distance_tells_distributions_apart() -> None:
    torch.manual_seed(3)
    assert distance(torch.rand(SHAPE), torch.rand(SHAPE) * 1.1) > FURTHEST
    assert distance(torch.randn(SHAPE), torch.randn(SHAPE)) < FURTHEST


@pytest.mark.parametrize("opset", OPSETS)
def test_numbers_below_one_stay_there(opset: int) -> None:
    for dtype in (torch.float16, torch.bfloat16):
        got = drawn(torch.rand_like, opset, torch.zeros(2000, 50, dtype=dtype))
        assert float(got.min()) >= 0
        assert float(got.max()) < 1


@pytest.mark.parametrize("opset", OPSETS)
def test_draws_are_independent(opset: int) -> None:
    pairs = drawn(lambda x: torch.stack([torch.rand_like(x), torch.rand_like(x)]), opset, X)
    assert abs(float(torch.corrcoef(pairs.flatten(1))[0, 1])) < 0.05


@pytest.mark.parametrize("opset", OPSETS)
def test_permutations_and_samples_without_replacement(opset: int) -> None:
    order = drawn(lambda x: torch.randperm(x.shape[0]), opset, X)
    assert order.tolist() != list(range(40))
    assert sorted(order.tolist()) == list(range(40))
    weights = torch.tensor([1.0, 0.0, 2.0, 3.0]).repeat(200, 1)
    chosen = drawn(lambda x: torch.multinomial(x, 3), opset, weights)
    assert chosen.sort().values.tolist() == [[0, 2, 3]] * 200


@pytest.mark.parametrize("opset", OPSETS)
def test_whole_channels_are_dropped(opset: int) -> None:
    got = drawn(lambda x: F.dropout2d(x, 0.5), opset, torch.ones(20, 8, 3, 3))
    kept = got.flatten(2).unique(dim=-1)
    assert kept.shape == (20, 8, 1)
    assert set(kept.flatten().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("opset", OPSETS)
def test_attention_and_recurrent_layers_drop_in_training(opset: int) -> None:
    class Layers(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = torch.nn.GRU(4, 4, 2, dropout=0.5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.rnn(x)[0]
            return F.scaled_dot_product_attention(y, y, y, dropout_p=0.4 * self.training)

    torch.manual_seed(3)
    x = torch.randn(1, 3000, 4)
    model = Layers()
    program = export_model(
        model,
        (x[:, :100],),
        opset_version=opset,
        training="train",
        dynamic_shapes=({1: torch.export.Dim("n")},),
    )
    got = program(x)[0]
    assert got.shape == x.shape
    assert not torch.equal(got, program(x)[0])


@since("2.13", "its torch.export takes no generators before")
def test_generators_give_seeds() -> None:
    generator = torch.Generator().manual_seed(11)

    class Draws(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            noise = torch.rand(2, 3, generator=generator)
            return x + noise + torch.empty(2, 3).normal_(generator=generator) + torch.rand(2, 3)

    for strategy in ("export", "trace"):
        program = export_model(Draws(), (torch.zeros(2, 3),), strategy=strategy)
        seeds = [node.attributes.get_float("seed", None) for node in program.model.graph]
        assert [seed for seed in seeds if seed is not None] == [11.0, 12.0]
