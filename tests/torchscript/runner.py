"""One row, run: traced or scripted, exported, and compared with PyTorch at every size."""

from __future__ import annotations

import copy
import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

import torch_onnx

OPSETS = (11, 13, 18, 20, 23)
TRACED, SCRIPTED = "trace", "script"
BOTH = (TRACED, SCRIPTED)
TRACE, SCRIPT = (TRACED,), (SCRIPTED,)


@dataclass(frozen=True, slots=True)
class Case:
    """A program, its example, and other arguments that fit what is dynamic.

    ``dynamic`` has the names of dynamic axes by position of the argument, and by axis; ``since``
    is the first opset that can say it, ``release`` the PyTorch that it takes, and why. ``program``
    is a function, a module, or what makes one. ``kwargs`` are arguments of every call.
    """

    name: str
    program: Any
    args: tuple[Any, ...]
    dynamic: Mapping[int, Mapping[int, str]]
    others: Sequence[tuple[Any, ...]]
    strategies: Sequence[str]
    since: int
    training: str
    kwargs: Mapping[str, Any]
    release: tuple[str, str] | None = None


class Cases(list[Case]):
    """The rows of a theme; as a decorator, adds one."""

    def __call__(
        self,
        *args: Any,
        dynamic: Mapping[int, Mapping[int, str]] | None = None,
        others: Sequence[Any] = (),
        strategies: Sequence[str] = BOTH,
        since: int = 11,
        name: str = "",
        training: str = "eval",
        kwargs: Mapping[str, Any] | None = None,
        release: tuple[str, str] | None = None,
    ) -> Callable[[Any], Any]:
        def add(program: Any) -> Any:
            more = [other if isinstance(other, tuple) else (other,) for other in others]
            told = name or program.__name__
            rest = (dynamic or {}, more, strategies, since, training, kwargs or {}, release)
            self.append(Case(told, program, args, *rest))
            return program

        return add

    def texts(self, texts: Mapping[str, str], *args: Any, **options: Any) -> None:
        """Add a function of ``x``, ``y``, ``z``, ``w`` for each text: an expression or a body."""
        for name, text in texts.items():
            self(*args, **options)(function_of(name, text, args))


def function_of(name: str, text: str, args: Sequence[Any]) -> Callable[..., Any]:
    """A function whose source TorchScript's compiler finds, as it finds that of a file."""
    typed = [
        letter if isinstance(arg, torch.Tensor) else f"{letter}: {type(arg).__name__}"
        for letter, arg in zip("xyzw", args, strict=False)
    ]
    body = text if "return" in text else f"return {text}"
    lines = [f"def {name}({', '.join(typed)}):\n", *(f"    {row}\n" for row in body.split("\n"))]
    file = f"<{name}: {text}>"
    linecache.cache[file] = (len(text), None, lines, file)
    made: dict[str, Any] = {"torch": torch, "F": torch.nn.functional, "__name__": __name__}
    exec(compile("".join(lines), file, "exec"), made)
    return made[name]


class Called(torch.nn.Module):
    """A function as a module, of the function's own signature."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.forward = function


def made(program: Any, training: str) -> Any:
    """A module of its own for each run, for some keep state."""
    torch.manual_seed(0)
    if isinstance(program, (type, partial)):
        program = program()
    is_evaluated = isinstance(program, torch.nn.Module) and training == "eval"
    return program.eval() if is_evaluated else program


def check(case: Case, strategy: str, opset: int) -> Any:
    """Export a row and compare its results.

    Raises:
        Exception: where anything fails or differs.
    """
    model = made(case.program, case.training)
    if strategy == SCRIPTED:
        model = torch.jit.script(model)
    elif not isinstance(model, torch.nn.Module):
        model = Called(model)
    options: dict[str, Any] = {"training": case.training, "kwargs": case.kwargs or None}
    if case.dynamic:
        names = [f"in{i}" for i in range(len(tree_leaves(case.args)))]
        axes = {f"in{i}": dict(axes) for i, axes in case.dynamic.items()}
        options |= {"input_names": names, "dynamic_axes": axes}
    if strategy != SCRIPTED:
        options["strategy"] = strategy
    # Copies, for some programs write to what they are given.
    program = torch_onnx.export(model, copy.deepcopy(case.args), opset_version=opset, **options)
    for args in (case.args, *case.others):
        program.verify(*copy.deepcopy(args), **case.kwargs)
    return program
