"""Nested Python values ↔ flat tensors, by protocol: nobody has to register a class.

Tensors are the leaves. Everything else (numbers, None, strings, configurations) stays in the
structure, so that ``unflatten`` gives the model the very same call with other tensors.
"""

from __future__ import annotations

import collections
import copy
import dataclasses
import enum
import functools
from collections.abc import Callable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np
import torch

from torch_onnx.errors import InputError

Path = tuple[str, ...]

# Objects that may hold tensors but are never taken apart.
OPAQUE = (
    torch.nn.Module, type, FunctionType, BuiltinFunctionType, MethodType, ModuleType,
    functools.partial, torch.dtype, torch.device, torch.Generator, str, bytes, int, float, complex,
    range, slice, enum.Enum,
)  # fmt: skip
SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)
ONE_SHOT = (GeneratorType, map, zip, filter)

# The names that caches give their tensors, as users know them.
_CACHE_NAMES = {"keys": "key", "values": "value"}
# Tensors within caches that follow from the model's configuration: no state, so no inputs.
_CACHE_CONSTANTS = frozenset({"_sliding_window_tensor"})
# Numbers by which caches count the positions seen.
_CACHE_COUNTERS = ("cumulative_length", "cumulative_length_int", "_seen_tokens")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tensor within a value: the steps that lead to it, and itself."""

    path: Path
    value: Any

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(slots=True)
class Filling:
    """A rebuild under way: the leaves still to place, and the copies made so far, by original."""

    leaves: Iterator[Any]
    made: dict[int, Any] = field(default_factory=dict)


Rebuild = Callable[[Filling], Any]


@dataclass(frozen=True, slots=True)
class Structure:
    """What is left of a value when its leaves are taken out."""

    rebuild: Rebuild
    size: int

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """The value again, with other leaves in it. The original is never touched."""
        if len(leaves) != self.size:
            raise InputError(f"{self.size} tensors are needed, {len(leaves)} were given.")
        return self.rebuild(Filling(iter(leaves)))


def flatten(
    value: Any, path: Path = (), *, numbers_are_leaves: bool = False
) -> tuple[list[Leaf], Structure]:
    """Take the tensors out of a value, in order.

    ``numbers_are_leaves`` is for outputs, where a number may be known at run time only. The
    bookkeeping of a cache (its flags and counters) is no leaf even then.

    Raises:
        InputError: for tensors in a container that can't be put together again.
    """
    walk = _Walk(numbers_are_leaves)
    rebuild = walk.visit(value, path)
    return walk.leaves, Structure(rebuild, len(walk.leaves))


class _Walk:
    def __init__(self, outputs: bool) -> None:
        self.leaves: list[Leaf] = []
        self._outputs = outputs
        self._numbers = outputs
        self._open: set[int] = set()
        # Objects met before. Held, so that no id is given twice.
        self._seen: dict[int, Any] = {}

    def visit(self, value: Any, path: Path) -> Rebuild:
        leaf = self._leaf(value, path)
        if leaf is not None:
            self.leaves.append(Leaf(path, leaf))
            return _next
        if value is None or isinstance(value, OPAQUE + SYMBOLIC):
            return lambda filling: value
        if isinstance(value, ONE_SHOT):
            raise InputError(
                f"{_place(path)} is a {type(value).__name__}, which can be read once only: "
                "use a list or a tuple."
            )
        if id(value) in self._open or id(value) in self._seen:
            return _same_as(value, path)
        self._open.add(id(value))
        try:
            return self._container(value, path)
        finally:
            self._open.discard(id(value))

    def _leaf(self, value: Any, path: Path) -> Any | None:
        if isinstance(value, torch.Tensor):
            return value
        if isinstance(value, SYMBOLIC):
            return value if self._numbers or not self._outputs else None
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            return _tensor(value, path)
        if self._numbers and isinstance(value, (int, float, bool)):
            return value
        return None

    def _container(self, value: Any, path: Path) -> Rebuild:
        if isinstance(value, (dict, MappingProxyType)):
            return self._mapping(value, path)
        if isinstance(value, tuple):
            return self._tuple(value, path)
        if isinstance(value, (list, collections.deque)):
            return self._list(value, path)
        if isinstance(value, (set, frozenset)):
            before = len(self.leaves)
            for item in value:
                self.visit(item, path)
            if len(self.leaves) > before:
                raise InputError(
                    f"{_place(path)} is a {type(value).__name__} that holds tensors, "
                    "which have no order in it: use a list or a tuple."
                )
            return lambda filling: value
        return self._object(value, path)

    def _tuple(self, value: tuple[Any, ...], path: Path) -> Rebuild:
        names = getattr(value, "_fields", None) or [str(i) for i in range(len(value))]
        parts = [self.visit(v, (*path, name)) for name, v in zip(names, value, strict=True)]
        make: Any = getattr(value, "_make", type(value))
        return lambda filling: make([part(filling) for part in parts])

    def _list(self, value: MutableSequence[Any], path: Path) -> Rebuild:
        parts = [self.visit(item, (*path, str(i))) for i, item in enumerate(value)]

        def rebuild(filling: Filling) -> Any:
            new = filling.made[id(value)] = _copy(value, path)
            for i, part in enumerate(parts):
                new[i] = part(filling)
            return new

        return rebuild

    def _mapping(self, value: Mapping[Any, Any], path: Path) -> Rebuild:
        parts = {key: self.visit(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, MappingProxyType):
            return lambda filling: MappingProxyType({k: p(filling) for k, p in parts.items()})

        def rebuild(filling: Filling) -> Any:
            # defaultdict, ModelOutput and the like take more than the items to construct.
            new = filling.made[id(value)] = _copy(value, path)
            for key, part in parts.items():
                new[key] = part(filling)
            return new

        return rebuild

    def _object(self, value: Any, path: Path) -> Rebuild:
        attributes = _attributes(value)
        if not attributes:
            return lambda filling: value
        before = len(self.leaves)
        numbers = self._numbers
        is_cache = _is_cache(value)
        self._numbers = numbers and not is_cache
        try:
            parts = self._parts(value, attributes, path)
        finally:
            self._numbers = numbers
        if not self._outputs or len(self.leaves) == before:
            # An object that is held twice stays one: what the model writes is seen in both places.
            # One without tensors need not be walked again, which is exponential at worst.
            self._seen[id(value)] = value
        counters = {} if self._outputs else _counters(value, attributes, path)
        has_leaves = len(self.leaves) > before

        def rebuild(filling: Filling) -> Any:
            # Copied also without tensors in it: the model may write to it in its run.
            new = _copy(value, path) if has_leaves else _copy_or_same(value)
            filling.made[id(value)] = new
            if new is value:
                return new
            for name, part in parts.items():
                _set(new, name, part(filling))
            for name in counters:
                _set(new, name, _positions_held(new))
            return new

        return rebuild

    def _parts(self, value: Any, attributes: dict[str, Any], path: Path) -> dict[str, Rebuild]:
        parts: dict[str, Rebuild] = {}
        attributes = dict(attributes)
        if _is_legacy_cache(attributes):
            parts |= self._legacy_cache(
                attributes.pop("key_cache"), attributes.pop("value_cache"), path
            )
        for name, item in attributes.items():
            if name in _CACHE_CONSTANTS:
                continue
            if self._outputs and name.startswith("_") and _is_number(item):
                continue
            # ``past.layers.0.keys`` is ``past.0.key``; a mapping's storage goes without a name.
            plain = name == "layers" or (
                isinstance(value, (Mapping, Sequence)) and isinstance(item, (Mapping, Sequence))
            )
            parts[name] = self.visit(item, path if plain else (*path, _CACHE_NAMES.get(name, name)))
        return parts

    def _legacy_cache(
        self, keys: Sequence[Any], values: Sequence[Any], path: Path
    ) -> dict[str, Rebuild]:
        """The two lists of an older cache, its tensors in the order of today's: layer by layer."""
        pairs = [
            (self.visit(k, (*path, str(i), "key")), self.visit(v, (*path, str(i), "value")))
            for i, (k, v) in enumerate(zip(keys, values, strict=True))
        ]
        made: Callable[[Filling], Any] = lambda filling: [  # noqa: E731
            (key(filling), value(filling)) for key, value in pairs
        ]

        def rebuild_keys(filling: Filling) -> list[Any]:
            rows = filling.made[id(values)] = made(filling)
            return [key for key, _ in rows]

        return {
            "key_cache": rebuild_keys,
            "value_cache": lambda filling: [value for _, value in filling.made[id(values)]],
        }


def _next(filling: Filling) -> Any:
    return next(filling.leaves)


def _same_as(value: Any, path: Path) -> Rebuild:
    def rebuild(filling: Filling) -> Any:
        if id(value) not in filling.made:
            raise InputError(f"{_place(path)} leads back to a tuple that holds it.")
        return filling.made[id(value)]

    return rebuild


def _tensor(array: np.ndarray[Any, Any], path: Path) -> torch.Tensor:
    try:
        # A copy, for PyTorch takes neither negative strides nor arrays that can't be written.
        return torch.from_numpy(array.copy())
    except TypeError as error:
        raise InputError(
            f"{_place(path)} is an array of {array.dtype}, which PyTorch does not have."
        ) from error


def _attributes(value: Any) -> dict[str, Any]:
    """What an object holds: its dataclass fields first, then slots, then the rest."""
    names: list[str] = []
    if dataclasses.is_dataclass(value):
        names += [f.name for f in dataclasses.fields(value)]
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                private = name.startswith("__") and not name.endswith("__")
                names.append(f"_{kind.__name__.lstrip('_')}{name}" if private else name)
    names += getattr(value, "__dict__", {})
    return {name: getattr(value, name) for name in dict.fromkeys(names) if hasattr(value, name)}


def _set(owner: Any, name: str, value: Any) -> None:
    # Past frozen dataclasses and setters.
    held = getattr(owner, "__dict__", {})
    if name in held:
        held[name] = value
    else:
        object.__setattr__(owner, name, value)


def _copy(value: Any, path: Path) -> Any:
    try:
        return copy.copy(value)
    except Exception as error:
        raise InputError(
            f"{_place(path)} holds tensors and can't be copied: {type(value).__name__}: {error}"
        ) from error


def _copy_or_same(value: Any) -> Any:
    try:
        return copy.copy(value)
    except Exception:  # any class may refuse, in its own way
        return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, *SYMBOLIC))


def _is_legacy_cache(attributes: Mapping[str, Any]) -> bool:
    keys, values = attributes.get("key_cache"), attributes.get("value_cache")
    return isinstance(keys, list) and isinstance(values, list) and len(keys) == len(values)


def _is_cache(value: Any) -> bool:
    """A cache of keys and values, or a layer of one: known by how it is used."""
    return callable(getattr(value, "update", None)) and (
        hasattr(value, "get_seq_length") or hasattr(value, "layers") or hasattr(value, "key_cache")
    )


def _positions_held(layer: Any) -> Any | None:
    """How many positions a cache's layer (an older cache's first layer) has keys for."""
    keys = getattr(layer, "keys", None)
    if not isinstance(keys, torch.Tensor):
        older = getattr(layer, "key_cache", None)
        keys = older[0] if isinstance(older, list) and older else None
    return keys.shape[-2] if isinstance(keys, torch.Tensor) and keys.dim() >= 2 else None


def _counters(value: Any, attributes: Mapping[str, Any], path: Path) -> list[str]:
    """The numbers of a cache that must follow the length of the tensors given.

    Raises:
        InputError: for a count that the tensors do not tell: it would be fixed to the example's.
    """
    found = []
    for name in _CACHE_COUNTERS:
        count = attributes.get(name)
        if not isinstance(count, int) or count == 0 or not _is_cache(value):
            continue
        held = _positions_held(value)
        if held != count:
            raise InputError(
                f"{_place(path)} has seen {count} positions and holds {held or 0}: the number seen "
                "would be fixed in the model. Give an example cache that is empty, or shorter than "
                "its window."
            )
        found.append(name)
    return found


def _place(path: Path) -> str:
    return ".".join(path) or "The value"
