"""One runner for all operator cases: export, run in ONNX Runtime, compare with PyTorch.

A case is a function and example inputs. Where further inputs are given, the axes whose sizes
differ are exported as dynamic, and the one exported model must agree on all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
import onnxruntime
import torch

from torch_onnx import assemble
from torch_onnx.capture.assumptions import DynamicAxis
from torch_onnx.capture.export import export_program, from_exported_program
from torch_onnx.capture.functionalize import functionalize
from torch_onnx.capture.recording import record
from torch_onnx.graph import AtenGraph
from torch_onnx.ops import builtin_tables
from torch_onnx.passes import tidy
from torch_onnx.runtime import from_runtime
from torch_onnx.saving import model_proto
from torch_onnx.translate import Translator, decompose_missing, drop_unused, lookup_in

OPSETS = (11, 13, 18, 20, 23, 28)
EXPORTED = (11, 18)
"""Opsets at which cases go through torch.export; at the others they are recorded."""


@dataclass(frozen=True)
class Case:
    """``fn(*inputs)`` at each opset; ``others`` are further inputs of other sizes."""

    name: str
    fn: Callable[..., Any]
    inputs: tuple[torch.Tensor, ...]
    others: tuple[tuple[torch.Tensor, ...], ...] = ()
    opsets: Sequence[int] = OPSETS
    rtol: float | None = None
    atol: float | None = None
    module: torch.nn.Module | None = None
    since: int = 11
    """Below this opset the export must raise."""
    release: tuple[str, str] | None = None
    """The PyTorch that it takes, and why."""


def case(name: str, fn: Callable[..., Any], *inputs: torch.Tensor, **options: Any) -> Case:
    return Case(name, fn, inputs, **options)


class _Program(torch.nn.Module):
    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__()
        self.model = fn if isinstance(fn, torch.nn.Module) else _Function(fn)

    def forward(self, *tensors: torch.Tensor) -> tuple[Any, ...]:
        return flat(self.model(*tensors))


class _Function(torch.nn.Module):
    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__()
        self.fn = fn

    def forward(self, *tensors: torch.Tensor) -> Any:
        return self.fn(*tensors)


def flat(result: Any) -> tuple[Any, ...]:
    if isinstance(result, (list, tuple)):
        return tuple(item for part in result for item in flat(part))
    return (result,)


def dynamic_axes(case: Case) -> dict[int, dict[int, DynamicAxis]]:
    axes: dict[int, dict[int, DynamicAxis]] = {}
    for other in case.others:
        for i, (a, b) in enumerate(zip(case.inputs, other, strict=True)):
            for axis, (m, n) in enumerate(zip(a.shape, b.shape, strict=True)):
                if m != n:
                    axes.setdefault(i, {})[axis] = DynamicAxis()
    return axes


def capture(
    module: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    dynamic: dict[int, dict[int, DynamicAxis]],
    names: list[str],
    exported: bool,
) -> AtenGraph:
    """By torch.export, or by the default front end where that can."""
    if not exported:
        with contextlib.suppress(Exception):
            return record(module, inputs, dynamic, names)
    program = export_program(module, inputs, dynamic)
    return from_exported_program(program, dynamic, names, "model.")


def export(case: Case, opset: int) -> onnx.ModelProto:
    dynamic = dynamic_axes(case)
    module = _Program(case.fn).eval()
    names = [f"x{i}" for i in range(len(case.inputs))]
    graph = capture(module, case.inputs, dynamic, names, exported=opset in EXPORTED)
    graph.input_names = names
    graph = drop_unused(functionalize(graph))
    find = lookup_in(builtin_tables())
    graph = decompose_missing(graph, find, opset)
    translated = Translator(graph, find, opset).run(assemble.declare_input, assemble.Owner())
    outputs = [f"y{i}" for i in range(len(graph.outputs))]
    model = assemble.assemble(translated, outputs, "case")
    return model_proto(tidy(model))


def check(case: Case, opset: int) -> onnx.ModelProto:
    """Export and compare, at every set of inputs. Returns the model for further assertions."""
    proto = export(case, opset)
    onnx.checker.check_model(proto, full_check=False)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    for inputs in (case.inputs, *case.others):
        feeds = {}
        for declared in session.get_inputs():
            feeds[declared.name] = to_ort(inputs[int(declared.name[1:])])
        with torch.no_grad():
            expected = flat(case.fn(*(x.clone() for x in inputs)))
        actual = from_ort(session.run_with_ort_values(None, feeds))
        assert len(actual) == len(expected)
        for got, want in zip(actual, expected, strict=True):
            want = want if isinstance(want, torch.Tensor) else torch.tensor(want)
            if want.is_complex():
                want = torch.view_as_real(want.resolve_conj())
            torch.testing.assert_close(got, want, rtol=case.rtol, atol=case.atol, equal_nan=True)
    return proto


def to_ort(tensor: torch.Tensor) -> onnxruntime.OrtValue:
    tensor = tensor.detach().contiguous()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    if tensor.dtype == torch.bfloat16:
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(
            tensor.view(torch.int16).numpy(), onnx.TensorProto.BFLOAT16
        )
    return onnxruntime.OrtValue.ortvalue_from_numpy(tensor.numpy())


def from_ort(values: Sequence[onnxruntime.OrtValue]) -> list[torch.Tensor]:
    return [from_runtime(value) for value in values]
