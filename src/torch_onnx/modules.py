"""Modules that are translated as a whole: ``@torch_onnx.module(MyAttention)``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from torch_onnx import marks, signature
from torch_onnx.ops.table import F

# By class; what ``module`` registered.
_TRANSLATIONS: dict[type[torch.nn.Module], Callable[..., Any]] = {}


def module(*classes: type[torch.nn.Module]) -> Callable[[F], F]:
    """Translate modules of these classes with the decorated function, in every export from now on.

    The function is called ``function(g, module, *args, **kwargs)``: the builder, the module, and
    the arguments of its forward with tensors as ONNX values. Weights of ``module`` are ONNX values
    as well (``module.weight``, ``module.inner.bias``); its other attributes are as they are. It
    gives what forward gives, tensors alone. The forward still tells the results' types.

    ``remove_module`` undoes it.
    """

    def register(function: F) -> F:
        for cls in classes:
            _TRANSLATIONS[cls] = function
        return function

    return register


def remove_module(cls: type[torch.nn.Module]) -> None:
    """Undo ``module`` for a class.

    Raises:
        KeyError: when nothing was registered for it.
    """
    if cls not in _TRANSLATIONS:
        raise KeyError(f"no translation of the module {cls.__name__} is registered")
    del _TRANSLATIONS[cls]


class ModuleView:
    """A module whose weights are ONNX values."""

    def __init__(self, module: torch.nn.Module, weights: dict[str, Any], path: str = "") -> None:
        self._module, self._weights, self._path = module, weights, path

    def __getattr__(self, name: str) -> Any:
        path = f"{self._path}{name}"
        if path in self._weights:
            return self._weights[path]
        value = getattr(self._module, name)
        if isinstance(value, torch.nn.Module):
            return ModuleView(value, self._weights, f"{path}.")
        return value

    def __getitem__(self, index: int | str) -> Any:
        """A member of a ModuleList, Sequential or ModuleDict."""
        members = dict(self._module.named_children())
        name = list(members)[index] if isinstance(index, int) else index
        return ModuleView(members[name], self._weights, f"{self._path}{name}.")


@contextmanager
def kept_whole(model: Any) -> Iterator[None]:
    """Within, modules with a translation are one call each."""
    if not _TRANSLATIONS or not callable(model):
        yield
        return
    roots = signature.modules_of(model).values()
    chosen = {m: _translation(m) for root in roots for m in root.modules()}
    changed = []
    try:
        for instance, function in chosen.items():
            if function is not None and not isinstance(instance, torch.jit.ScriptModule):
                own = vars(instance).get("forward")
                instance.forward = functools.partial(_forward, instance, instance.forward, function)
                changed.append((instance, own))
        yield
    finally:
        for instance, own in changed:
            if own is None:
                del instance.forward
            else:
                instance.forward = own


def _translation(instance: torch.nn.Module) -> Callable[..., Any] | None:
    return next((_TRANSLATIONS[c] for c in type(instance).__mro__ if c in _TRANSLATIONS), None)


def _forward(
    instance: torch.nn.Module, forward: Any, function: Any, *args: Any, **kwargs: Any
) -> Any:
    weights = dict(instance.named_parameters()) | dict(instance.named_buffers())

    def run(weights: Any, args: Any, kwargs: Any) -> Any:
        return forward(*args, **kwargs)

    def translate(g: Any, arguments: list[Any], results: list[Any]) -> Any:
        values, given, named = arguments
        view = ModuleView(instance, dict(zip(weights, values, strict=True)))
        return function(g, view, *given, **named)

    given = [list(weights.values()), args, kwargs]
    return marks.keep(type(instance).__name__, run, given, translate)
