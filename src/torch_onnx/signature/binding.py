"""The example call, bound to forward's argument names; and a module of flat tensors around it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from torch_onnx.errors import InputError
from torch_onnx.signature.structure import Leaf, Path, Structure, flatten

KINDS = inspect.Parameter


@dataclass(frozen=True, slots=True)
class Bound:
    """A call of the model taken apart: its tensors, and how to make the call again."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    arguments: dict[str, Any]
    leaves: list[Leaf]
    structure: Structure

    @property
    def tensors(self) -> list[torch.Tensor]:
        return [leaf.value for leaf in self.leaves]

    def call(self, model: Callable[..., Any], tensors: Sequence[torch.Tensor]) -> Any:
        """Call the model with other tensors in the places of the example's."""
        args, kwargs = self.structure.unflatten(tensors)
        return model(*args, **kwargs)


def bind(model: Callable[..., Any], args: Any, kwargs: Mapping[str, Any] | None) -> Bound:
    """Bind example arguments to the model's forward.

    ``args`` may be a tuple or list of arguments or a single one. As in torch.onnx, a dict at the
    end of the tuple holds keyword arguments when ``kwargs`` is not given and forward knows its keys.

    Raises:
        InputError: when they do not fit, saying what forward takes.
    """
    forward = model.forward if isinstance(model, torch.nn.Module) else model
    formal = _signature(forward)
    positional, named = _split(args, kwargs, formal)
    arguments = _bind(forward, formal, positional, named)
    leaves: list[Leaf] = []
    parts = []
    for name, value, path in _named_arguments(formal, positional, named):
        found, structure = flatten(value, path)
        leaves += found
        parts.append((name, structure))
    count = len(positional)

    def rebuild(tensors: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        values = [structure.rebuild(tensors) for _, structure in parts]
        return tuple(values[:count]), {
            name: value for (name, _), value in zip(parts[count:], values[count:], strict=True)
        }

    return Bound(positional, named, arguments, leaves, Structure(rebuild, len(leaves)))


def _signature(forward: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(forward)
    except (TypeError, ValueError):
        return None


def _split(
    args: Any, kwargs: Mapping[str, Any] | None, formal: inspect.Signature | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(args, (tuple, list)) and not hasattr(args, "_fields"):
        positional = tuple(args)
    else:
        positional = (args,)
    if kwargs is not None:
        return positional, dict(kwargs)
    if positional and isinstance(positional[-1], dict):
        last = positional[-1]
        if not last:
            return positional[:-1], {}
        names = set() if formal is None else set(formal.parameters)
        takes_any = formal is not None and any(
            p.kind is KINDS.VAR_KEYWORD for p in formal.parameters.values()
        )
        strings = all(isinstance(key, str) for key in last)
        if strings and (takes_any or set(last) <= names) and len(positional) + len(last) > 1:
            return positional[:-1], last
        if strings and set(last) <= names:
            return positional[:-1], last
    return positional, {}


def _bind(
    forward: Callable[..., Any],
    formal: inspect.Signature | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> dict[str, Any]:
    if formal is None:
        return {f"args.{i}": value for i, value in enumerate(args)} | kwargs
    try:
        return dict(formal.bind(*args, **kwargs).arguments)
    except TypeError as error:
        owner = getattr(forward, "__self__", None)
        name = f"{type(owner).__name__}.forward" if owner is not None else forward.__name__
        given = ", ".join([type(a).__name__ for a in args] + [f"{key}=" for key in kwargs])
        raise InputError(
            f"The example arguments do not fit {name}: {error}.\n"
            f"  it takes {formal}\n  it was given ({given})"
        ) from error


def _named_arguments(
    formal: inspect.Signature | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[tuple[str, Any, tuple[str, ...]]]:
    """Each argument with its name and the path that its tensors are named by."""
    rows: list[tuple[str, Any, tuple[str, ...]]] = []
    names = [] if formal is None else list(formal.parameters.values())
    fixed = [
        p.name for p in names if p.kind in (KINDS.POSITIONAL_ONLY, KINDS.POSITIONAL_OR_KEYWORD)
    ]
    rest = next((p.name for p in names if p.kind is KINDS.VAR_POSITIONAL), "args")
    for i, value in enumerate(args):
        path = (fixed[i],) if i < len(fixed) else (rest, str(i - len(fixed)))
        rows.append((path[0], value, path))
    rows += [(name, value, (name,)) for name, value in kwargs.items()]
    return rows


@dataclass(slots=True)
class Outputs:
    """What came out of a run: the path of each tensor or number."""

    paths: list[Path] = field(default_factory=list)


class FlatModule(torch.nn.Module):
    """The model on flat tensors, which is what torch.export sees.

    The model is the submodule ``model``; a plain callable is held beside. After a run, ``outputs``
    tells what came out.
    """

    def __init__(self, model: Callable[..., Any], bound: Bound) -> None:
        super().__init__()
        if isinstance(model, torch.nn.Module):
            self.model: Any = model
        else:
            self.__dict__["model"] = model
        self.training = getattr(model, "training", False)
        self.bound = bound
        # An object of its own: torch.export undoes assignments to a module's attributes.
        self.outputs = Outputs()

    def forward(self, *tensors: torch.Tensor) -> tuple[Any, ...]:
        result = self.bound.call(self.model, tensors)
        leaves, _ = flatten(result, numbers_are_leaves=True)
        self.outputs.paths = [leaf.path for leaf in leaves]
        return tuple(leaf.value for leaf in leaves)
