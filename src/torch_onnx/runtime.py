"""ONNX Runtime: sessions, and tensors on their way in and out. Imported only when used."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import torch
import torch.utils.dlpack

from torch_onnx.errors import ExportError
from torch_onnx.saving import save


def onnxruntime() -> Any:
    """The onnxruntime module.

    Raises:
        ExportError: when it is not installed.
    """
    try:
        import onnxruntime as module
    except ImportError as error:
        raise ExportError(
            "Running or verifying a model needs ONNX Runtime: "
            "pip install 'torch-onnx-exporter[verify]'"
        ) from error
    return module


def session(
    model: ir.Model,
    providers: Sequence[str] = ("CPUExecutionProvider",),
    libraries: Sequence[str | PathLike[str]] = (),
) -> Any:
    """An InferenceSession of the model, loaded through a temporary file.

    ``libraries`` hold kernels of custom domains.
    """
    module = onnxruntime()
    options = module.SessionOptions()
    options.log_severity_level = 3
    for library in libraries:
        options.register_custom_ops_library(fspath(library))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        save(model, path)
        return module.InferenceSession(path, options, providers=list(providers))


def run_proto(
    model: onnx.ModelProto,
    inputs: Sequence[torch.Tensor],
    libraries: Sequence[str | PathLike[str]] = (),
) -> list[torch.Tensor]:
    """All outputs of a small model, its inputs in order. bfloat16 tensors go in as float32."""
    module = onnxruntime()
    options = module.SessionOptions()
    options.log_severity_level = 4
    for library in libraries:
        options.register_custom_ops_library(fspath(library))
    made = module.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [declared.name for declared in model.graph.input]
    given = [t.float() if t.dtype == torch.bfloat16 else t for t in inputs]
    return run(made, dict(zip(names, given, strict=True)))


def node_seconds(
    model: ir.Model, inputs: Mapping[str, torch.Tensor], runs: int = 3
) -> dict[str, float]:
    """How long ONNX Runtime takes for each node of the model as it is, unoptimised; by name.

    The first run, which allocates, does not count.
    """
    module = onnxruntime()
    options = module.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = module.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        path = Path(folder) / "model.onnx"
        save(model, path)
        made = module.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        for _ in range(runs + 1):
            run(made, inputs)
        events = json.loads(Path(made.end_profiling()).read_text(encoding="utf-8"))
    times: dict[str, list[float]] = {}
    for event in events:
        name = event.get("name", "")
        if event.get("cat") == "Node" and name.endswith("_kernel_time"):
            times.setdefault(name.removesuffix("_kernel_time"), []).append(event["dur"] / 1e6)
    return {name: sum(found[1:]) / (len(found) - 1) for name, found in times.items() if found[1:]}


def run(session: Any, inputs: Mapping[str, torch.Tensor]) -> list[Any]:
    """All outputs of the session, a sequence as a list of tensors, nothing as None. Inputs that the
    model does not have are left out.
    """
    names = {declared.name for declared in session.get_inputs()}
    feeds = {name: to_runtime(tensor) for name, tensor in inputs.items() if name in names}
    outputs = session.get_outputs()
    whole = [output.name for output in outputs if output.type.startswith("tensor(")]
    values = iter(session.run_with_ort_values(whole, feeds)) if whole else iter(())
    found: dict[str, Any] = {
        name: from_runtime(value) for name, value in zip(whole, values, strict=True)
    }
    others = [output.name for output in outputs if output.name not in found]
    if others:
        # An OrtValue shows no elements of a sequence, and is none of an optional.
        arrays = {name: value.numpy() for name, value in feeds.items()}
        for name, items in zip(others, session.run(others, arrays), strict=True):
            if isinstance(items, list):
                found[name] = list(map(_of_numpy, items))
            else:
                found[name] = None if items is None else _of_numpy(items)
    return [found[output.name] for output in outputs]


def to_runtime(tensor: torch.Tensor) -> Any:
    """A torch tensor as an OrtValue; complex numbers as real ones with a last axis of 2."""
    ort_value = onnxruntime().OrtValue
    tensor = tensor.detach().cpu()
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor.resolve_conj())
    tensor = tensor.contiguous()
    if tensor.dtype == torch.bfloat16:
        return ort_value.ortvalue_from_numpy_with_onnx_type(
            tensor.view(torch.int16).numpy(), int(ir.DataType.BFLOAT16)
        )
    return ort_value.ortvalue_from_numpy(tensor.numpy())


def from_runtime(value: Any) -> torch.Tensor:
    """An OrtValue as a torch tensor."""
    if value.data_type() == "tensor(bfloat16)":
        # numpy has no bfloat16, so ONNX Runtime gives the bits only through DLPack.
        return torch.utils.dlpack.from_dlpack(value._ortvalue.to_dlpack())
    return _of_numpy(value.numpy())


def _of_numpy(array: np.ndarray) -> torch.Tensor:
    # numpy has two types of 64 unsigned bits, of which torch knows this one.
    return torch.from_numpy(array.view(np.uint64) if array.dtype == np.uint64 else array)
