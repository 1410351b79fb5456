"""A model whose inputs and outputs are flat tensors, for exporters that want no other."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from zoo.case import Inputs, flat

Axes = dict[int, str]


@dataclass(frozen=True, slots=True)
class FlatInput:
    """A tensor among the inputs: its name, example and dynamic axes."""

    name: str
    tensor: torch.Tensor
    axes: Axes


class FlatModel(torch.nn.Module):
    """Calls a model with the structure of an example, filled with the tensors it is given."""

    def __init__(self, model: torch.nn.Module, inputs: Inputs) -> None:
        super().__init__()
        self.model = model
        self.structure = inputs

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        args, kwargs = _fill(self.structure, iter(tensors))
        return tuple(flat(self.model(*args, **kwargs)))


def flat_inputs(
    model: torch.nn.Module, inputs: Inputs, dynamic_shapes: Mapping[str, Any]
) -> list[FlatInput]:
    """The tensors of a call in order, with names by argument."""
    args, kwargs = inputs
    names = list(inspect.signature(model.forward).parameters)
    arguments = {**dict(zip(names, args, strict=False)), **kwargs}
    found = []
    for name, value in arguments.items():
        found += _flat_inputs(name, value, dynamic_shapes.get(name))
    return found


def is_flat(inputs: Inputs) -> bool:
    args, kwargs = inputs
    return all(isinstance(v, (torch.Tensor, bool, int)) for v in [*args, *kwargs.values()])


def _flat_inputs(name: str, value: Any, spec: Any) -> Iterator[FlatInput]:
    if isinstance(value, torch.Tensor):
        yield FlatInput(name, value, spec or {})
    elif _is_cache(value):
        keys, values = spec
        for i, layer in enumerate(value.layers):
            yield FlatInput(f"{name}.{i}.key", layer.keys, keys[i])
            yield FlatInput(f"{name}.{i}.value", layer.values, values[i])
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from _flat_inputs(f"{name}.{i}", item, spec[i] if spec else None)


def _fill(value: Any, tensors: Iterator[torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return next(tensors)
    if isinstance(value, Mapping):
        return {key: _fill(item, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_fill(item, tensors) for item in value])
    if _is_cache(value):
        pairs: Sequence[Any] = [(next(tensors), next(tensors)) for _ in value.layers]
        return type(value)(pairs)
    return value


def _is_cache(value: Any) -> bool:
    return hasattr(value, "layers") and not isinstance(value, torch.nn.Module)
