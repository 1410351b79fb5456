"""One call without a translation, split into simpler calls by PyTorch's own decompositions."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch.fx.experimental.proxy_tensor import make_fx

from torch_onnx import compat
from torch_onnx.capture.dims import DimNames
from torch_onnx.capture.functionalize import functionalize
from torch_onnx.capture.fx import FxReader, value_of
from torch_onnx.graph import Argument, AtenGraph, Call, Decomposition, Parameter, Value, substitute
from torch_onnx.marks import WRITTEN_OUT, written_out


class Decomposer:
    """Decomposes single calls of one captured program, on the fake tensors it left behind."""

    __slots__ = ("_count", "_dims")

    def __init__(self, dims: DimNames) -> None:
        self._dims = dims
        self._count = 0

    def __call__(self, call: Call) -> Decomposition | None:
        """Simpler calls, or None where PyTorch has no decomposition of the operator."""
        overload = call.op.target
        if overload is None:
            return None
        # A backward pass is seen only as a whole, and after it was made.
        is_own = call.op.name == WRITTEN_OUT
        decomposition = written_out if is_own else compat.decomposition_of(overload)
        if decomposition is None:
            return None
        values = list(dict.fromkeys(call.values_in()))
        if any(value.fake is None for value in values):
            return None
        fixed = compat.fixed_arguments(overload)
        if any(isinstance(call.args[name], Value) for name in fixed):
            # PyTorch's own code would take the example's number.
            return None
        positional = [a.name for a in call.op.arguments if not a.keyword_only]
        keyword = [a.name for a in call.op.arguments if a.keyword_only]

        def run(*fakes: Any) -> Any:
            given = dict(zip(values, fakes, strict=True))
            args = [substitute(call.args[name], given) for name in positional]
            kwargs = {name: substitute(call.args[name], given) for name in keyword}
            kwargs = {name: value for name, value in kwargs.items() if value is not None}
            return (decomposition if is_own else overload)(*args, **kwargs)

        environment = next((env for v in values if (env := compat.environment_of(v.fake))), None)
        before = None if environment is None else compat.state_of(environment)
        for value in values:
            if compat.is_fake(value.fake):
                compat.forget_data(value.fake.fake_mode)
        try:
            with torch.no_grad(), compat.extremes_are_not_decided():
                module = make_fx(
                    run, decomposition_table={overload: decomposition}, pre_dispatch=not is_own
                )(*_distinct([value.fake for value in values]))
        except Exception:
            # A decomposition that can't be traced is none: the call is reported as unsupported.
            return None
        if environment is not None and compat.has_settled(environment, before):
            # It would hold for the example's sizes alone.
            compat.go_back(environment, before)
            return None
        return self._read(module, call, values)

    def _read(
        self, module: fx.GraphModule, call: Call, values: list[Value]
    ) -> Decomposition | None:
        self._count += 1
        parameters: list[Parameter] = []

        def constant(node: fx.Node) -> Argument:
            tensor = getattr(module, str(node.target))
            name = f"decomposed_{self._count}.{node.target}"
            parameter = Parameter(value_of(name, tensor, self._dims), name, tensor, "constant")
            parameters.append(parameter)
            return parameter.value

        reader = FxReader(self._dims, lambda meta: call.source, constant)
        placeholders = [node for node in module.graph.nodes if node.op == "placeholder"]
        reader.env.update(zip(placeholders, values, strict=True))
        outputs = reader.read(module.graph)
        # Decompositions write to tensors of their own making.
        body = functionalize(AtenGraph(values, parameters, reader.calls, outputs))
        if any(new.op == call.op for new in body.calls):
            return None
        return Decomposition(body.calls, body.outputs, parameters)


def _distinct(fakes: list[Any]) -> list[Any]:
    """The stand-ins, none of them twice: the tracer would take two arguments for one."""
    seen: set[int] = set()
    found = []
    for fake in fakes:
        repeated = isinstance(fake, torch.Tensor) and id(fake) in seen
        seen.add(id(fake))
        found.append(compat.another_fake(fake) if repeated else fake)
    return found
