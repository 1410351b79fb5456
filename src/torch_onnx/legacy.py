"""torch.onnx's older way to extend it: ``symbolic`` functions on a graph of typed values.

``symbolic(g, x, alpha)`` of an ``autograd.Function`` and functions that are registered with
``register_custom_op_symbolic`` get a ``LegacyGraph`` and ``LegacyValue`` s: the part of
TorchScript's interface that such functions use, on top of this project's builder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import onnx.defs
import torch

from torch_onnx import compat
from torch_onnx.builder.values import OnnxValue
from torch_onnx.errors import ExportError, NotExpressible
from torch_onnx.graph import Dim
from torch_onnx.ops.table import LOWEST_OPSET, OpTable

if TYPE_CHECKING:
    from torch_onnx.builder.emit import Builder

# The letters after an attribute's name that tell its type: alpha_f, axes_i, mode_s, value_t.
SUFFIX = re.compile(r"^(.+)_([fistgz])$")
NAME = re.compile(r"^(?:[A-Za-z0-9_-]+)?::[A-Za-z_-][A-Za-z0-9_-]*$")

SCALAR_TYPES = {
    torch.uint8: "Byte",
    torch.int8: "Char",
    torch.int16: "Short",
    torch.int32: "Int",
    torch.int64: "Long",
    torch.float16: "Half",
    torch.float32: "Float",
    torch.float64: "Double",
    torch.complex32: "ComplexHalf",
    torch.complex64: "ComplexFloat",
    torch.complex128: "ComplexDouble",
    torch.bool: "Bool",
    torch.bfloat16: "BFloat16",
}


class LegacyType:
    """A value's type. A size that is known at run time only is None."""

    __slots__ = ("_dtype", "_sizes")

    def __init__(self, dtype: torch.dtype | None, sizes: Sequence[int | None] | None) -> None:
        self._dtype = dtype
        self._sizes = None if sizes is None else list(sizes)

    def sizes(self) -> list[int | None] | None:
        return None if self._sizes is None else list(self._sizes)

    varyingSizes = sizes  # noqa: N815 - TorchScript's name

    def dim(self) -> int | None:
        return None if self._sizes is None else len(self._sizes)

    def scalarType(self) -> str | None:
        return None if self._dtype is None else SCALAR_TYPES.get(self._dtype)

    def dtype(self) -> torch.dtype | None:
        return self._dtype

    def kind(self) -> str:
        return "TensorType"

    def isSubtypeOf(self, other: Any) -> bool:
        """Of another such type, or of one of TorchScript's, which are told by their texts."""
        return isinstance(other, LegacyType) or str(other) == "Tensor"

    def with_sizes(self, sizes: Sequence[int | None] | None) -> LegacyType:
        return LegacyType(self._dtype, sizes)

    def with_dtype(self, dtype: torch.dtype) -> LegacyType:
        return LegacyType(dtype, self._sizes)

    def undefined(self) -> bool:
        return self._dtype is None


class LegacyNode:
    """What made a value: a constant, a list, or a node of the graph."""

    __slots__ = ("_value",)

    def __init__(self, value: LegacyValue) -> None:
        self._value = value

    def kind(self) -> str:
        if self._value.members is not None:
            return "prim::ListConstruct"
        if self._value.is_constant:
            made_here = self._value.onnx is not None
            return "onnx::Constant" if made_here else "prim::Constant"
        made = self._value.onnx.made_by if self._value.onnx is not None else None
        return "onnx::" + made.operator if made is not None else "prim::Param"

    def mustBeNone(self) -> bool:
        return self._value.is_none

    def inputs(self) -> Iterator[LegacyValue]:
        return iter(self._value.members or ())

    def output(self) -> LegacyValue:
        return self._value

    def t(self, name: str) -> torch.Tensor:
        found = self._value.toIValue()
        return found if isinstance(found, torch.Tensor) else torch.tensor(found)

    __getitem__ = t

    def scopeName(self) -> str:
        return ""


class LegacyValue:
    """A value as symbolic functions know it.

    It is a tensor in the ONNX graph (``onnx``), a Python constant (``constant``: a number, a
    string, None or a list of these), or a list of values (``members``).
    """

    __slots__ = ("_type", "constant", "g", "members", "onnx")

    def __init__(
        self,
        g: Builder,
        onnx: OnnxValue | None = None,
        constant: Any = None,
        members: list[LegacyValue] | None = None,
    ) -> None:
        self.g = g
        self.onnx = onnx
        self.constant = constant
        self.members = members
        self._type: LegacyType | None = None

    @property
    def is_none(self) -> bool:
        return self.onnx is None and self.members is None and self.constant is None

    @property
    def is_constant(self) -> bool:
        """Whether its content is known now."""
        if self.onnx is not None:
            return self.onnx.constant is not None
        return self.members is None

    def toIValue(self) -> Any:
        """The content where it is known, else None."""
        return self.onnx.constant if self.onnx is not None else self.constant

    def type(self) -> LegacyType:
        if self._type is not None:
            return self._type
        if self.onnx is None:
            kinds = {bool: torch.bool, int: torch.int64, float: torch.float64}
            return LegacyType(kinds.get(type(self.constant)), [])
        shape = self.onnx.shape
        sizes = None if shape is None else [n if isinstance(n, int) else None for n in shape]
        return LegacyType(self.onnx.dtype, sizes)

    def setType(self, type: LegacyType) -> LegacyValue:
        """Say what PyTorch could not know. Sizes given as None stay as they are."""
        self._type = type
        dtype, sizes = type.dtype(), type.sizes()
        if self.onnx is not None and self.onnx.constant is None:
            self.onnx.dtype = dtype or self.onnx.dtype
            if sizes is not None:
                known = self.onnx.shape
                if known is None or len(known) != len(sizes):
                    known = (None,) * len(sizes)
                self.onnx.shape = tuple(
                    old if new is None else new for new, old in zip(sizes, known, strict=True)
                )
        return self

    def setTypeAs(self, other: LegacyValue) -> LegacyValue:
        return self.setType(other.type())

    def node(self) -> LegacyNode:
        return LegacyNode(self)

    def debugName(self) -> str:
        value = self.onnx.value if self.onnx is not None else None
        return "constant" if value is None or value.name is None else value.name

    def isCompleteTensor(self) -> bool:
        sizes = self.type().sizes()
        return sizes is not None and None not in sizes

    def requires_grad(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"<LegacyValue {self.debugName()}: {self.type().scalarType()}>"


class LegacyGraph:
    """``g`` of symbolic functions: ``g.op("Domain::Op", x, alpha_f=…, k_i=…, s_s=…)``."""

    __slots__ = ("builder",)

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    @property
    def opset(self) -> int:
        return self.builder.opset

    def op(self, operator: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """One node, or a constant; a tuple where ``outputs`` is more than 1.

        An attribute's name ends in the letter of its type. A list of values stands for several
        inputs. An operator without a domain that ONNX does not have is written as it is.
        """
        g = self.builder
        given = {_plain_name(name): _attribute(name, v) for name, v in attributes.items()}
        flat = [v for i in inputs for v in (_members(i) if _is_list(i) else [i])]
        domain, _, name = operator.rpartition("::")
        values = [self.tensor(value) for value in flat]
        if domain in ("", "onnx", "ai.onnx") and name == "Constant":
            return LegacyValue(g, self._constant(given))
        if domain in ("", "onnx", "ai.onnx") and onnx.defs.has(name):
            made = g.node(name, *values, outputs=outputs, **given)
        elif domain in ("", "onnx", "ai.onnx"):
            made = self._unknown(name, values, given, outputs)
        else:
            made = g.op(f"{domain}::{name}", *values, outputs=outputs, attributes=given)
        if outputs == 1:
            return LegacyValue(g, made)
        return tuple(LegacyValue(g, value) for value in made)

    def at(self, operator: str, *inputs: Any, **attributes: Any) -> Any:
        raise ExportError(f"g.at({operator!r}): ONNX Runtime has no ATen operators.")

    def tensor(self, value: Any) -> OnnxValue | None:
        """A value or Python constant as a tensor of the graph."""
        if not isinstance(value, LegacyValue):
            value = wrapped(self.builder, value)
        if value.onnx is not None:
            return value.onnx
        if value.members is not None:
            return self.builder.vector([self.tensor(item) for item in value.members])  # type: ignore[misc]
        if value.constant is None:
            return None
        made = self.builder.constant(value.constant)
        return made

    def _constant(self, attributes: dict[str, Any]) -> OnnxValue:
        for name in ("value", "value_int", "value_ints", "value_float", "value_floats"):
            if name in attributes:
                found = attributes[name]
                return self.builder.constant(
                    found if isinstance(found, torch.Tensor) else torch.tensor(found)
                )
        raise ExportError('g.op("Constant") needs value_t=.')

    def _unknown(
        self, name: str, values: list[OnnxValue | None], attributes: dict[str, Any], outputs: int
    ) -> Any:
        from torch_onnx.builder import custom_domain

        types = custom_domain.result_types(self.builder, values, outputs, None, None, None)
        return custom_domain.node(self.builder, "", name, values, attributes, types)


def wrapped(g: Builder, argument: Any) -> LegacyValue:
    """An argument of a translation as the older value."""
    if isinstance(argument, LegacyValue):
        return argument
    if isinstance(argument, OnnxValue):
        return LegacyValue(g, g.scalar(argument) if argument.is_number else argument)
    if isinstance(argument, Dim):
        return LegacyValue(g, g.scalar(g.dim(argument)))
    if isinstance(argument, torch.dtype):
        return LegacyValue(g, constant=compat.number_of_dtype(argument))
    if isinstance(argument, torch.Tensor):
        return LegacyValue(g, g.constant(argument))
    if isinstance(argument, (list, tuple)) and any(
        isinstance(item, (OnnxValue, LegacyValue)) for item in argument
    ):
        return LegacyValue(g, members=[wrapped(g, item) for item in argument])
    constant = list(argument) if isinstance(argument, tuple) else argument
    return LegacyValue(g, constant=constant)


def unwrapped(graph: LegacyGraph, result: Any) -> Any:
    """What a symbolic function returned, in this project's values."""
    if isinstance(result, LegacyValue):
        if result.members is not None:
            return [unwrapped(graph, member) for member in result.members]
        return graph.tensor(result)
    if isinstance(result, (list, tuple)):
        return [unwrapped(graph, item) for item in result]
    return result


def translate_function(cls: Any, g: Builder, arguments: list[Any], result: list[Any]) -> Any:
    """An ``autograd.Function`` by its ``symbolic``: tensors as values, the rest as it is."""
    graph = LegacyGraph(g)
    given = [
        wrapped(g, argument)
        if isinstance(argument, (OnnxValue, Dim)) or _holds_values(argument)
        else argument
        for argument in arguments
    ]
    try:
        made = cls.symbolic(graph, *given)
    except NotExpressible as error:
        raise NotExpressible(f"{cls.__name__}.symbolic: {error.reason}", error.since) from error
    if made is None:
        raise ExportError(f"{cls.__name__}.symbolic gives None.")
    return unwrapped(graph, made)


# Registrations.

Symbolic = Callable[..., Any]

# By operator, without overload, and the opset from which on it holds.
_SYMBOLICS: dict[str, dict[int, Symbolic]] = {}


def register_custom_op_symbolic(
    symbolic_name: str, symbolic_fn: Symbolic, opset_version: int
) -> None:
    """Translate all overloads of ``"domain::operator"`` by a symbolic function, from an opset on.

    The function is called ``symbolic_fn(g, *arguments)`` with every argument of the operator as a
    ``LegacyValue``; see ``symbolic_helper.parse_args``.

    Raises:
        ValueError: for a name without a domain.
    """
    _SYMBOLICS.setdefault(_checked(symbolic_name), {})[int(opset_version)] = symbolic_fn


def unregister_custom_op_symbolic(symbolic_name: str, opset_version: int) -> None:
    """Undo ``register_custom_op_symbolic``; nothing happens where nothing was registered."""
    name = _checked(symbolic_name)
    by_opset = _SYMBOLICS.get(name, {})
    by_opset.pop(int(opset_version), None)
    if not by_opset:
        _SYMBOLICS.pop(name, None)


def registered_symbolics() -> OpTable:
    """What is registered, as a table; operators of libraries not loaded are left out."""
    table = OpTable("register_custom_op_symbolic")
    for name, by_opset in _SYMBOLICS.items():
        for overload in compat.overloads_named(name):
            full = name if overload == "default" else f"{name}.{overload}"
            # Opsets below the lowest count as that one, the newest of them first.
            usable: dict[int, Symbolic] = {}
            for opset in sorted(by_opset):
                usable[max(opset, LOWEST_OPSET)] = by_opset[opset]
            for since, function in usable.items():
                table.add(full, _translation(function), since, (), False)
    return table


def _translation(symbolic: Symbolic) -> Callable[..., Any]:
    def translate(g: Builder, result: Any, **arguments: Any) -> Any:
        graph = LegacyGraph(g)
        made = symbolic(graph, *[wrapped(g, argument) for argument in arguments.values()])
        return unwrapped(graph, made)

    translate.__name__ = getattr(symbolic, "__name__", "symbolic")
    return translate


def _checked(name: str) -> str:
    if not NAME.match(name):
        raise ValueError(f"{name!r} is no operator's name: write it as 'domain::operator'")
    return f"aten{name}" if name.startswith("::") else name


def _plain_name(name: str) -> str:
    found = SUFFIX.match(name)
    return found.group(1) if found else name


def _attribute(name: str, value: Any) -> Any:
    """An attribute's value in the type that its name tells."""
    found = SUFFIX.match(name)
    kind = found.group(2) if found else ""
    if isinstance(value, LegacyValue):
        value = value.toIValue()
    if isinstance(value, torch.Tensor) and kind not in ("t", "z"):
        value = value.tolist()
    many = isinstance(value, (list, tuple))
    if kind == "f":
        return [float(item) for item in value] if many else float(value)
    if kind == "i":
        return [int(item) for item in value] if many else int(value)
    if kind in ("t", "z") and not many:
        return value if isinstance(value, torch.Tensor) else torch.as_tensor(value)
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (
        isinstance(value, LegacyValue) and value.members is not None
    )


def _members(value: Any) -> list[Any]:
    return list(value.members or ()) if isinstance(value, LegacyValue) else list(value)


def _holds_values(argument: Any) -> bool:
    return isinstance(argument, (list, tuple)) and any(
        isinstance(item, (OnnxValue, Dim)) for item in argument
    )
