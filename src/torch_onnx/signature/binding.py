"""The example call, bound to forward's argument names; and a module of flat tensors around it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from types import FunctionType, MethodType
from typing import Any

import torch

from torch_onnx import compat, marks
from torch_onnx.errors import InputError
from torch_onnx.signature.structure import Filling, Leaf, Path, Structure, flatten

KINDS = inspect.Parameter


@dataclass(frozen=True, slots=True)
class Bound:
    """A call of the model taken apart: its tensors, and how to make the call again.

    ``arguments`` are the values by forward's parameters; ``entries`` those passed, one by one,
    with the path that names their tensors.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    arguments: dict[str, Any]
    leaves: list[Leaf]
    structure: Structure
    entries: list[tuple[str, Any, Path]] = field(default_factory=list)
    parameters: tuple[str, ...] = ()

    @property
    def tensors(self) -> list[torch.Tensor]:
        """The tensors, each an object of its own: torch.export takes one given twice for one."""
        seen: set[int] = set()
        found = []
        for leaf in self.leaves:
            twice = id(leaf.value) in seen
            seen.add(id(leaf.value))
            found.append(leaf.value.detach().clone() if twice else leaf.value)
        return found

    def call(self, model: Callable[..., Any], tensors: Sequence[torch.Tensor]) -> Any:
        """Call the model with other tensors in the places of the example's."""
        args, kwargs = self.structure.unflatten(tensors)
        return model(*args, **kwargs)


def bind(model: Callable[..., Any], args: Any, kwargs: Mapping[str, Any] | None) -> Bound:
    """Bind example arguments to the model's forward.

    ``args`` may be a tuple or list of arguments or a single one. As in torch.onnx, a dict at the
    end of the tuple holds keyword arguments when ``kwargs`` is not given and forward takes them;
    an empty dict after it makes it an argument like others.

    Raises:
        InputError: when they do not fit, saying what forward takes.
    """
    forward = model.forward if isinstance(model, torch.nn.Module) else model
    formal = _signature(forward)
    positional, named = _split(args, kwargs, formal)
    arguments = _bind(forward, formal, positional, named)
    leaves: list[Leaf] = []
    parts = []
    entries = _entries(formal, positional, named)
    for name, value, path in entries:
        found, structure = flatten(value, path)
        leaves += found
        parts.append((name, structure))
    count = len(positional)

    def rebuild(filling: Filling) -> tuple[tuple[Any, ...], dict[str, Any]]:
        values = [structure.rebuild(filling) for _, structure in parts]
        return tuple(values[:count]), {
            name: value for (name, _), value in zip(parts[count:], values[count:], strict=True)
        }

    structure = Structure(rebuild, len(leaves))
    parameters = () if formal is None else tuple(formal.parameters)
    return Bound(positional, named, arguments, leaves, structure, entries, parameters)


def _signature(forward: Callable[..., Any]) -> inspect.Signature | None:
    if isinstance(forward, functools.partial) and isinstance(forward.func, torch.nn.Module):
        forward = functools.partial(forward.func.forward, *forward.args, **forward.keywords)
    if isinstance(forward, (torch.jit.ScriptFunction, torch.ScriptMethod)):
        first = 1 if isinstance(forward, torch.ScriptMethod) else 0  # self, whatever its name
        schema: Any = forward.schema
        return _signature_of_schema(schema.arguments[first:])
    try:
        return inspect.signature(forward)
    except (TypeError, ValueError):
        return None


def _signature_of_schema(arguments: Sequence[Any]) -> inspect.Signature:
    """A TorchScript function's signature: Python sees none."""
    parameters = []
    for argument in arguments:
        default = argument.default_value if argument.has_default_value() else KINDS.empty
        kind = KINDS.KEYWORD_ONLY if argument.kwarg_only else KINDS.POSITIONAL_OR_KEYWORD
        parameters.append(inspect.Parameter(argument.name, kind, default=default))
    return inspect.Signature(parameters)


def _split(
    args: Any, kwargs: Mapping[str, Any] | None, formal: inspect.Signature | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(args, (tuple, list)) and not hasattr(args, "_fields"):
        positional = tuple(args)
    else:
        positional = (args,)
    if kwargs is not None:
        if not isinstance(kwargs, Mapping):
            raise InputError(f"kwargs is a dict by argument, not {type(kwargs).__name__}.")
        return positional, dict(kwargs)
    last = positional[-1] if positional else None
    if not isinstance(last, dict) or is_dataclass(last):  # ModelOutput is both
        return positional, {}
    before = positional[:-1]
    if not last:
        return before, {}
    if formal is None or not all(isinstance(key, str) for key in last):
        return positional, {}
    # Where the call fits neither way, a dict of known names was meant as keywords.
    if _fits(formal, before, last):
        return before, dict(last)
    if not _fits(formal, positional, {}) and set(last) & set(formal.parameters):
        return before, dict(last)
    return positional, {}


def _fits(formal: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    try:
        formal.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


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
        name = getattr(forward, "__name__", type(forward).__name__)
        if owner is not None:
            name = f"{type(owner).__name__}.{name}"
        given = ", ".join([type(a).__name__ for a in args] + [f"{key}=" for key in kwargs])
        raise InputError(
            f"The example arguments do not fit {name}: {error}.\n"
            f"  it takes {formal}\n  it was given ({given})"
        ) from error


def _entries(
    formal: inspect.Signature | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[tuple[str, Any, Path]]:
    """Each argument with its name and the path that its tensors are named by."""
    rows: list[tuple[str, Any, Path]] = []
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


def modules_of(model: Callable[..., Any]) -> dict[str, torch.nn.Module]:
    """The modules that a callable uses, by the name it has for them.

    Those of a method, a ``functools.partial``, a closure, an object's attributes and the globals
    that a function names. A module within another of them is left out.
    """
    found: dict[str, torch.nn.Module] = {}
    _find_modules("model", model, found, set())
    if len(found) < 2:
        return found
    inner = {id(sub) for m in found.values() for sub in m.modules() if sub is not m}
    return {name: m for name, m in found.items() if id(m) not in inner}


def _find_modules(name: str, value: Any, found: dict[str, torch.nn.Module], seen: set[int]) -> None:
    if isinstance(value, torch.nn.Module):
        if all(value is not other for other in found.values()):
            while name in found or hasattr(torch.nn.Module, name):
                name += "_"
            found[name] = value
        return
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, MethodType):
        _find_modules(name, value.__self__, found, seen)
        _find_modules(name, value.__func__, found, seen)
    elif isinstance(value, functools.partial):
        _find_modules(name, value.func, found, seen)
        for part in value.args:
            _find_modules(name, part, found, seen)
        for key, part in value.keywords.items():
            _find_modules(key, part, found, seen)
    elif isinstance(value, FunctionType):
        used = inspect.getclosurevars(value)
        for key, part in {**used.nonlocals, **used.globals}.items():
            if isinstance(part, (torch.nn.Module, MethodType, FunctionType, functools.partial)):
                _find_modules(key, part, found, seen)
    elif callable(value) and not isinstance(value, type):
        for key, part in getattr(value, "__dict__", {}).items():
            if isinstance(part, torch.nn.Module):
                _find_modules(key, part, found, seen)


@dataclass(slots=True)
class Outputs:
    """What came out of a run: the path of each tensor or number."""

    paths: list[Path] = field(default_factory=list)


class FlatModule(torch.nn.Module):
    """The model on flat tensors, which is what torch.export sees.

    The model is the submodule ``model``. A plain callable is held beside, and the modules that it
    uses are registered in its place, so that their weights keep their names. After a run,
    ``outputs`` tells what came out.
    """

    def __init__(self, model: Callable[..., Any], bound: Bound) -> None:
        super().__init__()
        modules = modules_of(model)
        if len(modules) == 1:
            self.model: torch.nn.Module = next(iter(modules.values()))
        elif modules:
            self.model = torch.nn.Module()
            for name, module in modules.items():
                self.model.add_module(name, module)
        # In a tuple, which registers nothing.
        self.callable = (model,)
        self.training = getattr(model, "training", False)
        self.bound = bound
        # An object of its own: torch.export undoes assignments to a module's attributes.
        self.outputs = Outputs()

    def forward(self, *tensors: torch.Tensor) -> tuple[Any, ...]:
        with marks.collecting_outputs() as extra:
            result = self.bound.call(self.callable[0], tensors)
        leaves, _ = flatten(result, numbers_are_leaves=True)
        self.outputs.paths = [*(leaf.path for leaf in leaves), *((name,) for name in extra)]
        values = [*(leaf.value for leaf in leaves), *extra.values()]
        if compat.is_tracing():
            # The tracer takes no numbers.
            values = [v if isinstance(v, torch.Tensor) else torch.as_tensor(v) for v in values]
        return tuple(values)
