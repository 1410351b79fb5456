"""Models without their large tensors, to send or keep; and with random ones in their place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

STRIPPED = "stripped"
LARGEST = 100


def strip_large_tensors(model: onnx.ModelProto, threshold: int = LARGEST) -> list[str]:
    """Take the data out of tensors of more than ``threshold`` elements, in place.

    Their place keeps the mean and variance, in the form that pytorch-pfn-extras reads. Gives the
    names of the tensors.
    """
    stripped = []
    for tensor in _tensors(model.graph):
        size = int(np.prod(tensor.dims)) if tensor.dims else 1
        if size <= threshold or is_stripped(tensor) or tensor.data_location:
            continue
        array = numpy_helper.to_array(tensor)
        facts: dict[str, Any] = {"type": STRIPPED}
        if array.dtype.kind in "fiub" and array.size:
            numbers = array.astype(np.float64)
            facts |= {"average": float(numbers.mean()), "variance": float(numbers.var())}
        for field in ("raw_data", "float_data", "int32_data", "int64_data", "double_data",
                      "uint64_data", "string_data"):  # fmt: skip
            tensor.ClearField(field)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", json.dumps(facts)
        stripped.append(tensor.name)
    return stripped


def fill_stripped_tensors(model: onnx.ModelProto, seed: int = 0) -> list[str]:
    """Give stripped tensors random numbers of their mean and variance, in place."""
    random = np.random.default_rng(seed)
    filled = []
    for tensor in _tensors(model.graph):
        facts = _facts(tensor)
        if facts is None:
            continue
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        deviation = float(facts.get("variance", 1.0)) ** 0.5
        numbers = random.normal(float(facts.get("average", 0.0)), deviation, list(tensor.dims))
        if dtype.kind in "iub":
            numbers = numbers.round()
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(numbers.astype(dtype), name))
        filled.append(name)
    return filled


def is_stripped(tensor: onnx.TensorProto) -> bool:
    """Whether a tensor's data was taken out."""
    return _facts(tensor) is not None


def load_model(path: str | PathLike[str]) -> onnx.ModelProto:
    """A model from a file, with its external data where there is such; stripped ones too."""
    model = onnx.load(path, load_external_data=False)
    external = [t for t in _tensors(model.graph) if t.data_location and not is_stripped(t)]
    if not external:
        return model
    if any(map(is_stripped, _tensors(model.graph))):
        raise ValueError(f"{path} has stripped tensors beside others in files of their own")
    return onnx.load(path)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """The initializers and constants of a graph and of those within."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            if attribute.HasField("g"):
                yield from _tensors(attribute.g)
            for inner in attribute.graphs:
                yield from _tensors(inner)


def _facts(tensor: onnx.TensorProto) -> dict[str, Any] | None:
    for entry in tensor.external_data:
        if entry.key == "location" and entry.value.startswith("{"):
            facts: dict[str, Any] = json.loads(entry.value)
            return facts if facts.get("type") == STRIPPED else None
    return None
