"""A model with its inputs and outputs as files, as onnx's backend tests and runtimes read them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper

from torch_onnx import marks, modes, signature
from torch_onnx.errors import InputError
from torch_onnx.exporter import export
from torch_onnx.program import ONNXProgram
from torch_onnx.stripping import strip_large_tensors

MODEL = "model.onnx"


def export_testcase(
    model: Any,
    args: Any,
    folder: str | PathLike[str],
    *,
    kwargs: Mapping[str, Any] | None = None,
    gradients: bool | torch.Tensor | Sequence[torch.Tensor] = False,
    metadata: Mapping[str, Any] | None = None,
    add_data_set: bool = False,
    strip_larger_than: int | None = None,
    **options: Any,
) -> ONNXProgram:
    """Export a model into a folder, with what it computes from its example.

    Writes ``model.onnx``, ``meta.json`` and ``test_data_set_0`` with ``input_0.pb``,
    ``output_0.pb`` and so on; the outputs are PyTorch's.

    Args:
        gradients: True also writes ``gradient_input_0.pb`` … and ``gradient_0.pb`` … (of the
            parameters, by name) for a gradient of ones of the outputs; tensors are the gradients.
        metadata: what ``meta.json`` holds beside its own.
        add_data_set: keep the model that is there, and write the next ``test_data_set_N``.
        strip_larger_than: leave out tensors of more elements, see ``strip_large_tensors``.
        options: of ``export``.

    Raises:
        InputError: when ``add_data_set`` finds no model.
    """
    target = Path(folder)
    if add_data_set and not (target / MODEL).is_file():
        raise InputError(f"add_data_set=True: there is no {target / MODEL}.")
    program = export(model, args, kwargs=kwargs, **options)
    target.mkdir(parents=True, exist_ok=True)
    old = [path for path in target.glob("test_data_set_*") if path.is_dir()]
    if not add_data_set:
        for path in old:
            shutil.rmtree(path)
        old = []
        proto = program.model_proto
        if strip_larger_than is not None:
            strip_large_tensors(proto, strip_larger_than)
            (target / MODEL).write_bytes(proto.SerializeToString(deterministic=True))
        else:
            program.save(target / MODEL)
        _write_metadata(target, program, metadata or {}, strip_larger_than)
    data_set = target / f"test_data_set_{len(old)}"
    data_set.mkdir()
    feeds, outputs = program.example_values()
    declared = [value.name for value in program.model.graph.inputs]
    _write(data_set, "input", [(name or "", feeds[name or ""]) for name in declared])
    _write(data_set, "output", list(zip(program.output_names, outputs, strict=True)))
    if gradients is not False:
        _write_gradients(data_set, model, args, kwargs, gradients, str(options.get("training")))
    return program


def _write_metadata(
    folder: Path, program: ONNXProgram, given: Mapping[str, Any], stripped: int | None
) -> None:
    own = {
        "producer": "torch_onnx",
        "pytorch": torch.__version__,
        "opset": program.model.graph.opset_imports[""],
        "inputs": program.input_names,
        "outputs": program.output_names,
        "strip_larger_than": stripped,
    }
    text = json.dumps({**own, **given}, indent=2, sort_keys=True)
    (folder / "meta.json").write_text(text + "\n", encoding="utf-8")


def _write(folder: Path, kind: str, tensors: Sequence[tuple[str, torch.Tensor]]) -> None:
    for index, (name, tensor) in enumerate(tensors):
        tensor = tensor.detach().cpu()
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor.resolve_conj())
        if tensor.dtype == torch.bfloat16:
            proto = onnx.TensorProto(
                name=name, data_type=onnx.TensorProto.BFLOAT16, dims=list(tensor.shape),
                raw_data=tensor.contiguous().view(torch.int16).numpy().tobytes(),
            )  # fmt: skip
        else:
            proto = numpy_helper.from_array(tensor.numpy(), name)
        (folder / f"{kind}_{index}.pb").write_bytes(proto.SerializeToString(deterministic=True))


def _write_gradients(
    folder: Path,
    model: Any,
    args: Any,
    kwargs: Mapping[str, Any] | None,
    given: bool | torch.Tensor | Sequence[torch.Tensor],
    training: str,
) -> None:
    bound = signature.bind(model, args, kwargs)
    inputs = [t.detach().clone() for t in bound.tensors]
    inputs = [t.requires_grad_() if t.is_floating_point() else t for t in inputs]
    parameters = {
        name: p for name, p in model.named_parameters() if p.requires_grad
    } if isinstance(model, torch.nn.Module) else {}  # fmt: skip
    with modes.mode(model, training if training == "train" else "eval"), torch.enable_grad():
        with marks.inactive():
            result = bound.call(model, inputs)
        leaves = [leaf.value for leaf in signature.flatten(result)[0]]
        outputs = [t for t in leaves if isinstance(t, torch.Tensor) and t.requires_grad]
        if isinstance(given, bool):
            starts = [torch.ones_like(t) for t in outputs]
        else:
            starts = [given] if isinstance(given, torch.Tensor) else list(given)
        wanted = [t for t in [*inputs, *parameters.values()] if t.requires_grad]
        found = torch.autograd.grad(outputs, wanted, starts, allow_unused=True)
    by_tensor = dict(zip(map(id, wanted), found, strict=True))

    def gradient(tensor: torch.Tensor) -> torch.Tensor:
        made = by_tensor.get(id(tensor))
        return torch.zeros_like(tensor) if made is None else made

    named = [(leaf.name, t) for leaf, t in zip(bound.leaves, inputs, strict=True)]
    kept = [(name, gradient(t)) for name, t in named if t.requires_grad]
    _write(folder, "gradient_input", kept)
    _write(folder, "gradient", [(name, gradient(p)) for name, p in parameters.items()])
