"""What a model of the zoo is, and how its results are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

Inputs = tuple[tuple[Any, ...], dict[str, Any]]
"""Positional and keyword arguments of one call."""


@dataclass(frozen=True, slots=True)
class Case:
    """A model, an example call of it, and calls with other sizes of the dynamic dimensions.

    Attributes:
        name: also the name of the benchmark's row.
        build: makes the model, in eval mode and seeded, and the example's arguments.
        dynamic_shapes: argument → axis → name; for a cache [every key's, every value's].
        other_inputs: two more calls, the second one larger than the example's.
        tolerance: largest error allowed, in units of the largest value of the output.
    """

    name: str
    build: Callable[[], tuple[torch.nn.Module, tuple[Any, ...], dict[str, Any]]]
    dynamic_shapes: dict[str, Any]
    other_inputs: tuple[Callable[[], Inputs], ...]
    tolerance: float = 1e-5

    def __str__(self) -> str:
        return self.name


def case(
    name: str,
    model: Callable[[], torch.nn.Module],
    inputs: Callable[..., Inputs],
    dynamic_shapes: dict[str, Any],
    sizes: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]],
    tolerance: float = 1e-5,
) -> Case:
    """A case whose calls all come from one function of its sizes; the first is the example."""

    def build() -> tuple[torch.nn.Module, tuple[Any, ...], dict[str, Any]]:
        torch.manual_seed(0)
        built = enliven(model().eval())
        args, kwargs = seeded(sizes[0])()
        calibrate(built, args, kwargs)
        return built, args, kwargs

    def seeded(size: tuple[int, ...]) -> Callable[[], Inputs]:
        def make() -> Inputs:
            torch.manual_seed(sum(size))
            return inputs(*size)

        return make

    others = tuple(seeded(size) for size in sizes[1:])
    return Case(name, build, dynamic_shapes, others, tolerance)


@torch.no_grad()
def enliven(model: torch.nn.Module) -> torch.nn.Module:
    """Give every weight an effect, for a fresh model's would hide errors.

    Its biases are 0, its norms 1, and most matrices so small that attention is an average.
    """
    for parameter in model.parameters():
        if not parameter.is_floating_point() or parameter.numel() == 1:
            continue
        if _is_constant(parameter):
            parameter.add_(torch.randn_like(parameter) * 0.1)
        elif parameter.dim() > 1:
            # To the scale that keeps a random vector's length, where it is far below it.
            wanted = (parameter.shape[0] / parameter.numel()) ** 0.5
            scale = float(parameter.std())
            if scale < wanted / 2:
                parameter.mul_(wanted / scale)
    return model


@torch.no_grad()
def calibrate(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Give batch norms the statistics of the example, as training would.

    With a fresh model's 0 and 1, the signal dies away within deep networks, and only biases are
    left of it. Models that take one image at a time are left as they are.
    """
    batch = max((tensor.shape[0] for tensor in flat((args, kwargs)) if tensor.dim()), default=0)
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    if batch < 2 or not norms or (args and isinstance(args[0], list)):
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    model(*args, **kwargs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval()
        norm.momentum = momentum


def _is_constant(tensor: torch.Tensor) -> bool:
    return bool(tensor.min() == tensor.max())


def flat(value: Any) -> list[torch.Tensor]:
    """All tensors of a nested input or output, in order; a cache goes key, value, key, value."""
    return list(_tensors(value))


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (bool, int, float)):
        yield torch.tensor(value)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif hasattr(value, "layers"):
        for layer in value.layers:
            yield from (layer.keys, layer.values)
    elif value is not None:
        raise TypeError(f"no tensors known in {type(value).__name__}")


@torch.no_grad()
def eager(model: torch.nn.Module, inputs: Inputs) -> list[torch.Tensor]:
    """PyTorch's outputs, flat. A cache among the inputs is written to: use it once."""
    args, kwargs = inputs
    return flat(model(*args, **kwargs))


@dataclass(frozen=True, slots=True)
class Difference:
    """How far an output is from PyTorch's."""

    absolute: float
    relative: float
    """To the largest finite value of PyTorch's output."""


def difference(actual: torch.Tensor, expected: torch.Tensor) -> Difference:
    """Compare two outputs. Infinities and NaN must agree.

    Raises:
        ValueError: when dtype or shape differ.
    """
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        got, want = ((t.dtype, list(t.shape)) for t in (actual, expected))
        raise ValueError(f"{got} instead of {want}")
    if not expected.numel():
        return Difference(0.0, 0.0)
    if not expected.is_floating_point():
        differs = float((actual != expected).any())
        return Difference(differs, differs)
    x, y = actual.double(), expected.double()
    finite = y.isfinite()
    same = torch.equal(x[~finite].nan_to_num(), y[~finite].nan_to_num())
    if not same or not torch.equal(finite, x.isfinite()):
        return Difference(float("inf"), float("inf"))
    if not finite.any():
        return Difference(0.0, 0.0)
    absolute = float((x[finite] - y[finite]).abs().max())
    scale = float(y[finite].abs().max())
    return Difference(absolute, absolute / scale if scale else absolute)
