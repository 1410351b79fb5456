"""Writes made functional: the functional graph, evaluated by torch itself, agrees with eager."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
import torch

from torch_onnx.capture.assumptions import DynamicAxis
from torch_onnx.capture.export import export_program, from_exported_program
from torch_onnx.capture.functionalize import functionalize
from torch_onnx.errors import CaptureError
from torch_onnx.graph import AtenGraph, Value, values_of


class Program(torch.nn.Module):
    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__()
        self.fn = fn
        self.register_buffer("state", torch.arange(6.0).reshape(2, 3))

    def forward(self, x: torch.Tensor) -> Any:
        return self.fn(x, self.state)


def capture(program: torch.nn.Module, x: torch.Tensor) -> AtenGraph:
    dynamic = {0: {0: DynamicAxis("n")}}

    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = program

        def forward(self, *tensors: torch.Tensor) -> Any:
            return self.model(*tensors)

    exported = export_program(Flat(), [x], dynamic)
    return functionalize(from_exported_program(exported, dynamic, ["x"], "model."))


def evaluate(graph: AtenGraph, x: torch.Tensor) -> tuple[list[Any], dict[str, torch.Tensor]]:
    env: dict[Value, Any] = {graph.inputs[0]: x.clone()}
    env.update({p.value: p.tensor.clone() for p in graph.parameters})

    def get(argument: Any) -> Any:
        if isinstance(argument, Value):
            return env[argument]
        return [get(item) for item in argument] if isinstance(argument, list) else argument

    for call in graph.calls:
        assert not call.op.is_mutating
        args = {name: get(argument) for name, argument in call.args.items()}
        if call.op.target is None:
            result = getattr(operator, call.op.name.removeprefix("python::"))(*args.values())
        else:
            keyword = {a.name for a in call.op.arguments if a.keyword_only}
            given = {n: a for n, a in args.items() if n in keyword and a is not None}
            result = call.op.target(*[a for n, a in args.items() if n not in keyword], **given)
        outputs = list(values_of([o for o in call.outputs if o is not None]))
        results = list(result) if isinstance(result, (list, tuple)) else [result]
        env.update(zip(outputs, results, strict=False))
    return get(list(graph.outputs)), {k: get(v) for k, v in graph.buffer_writes.items()}


def view_then_base(x: Any, s: Any) -> Any:
    y = x.clone()
    v = y[1:]
    v.mul_(2)
    y.add_(1)
    return v, y


def views_of_views(x: Any, s: Any) -> Any:
    y = x.clone()
    y.view(-1, 3).transpose(0, 1)[1:].select(1, 0).fill_(7)
    return y


def parts(x: Any, s: Any) -> Any:
    y = x.clone()
    a, b = y.split([1, 2], 1)
    b.zero_()
    for row in y[:, :2].unbind(1):
        row.add_(1)
    return y, a, b


def other_view_is_stale(x: Any, s: Any) -> Any:
    y = x.clone()
    v = y[:, 0]
    w = y.view(-1)
    w[0] = 5.0
    return v + 1, w


def copies(x: Any, s: Any) -> Any:
    y = torch.zeros(x.shape[0], 3, dtype=torch.float64)
    y.copy_(x[0])
    y[:, 1:2].copy_(x[:, :1])
    return y


def complex_parts(x: Any, s: Any) -> Any:
    y = torch.complex(x, x + 1)
    y.real.mul_(2)
    y.imag[:, 1:] = 5
    torch.view_as_real(y)[..., 0].add_(1)
    y[0, :2].view(2, 1).mH.mul_(1j)
    z = x[:, :2].clone()
    torch.view_as_complex(z).mul_(1j)
    return torch.view_as_real(y), z


def masks(x: Any, s: Any) -> Any:
    y = x.clone()
    y[y > 0] = 0.5
    y.masked_fill_(y < -1, -1.0)
    y[torch.tensor([0, 1]), 2] += 3
    return y


def buffer(x: Any, s: Any) -> Any:
    s.add_(1)
    s[:, 1] = x[0, 0]
    return s * 2


def reshape_of_transposed_copies(x: Any, s: Any) -> Any:
    y = x.clone()
    r = y.t().reshape(-1)  # not contiguous: a copy
    r.zero_()
    return y, r


def out_variant(x: Any, s: Any) -> Any:
    y = torch.empty_like(x)
    torch.add(x, 1, out=y)
    torch.mul(y, 2, out=y)
    return y


def diagonal(x: Any, s: Any) -> Any:
    y = x.clone()
    y.diagonal()[:] = 9
    return y


def narrowed(x: Any, s: Any) -> Any:
    y = x.clone()
    y.narrow(1, 1, 2).sub_(4)
    y[-1:, ::2] = 3
    y.unsqueeze(0).squeeze(0).detach().add_(2)
    return y


CASES = [
    view_then_base, views_of_views, parts, other_view_is_stale, copies, masks, buffer,
    complex_parts,
    reshape_of_transposed_copies, out_variant, diagonal, narrowed,
]  # fmt: skip


@pytest.mark.parametrize("fn", CASES, ids=lambda f: f.__name__)
def test_agrees_with_eager(fn: Callable[..., Any]) -> None:
    graph = capture(Program(fn), torch.randn(4, 3))
    for rows in (4, 6):
        x = torch.randn(rows, 3)
        actual, buffers = evaluate(graph, x)
        eager = Program(fn)
        expected = eager(x.clone())
        expected = list(expected) if isinstance(expected, tuple) else [expected]
        torch.testing.assert_close(actual, expected)
        if buffers:
            torch.testing.assert_close(buffers["state"], eager.state)


def test_writes_to_inputs_are_known() -> None:
    graph = capture(Program(lambda x, s: x.add_(1) * 2), torch.randn(4, 3))
    assert list(graph.input_writes) == [0]


def test_a_write_to_an_expanded_view_is_refused() -> None:
    def expanded(x: Any, s: Any) -> Any:
        y = x.clone()
        y.expand(2, -1, -1)[0].as_strided((3,), (1,)).add_(1)
        return y

    with pytest.raises(CaptureError):
        capture(Program(expanded), torch.randn(4, 3))
