"""Nested Python values ↔ flat tensors, by protocol: nobody has to register a class.

Tensors are the leaves. Everything else (numbers, None, strings, configurations) stays in the
structure, so that ``unflatten`` gives the model the very same call with other tensors.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch

Rebuild = Callable[[Iterator[Any]], Any]
Path = tuple[str, ...]

# Objects that may hold tensors but are never taken apart.
OPAQUE = (
    torch.nn.Module, type, FunctionType, MethodType, ModuleType, torch.dtype, torch.device,
    torch.Generator, str, bytes, int, float, complex, range, slice,
)  # fmt: skip
SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)
DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tensor within a value: the steps that lead to it, and itself."""

    path: Path
    value: Any

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Structure:
    """What is left of a value when its leaves are taken out."""

    rebuild: Rebuild
    size: int

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """The value again, with other leaves in it. The original is never touched."""
        if len(leaves) != self.size:
            raise ValueError(f"{self.size} leaves are needed, {len(leaves)} were given")
        return self.rebuild(iter(leaves))


def flatten(
    value: Any, path: Path = (), *, numbers_are_leaves: bool = False
) -> tuple[list[Leaf], Structure]:
    """Take the tensors out of a value, in order.

    ``numbers_are_leaves`` is for outputs, where a number may be known at run time only.
    """
    walk = _Walk(numbers_are_leaves)
    rebuild = walk.visit(value, path)
    return walk.leaves, Structure(rebuild, len(walk.leaves))


class _Walk:
    def __init__(self, numbers_are_leaves: bool) -> None:
        self.leaves: list[Leaf] = []
        self._numbers = numbers_are_leaves
        self._open: set[int] = set()

    def visit(self, value: Any, path: Path) -> Rebuild:
        if isinstance(value, (torch.Tensor, *SYMBOLIC)):
            self.leaves.append(Leaf(path, value))
            return next
        if isinstance(value, np.ndarray):
            self.leaves.append(Leaf(path, torch.from_numpy(value)))
            return next
        if self._numbers and isinstance(value, (int, float, bool)):
            self.leaves.append(Leaf(path, value))
            return next
        if (
            value is None
            or isinstance(value, OPAQUE)
            or len(path) > DEEPEST
            or id(value) in self._open
        ):
            return lambda leaves: value
        self._open.add(id(value))
        try:
            return self._container(value, path)
        finally:
            self._open.discard(id(value))

    def _container(self, value: Any, path: Path) -> Rebuild:
        if isinstance(value, Mapping):
            return self._mapping(value, path)
        if isinstance(value, (list, tuple)):
            names = getattr(value, "_fields", None) or [str(i) for i in range(len(value))]
            parts = [self.visit(v, (*path, name)) for name, v in zip(names, value, strict=True)]
            kind = type(value)
            if hasattr(value, "_fields"):
                return lambda leaves: kind(*[part(leaves) for part in parts])
            return lambda leaves: kind([part(leaves) for part in parts])
        return self._object(value, path)

    def _mapping(self, value: Mapping[Any, Any], path: Path) -> Rebuild:
        parts = {key: self.visit(item, (*path, str(key))) for key, item in value.items()}
        kind: Any = type(value)
        if dataclasses.is_dataclass(kind):  # transformers' ModelOutput is both
            return lambda leaves: kind(**{key: part(leaves) for key, part in parts.items()})
        if kind is dict:
            return lambda leaves: {key: part(leaves) for key, part in parts.items()}

        def rebuild(leaves: Iterator[Any]) -> Any:
            # defaultdict and the like take more than the items to construct.
            new = copy.copy(value)
            for key, part in parts.items():
                new[key] = part(leaves)  # type: ignore[index]
            return new

        return rebuild

    def _object(self, value: Any, path: Path) -> Rebuild:
        attributes = _attributes(value)
        if attributes is None:
            return lambda leaves: value
        before = len(self.leaves)
        parts = {
            name: self.visit(item, path if name == "layers" else (*path, _readable(name)))
            for name, item in attributes.items()
        }
        # The model may write to a cache that is still empty: each run gets its own.
        if len(self.leaves) == before:
            if hasattr(value, "layers") and hasattr(value, "update"):
                return lambda leaves: copy.deepcopy(value)
            return lambda leaves: value

        def rebuild(leaves: Iterator[Any]) -> Any:
            new = copy.copy(value)
            for name, part in parts.items():
                object.__setattr__(new, name, part(leaves))
            return new

        return rebuild


def _attributes(value: Any) -> dict[str, Any] | None:
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    attributes = getattr(value, "__dict__", None)
    if attributes is None:
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        attributes = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return attributes or None


# The names that caches give their tensors, as users know them.
_CACHE_NAMES = {"keys": "key", "values": "value", "key_cache": "key", "value_cache": "value"}


def _readable(name: str) -> str:
    return _CACHE_NAMES.get(name, name)
