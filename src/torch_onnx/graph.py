"""AtenGraph: the project's one neutral form of a torch program.

Both front ends produce it, everything behind them reads only it. Nothing of FX or TorchScript
is visible here, save for the opaque ``fake`` of a value, which only ``capture/`` looks into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch


@dataclass(frozen=True, slots=True)
class Dim:
    """A size known only at run time, named by its canonical expression (``batch``, ``2*seq + 1``).

    Two dims of equal expression are equal in every run of the program.
    """

    expression: str

    def __str__(self) -> str:
        return self.expression


Size: TypeAlias = int | Dim


@dataclass(frozen=True, slots=True)
class Frame:
    """One line of the user's Python: ``path`` is given from its import root, never absolute."""

    path: str
    line: int
    function: str
    code: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a call comes from: the module's path in the model and the user's line.

    ``scope`` is the path with a slash at each module that was called (``/layers.3/attn``);
    ``annotations`` are properties that the model gives to its nodes.
    """

    module: str = ""
    scope: str = ""
    module_class: str = ""
    frame: Frame | None = None
    annotations: tuple[tuple[str, str], ...] = ()


NO_SOURCE = Source()


@dataclass(slots=True, eq=False)
class Value:
    """What a call takes or makes: a tensor, a list of tensors whose length is known only at run
    time, a tensor that may be None, or a number known only at run time.

    ``kind`` is ``"tensor"``, ``"list"``, ``"optional"``, ``"int"``, ``"float"`` or ``"bool"``. For
    a list, ``dtype`` and ``shape`` are its elements'. For a number, ``dtype`` is int64, float64 or
    bool, ``shape`` is ``()``, ``expression`` its canonical form if it has one.
    ``fake`` is the front end's stand-in (a fake tensor or symbolic number) for decompositions.
    """

    name: str
    dtype: torch.dtype | None
    shape: tuple[Size, ...] | None
    kind: str = "tensor"
    expression: Dim | None = None
    fake: Any = None

    def __repr__(self) -> str:
        return f"%{self.name}"


@dataclass(frozen=True, slots=True)
class SchemaArgument:
    """An argument as the operator's schema declares it."""

    name: str
    type: str
    has_default: bool
    default: Any
    keyword_only: bool
    alias: str | None
    written: bool


@dataclass(frozen=True, slots=True)
class Operator:
    """A torch operator: its full overload name (``aten::add.Tensor``) and its schema."""

    name: str
    arguments: tuple[SchemaArgument, ...]
    returns: tuple[SchemaArgument, ...]
    target: Any = field(default=None, compare=False, repr=False)
    deterministic: bool = True

    @property
    def namespace(self) -> str:
        return self.name.partition("::")[0]

    @property
    def is_mutating(self) -> bool:
        return any(a.written for a in self.arguments)

    @property
    def is_view(self) -> bool:
        return not self.is_mutating and any(r.alias for r in self.returns)


Argument: TypeAlias = Any
"""A Value, a Python constant (number, string, dtype, None …) or a list of these."""

Output: TypeAlias = Value | list[Value] | None


@dataclass(slots=True, eq=False)
class Call:
    """One operator applied: ``args`` are bound to the schema's names, defaults filled in.

    ``outputs`` has one entry for each return of the schema; a ``Tensor[]`` return is a list.
    ``blocks`` hold the bodies of control-flow operators.
    """

    op: Operator
    args: dict[str, Argument]
    outputs: list[Output]
    source: Source = NO_SOURCE
    blocks: list[Block] = field(default_factory=list)

    def values_in(self) -> Iterator[Value]:
        for argument in self.args.values():
            yield from values_of(argument)

    def values_out(self) -> Iterator[Value]:
        for output in self.outputs:
            yield from values_of(output)


@dataclass(slots=True, eq=False)
class Block:
    """A body: its inputs, calls in order, and what it returns."""

    inputs: list[Value]
    calls: list[Call]
    outputs: list[Argument]


@dataclass(slots=True, eq=False)
class Parameter:
    """A tensor that the program owns: a parameter, a buffer or a constant."""

    value: Value
    name: str
    tensor: torch.Tensor
    kind: str
    """``parameter``, ``buffer`` or ``constant``."""


@dataclass(slots=True, eq=False)
class AtenGraph:
    """A whole program: inputs and outputs are flat, in the order of the exported signature."""

    inputs: list[Value]
    parameters: list[Parameter]
    calls: list[Call]
    outputs: list[Argument]
    input_names: list[str] = field(default_factory=list)
    output_names: list[str] = field(default_factory=list)
    buffer_writes: dict[str, Value] = field(default_factory=dict)
    """Final values of buffers that the program writes, by their state_dict key."""
    input_writes: dict[int, Value] = field(default_factory=dict)
    """Final values of inputs that the program writes, by their position."""
    decompose: Callable[[Call], Decomposition | None] | None = None
    """The front end's way to split one call into simpler ones, or None when it has none."""
    relations: dict[str, str] = field(default_factory=dict)
    """Dims of inputs that have to be an expression of others."""
    notes: list[str] = field(default_factory=list)
    """What the user should be told, each to be read after "The exported model"."""
    steps: dict[Value, float] = field(default_factory=dict)
    """How far values that were rounded to steps lie apart: by how much runtimes may differ."""


@dataclass(slots=True, eq=False)
class Decomposition:
    """One call written with simpler ones, and what takes the place of each of its outputs."""

    calls: list[Call]
    outputs: list[Argument]
    parameters: list[Parameter] = field(default_factory=list)


def values_of(argument: Argument) -> Iterator[Value]:
    """The values within an argument, in order."""
    if isinstance(argument, Value):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for item in argument:
            yield from values_of(item)


def substitute(argument: Argument, new: dict[Value, Argument]) -> Argument:
    """``argument`` with each value replaced where ``new`` has something for it."""
    if isinstance(argument, Value):
        return new.get(argument, argument)
    if isinstance(argument, (list, tuple)):
        return [substitute(item, new) for item in argument]
    return argument
