"""What an export changes for its duration, and gives back: training mode, garbage collection."""

from __future__ import annotations

import copy
import functools
import gc
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from torch_onnx.signature import modules_of


@contextmanager
def mode(model: Any, wanted: str) -> Iterator[None]:
    """Within, the modules are in ``eval`` or ``train`` mode, or as they are (``preserve``).

    Those that a callable uses are found too. Each module gets its own mode back, also when some
    were frozen.
    """
    if wanted == "preserve" or isinstance(model, torch.export.ExportedProgram):
        yield
        return
    training = wanted == "train"
    roots = modules_of(model).values() if callable(model) else ()
    changed = [m for root in roots for m in root.modules() if m.training != training]
    try:
        for module in changed:
            module.training = training
        yield
    finally:
        for module in changed:
            module.training = not training


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Leave the collector off: a capture makes millions of live objects, and every full collection
    walks them all, which costs a large model a sixth of its time and makes it grow with the square
    of the number of layers.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def as_it_was(model: Any) -> Iterator[Any]:
    """The model to run, which afterwards is as it was before.

    That is a copy where the model is a TorchScript program that sets attributes.
    """
    if isinstance(model, torch.jit.ScriptModule) and _sets_attributes(model):
        yield copy.deepcopy(model)
        return
    roots = modules_of(model).values() if callable(model) else ()
    modules = [module for root in roots for module in root.modules()]
    with attributes_as_they_were(modules), buffers_as_they_were(modules):
        yield model


def _sets_attributes(script: Any) -> bool:
    return bool(script.inlined_graph.findAllNodes("prim::SetAttr", True))


@contextmanager
def attributes_as_they_were(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """Undo what forward assigns to modules: stand-ins must not stay in them."""
    before = [(module, _contents(module)) for module in modules]
    try:
        yield
    finally:
        for module, (attributes, containers) in before:
            now = module.__dict__
            if now.keys() != attributes.keys():
                for name in [n for n in now if n not in attributes]:
                    del now[name]
            now.update(attributes)
            for container, items in containers:
                _refill(container, items)


@contextmanager
def buffers_as_they_were(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """Undo what forward writes to buffers, statistics and counters for instance."""
    buffers = dict.fromkeys(b for module in modules for b in module.buffers(False))
    before = [(b, b._version, b.clone()) for b in buffers if not (b.is_inference() or is_lazy(b))]
    try:
        yield
    finally:
        for buffer, version, values in before:
            if buffer._version != version:
                buffer.data.copy_(values)


@contextmanager
def caches_as_they_were(model: Any) -> Iterator[None]:
    """Empty the caches of ``functools`` that grew: stand-ins must not stay in them either.

    Looked for among the globals of modules that are neither Python's own nor of the packages that
    no model is written in, and among the methods of the model's classes.
    """
    before = [(cache, cache.cache_info().currsize) for cache in _caches(model)]
    try:
        yield
    finally:
        for cache, size in before:
            if cache.cache_info().currsize > size:
                cache.cache_clear()


CACHED: type = type(functools.lru_cache(abs))
WITHOUT_MODELS = sys.stdlib_module_names | set(
    "torch torch_onnx numpy sympy mpmath onnx onnx_ir onnxruntime onnxscript ml_dtypes pytest "
    "_pytest pluggy google packaging networkx jinja2 setuptools pip pygments rich typer".split()
)


def _caches(model: Any) -> list[Any]:
    roots = modules_of(model).values() if callable(model) else ()
    kinds = {kind for root in roots for m in root.modules() for kind in type(m).__mro__}
    spaces: list[Mapping[str, Any]] = [vars(kind) for kind in kinds]
    # A copy, for a look at a module may import others.
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] not in WITHOUT_MODELS:
            spaces.append(getattr(module, "__dict__", {}))
    found = {id(v): v for space in spaces for v in list(space.values()) if isinstance(v, CACHED)}
    return list(found.values())


def _contents(module: torch.nn.Module) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """A module's attributes, and copies of the containers among them (hooks and buffers too)."""
    attributes = dict(module.__dict__)
    containers = [(v, v.copy()) for v in attributes.values() if isinstance(v, (dict, list, set))]
    return attributes, containers


def _refill(container: Any, items: Any) -> None:
    same = len(container) == len(items)
    if isinstance(container, dict):
        if not same or any(container.get(k) is not v for k, v in items.items()):
            container.clear()
            container.update(items)
    elif isinstance(container, list):
        container[:] = items
    elif not same:
        container.clear()
        container.update(items)
