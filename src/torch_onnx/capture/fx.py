"""An FX graph of ATen calls, as AtenGraph's calls."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from torch_onnx import compat
from torch_onnx.capture import autocast
from torch_onnx.capture.binding import bind, number_operator, operator_of
from torch_onnx.capture.dialect import DROPPED, NUMBERS
from torch_onnx.capture.dims import DimNames
from torch_onnx.capture.higher_order import HANDLERS
from torch_onnx.capture.sources import Sources
from torch_onnx.errors import CaptureError
from torch_onnx.graph import Argument, Call, Dim, Operator, Output, Source, Value, substitute

# Regions of a program, and which of their arguments is the body; what follows goes into it.
REGIONS = {"wrap_with_autocast": 4, "wrap_with_set_grad_enabled": 1, "tag_activation_checkpoint": 0}

NUMBER_DTYPES = {"int": torch.int64, "float": torch.float64, "bool": torch.bool}


def value_of(name: str, fake: Any, dims: DimNames) -> Value:
    """A Value typed by its stand-in: a fake tensor or a symbolic number."""
    if isinstance(fake, torch.Tensor):
        return Value(name, fake.dtype, dims.shape(fake), fake=fake)
    kind = number_kind(fake)
    expression = dims.size(fake) if isinstance(fake, torch.SymInt) else None
    return Value(
        name,
        NUMBER_DTYPES[kind],
        (),
        kind,
        expression if isinstance(expression, Dim) else None,
        fake,
    )


def number_kind(number: Any) -> str:
    """``int``, ``float`` or ``bool``."""
    if isinstance(number, (bool, torch.SymBool)):
        return "bool"
    if isinstance(number, (float, torch.SymFloat)):
        return "float"
    return "int"


class FxReader:
    """Reads FX nodes in order; ``env`` holds what each node became."""

    __slots__ = ("_autocast", "_dims", "_get_attribute", "_source", "calls", "env", "notes")

    def __init__(
        self,
        dims: DimNames,
        source: Callable[[dict[str, Any]], Source],
        get_attribute: Callable[[fx.Node], Argument],
    ) -> None:
        self._dims = dims
        self._source = source
        self._get_attribute = get_attribute
        self._autocast: torch.dtype | None = None
        self.env: dict[fx.Node, Argument] = {}
        self.calls: list[Call] = []
        self.notes: list[str] = []

    def read(self, graph: fx.Graph) -> list[Argument]:
        """Read all nodes but the placeholders (put into ``env`` before); give the outputs."""
        for node in graph.nodes:
            if node.op == "call_function":
                self._call_function(node)
            elif node.op == "get_attr":
                found = getattr(node.graph.owning_module, str(node.target), None)
                is_body = isinstance(found, fx.GraphModule)
                self.env[node] = found if is_body else self._get_attribute(node)
            elif node.op == "output":
                outputs = self.argument(node.args[0])
                return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        raise AssertionError("an FX graph ends in its output")

    def argument(self, argument: Any) -> Argument:
        """An FX argument with its nodes replaced by what they became."""
        if isinstance(argument, fx.Node):
            return self.env[argument]
        if isinstance(argument, (list, tuple)):
            return [self.argument(item) for item in argument]
        return argument

    def _call_function(self, node: fx.Node) -> None:
        target = node.target
        if target is operator.getitem:
            container, index = self.argument(node.args[0]), node.args[1]
            self.env[node] = container[index]
            return
        fake = node.meta.get("val")
        known = _known_number(fake, self._dims)
        if known is not None:
            # PyTorch's guards settled this number: it is the same in every run.
            self.env[node] = known
            return
        args = [self.argument(a) for a in node.args]
        kwargs = {k: self.argument(a) for k, a in node.kwargs.items()}
        if compat.is_higher_order(target):
            self.env[node] = self._region(node, str(target), args)
            return
        if compat.is_operator(target):
            op = operator_of(target)
            if op.name in DROPPED:
                return
            bound = bind(op, args, kwargs)
        elif target in NUMBERS and len(args) == len(NUMBERS[target][1]):
            name, names = NUMBERS[target]
            op = number_operator(name, names)
            bound = dict(zip(names, args, strict=True))
        else:
            raise CaptureError(
                f"The program calls {getattr(target, '__name__', target)!r} "
                f"with {len(args)} arguments, which is no ATen operator.",
                self._source(node.meta).frame,
            )
        outputs = self._outputs(node.name, op, fake)
        source = self._source(node.meta)
        if self._autocast is not None:
            before, cast = autocast.casts(op, bound, outputs, self._autocast, source)
            self.calls += before
            bound = {name: substitute(argument, cast) for name, argument in bound.items()}
        self.calls.append(Call(op, bound, outputs, source))
        single = len(op.returns) == 1
        self.env[node] = outputs[0] if single else outputs

    def typed(self, name: str, fake: Any) -> Value:
        """A value of the type of its stand-in."""
        return value_of(name, fake, self._dims)

    def source(self, node: fx.Node) -> Source:
        return self._source(node.meta)

    def _region(self, node: fx.Node, name: str, args: list[Argument]) -> Argument:
        """Control flow; or the body of a ``with`` statement, read as if it stood without one."""
        handler = HANDLERS.get(name)
        if handler is not None:
            return handler(self, node, args)
        if name not in REGIONS:
            raise CaptureError(
                f"The program uses torch.ops.higher_order.{name}, which is not translated.",
                self._source(node.meta).frame,
            )
        place = REGIONS[name]
        outside = self._autocast
        if name == "wrap_with_autocast":
            self._autocast = args[1] if args[2] else None
        body: fx.Graph = args[place].graph
        placeholders = [inner for inner in body.nodes if inner.op == "placeholder"]
        self.env.update(zip(placeholders, args[place + 1 :], strict=True))
        outputs = self.read(body)
        self._autocast = outside
        return outputs

    def _outputs(self, name: str, op: Operator, fake: Any) -> list[Output]:
        if not op.returns:
            return []
        fakes = [fake] if len(op.returns) == 1 else list(fake or ())
        outputs: list[Output] = []
        for index, item in enumerate(fakes):
            unique = name if len(fakes) == 1 else f"{name}.{index}"
            if item is None:
                outputs.append(None)
            elif isinstance(item, (list, tuple)):
                outputs.append(
                    [value_of(f"{unique}.{i}", member, self._dims) for i, member in enumerate(item)]
                )
            else:
                outputs.append(value_of(unique, item, self._dims))
        return outputs


def _known_number(fake: Any, dims: DimNames) -> int | float | bool | None:
    if isinstance(fake, (int, float, bool)):
        return fake
    if isinstance(fake, torch.SymInt):
        size = dims.size(fake)
        return size if isinstance(size, int) else None
    return None


def sources_of(prefix: str) -> Callable[[dict[str, Any]], Source]:
    """The reader's way from node metadata to a Source; ``prefix`` is stripped off module paths."""
    return Sources(prefix).source
