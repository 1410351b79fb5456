"""Models to files: whole or not at all, weights streamed, the same bytes for the same program.

One file holds everything up to protobuf's 2 GB. To keep a second copy of the weights from ever
existing, the wire format of ``ModelProto.graph`` is written by hand around them: a field is its
tag, its length and its bytes, and parts of a message may simply be concatenated.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import IO

import onnx
import onnx_ir as ir

from torch_onnx.errors import CannotWrite, ModelTooLarge
from torch_onnx.weights import ComputedWeight, Weight, write_to

# Protobuf reads at most 2 GiB; some room for the nodes.
LARGEST_FILE = 2**31 - 2**20
SPLIT_ABOVE = 1_900_000_000
ALIGNMENT = 4096
ALIGN_FROM = 2**20

# Field numbers of onnx.proto with wire type 2 (length-delimited).
GRAPH_OF_MODEL = 7 << 3 | 2
INITIALIZER_OF_GRAPH = 5 << 3 | 2
RAW_DATA_OF_TENSOR = 9 << 3 | 2

AnyWeight = Weight | ComputedWeight


@dataclass(frozen=True, slots=True)
class SavedFiles:
    """What was written: the paths (none for a file object) and the bytes in all."""

    paths: tuple[Path, ...]
    bytes: int


def check_writable(path: str | PathLike[str]) -> None:
    """Find out before any work whether a path can be written.

    Raises:
        CannotWrite: saying why not.
    """
    target = Path(path)
    folder = target.parent
    if target.is_dir():
        raise CannotWrite(str(target), "it is a folder")
    if not folder.is_dir():
        raise CannotWrite(str(target), f"the folder {folder} does not exist")
    if not os.access(folder, os.W_OK):
        raise CannotWrite(str(target), f"the folder {folder} can't be written to")
    if target.exists() and not os.access(target, os.W_OK):
        raise CannotWrite(str(target), "the file there is read-only")


def save(
    model: ir.Model,
    destination: str | PathLike[str] | IO[bytes],
    *,
    external_data: bool | None = None,
    include_initializers: bool = True,
    keep_initializers_as_inputs: bool = False,
) -> SavedFiles:
    """Write a model to a path or a binary file.

    Args:
        external_data: True puts weights into ``<name>.data`` beside the model, False never, None
            only from 1.9 GB on.
        include_initializers: False writes the weights' names, types and shapes as graph inputs.
        keep_initializers_as_inputs: the weights are graph inputs with a default.

    Raises:
        CannotWrite: the path can't be written.
        ModelTooLarge: one file can't hold the model.
        MissingWeights: a weight has no data.
    """
    weights = weights_of(model) if include_initializers else []
    size = sum(weight.nbytes for weight in weights)
    is_path = isinstance(destination, (str, PathLike))
    split = external_data if external_data is not None else size > SPLIT_ABOVE and is_path
    if split and not is_path:
        raise CannotWrite("the file object", "weights in a file of their own need a path")
    if not split and size > LARGEST_FILE:
        raise ModelTooLarge(size)
    if not isinstance(destination, (str, PathLike)):
        proto = _proto(model, "", [], include_initializers, keep_initializers_as_inputs)
        return SavedFiles((), _write_single(destination, proto, weights))
    target = Path(destination)
    check_writable(target)
    data = target.with_name(target.name + ".data")
    with _replacing(target) as model_file:
        if not split:
            proto = _proto(model, "", [], include_initializers, keep_initializers_as_inputs)
            written = _write_single(model_file, proto, weights)
            return SavedFiles((target,), written)
        offsets = _offsets(weights)
        with _replacing(data) as data_file:
            end = _write_data(data_file, weights, offsets)
        proto = _proto(model, data.name, offsets, include_initializers, keep_initializers_as_inputs)
        written = model_file.write(proto.SerializeToString(deterministic=True))
        return SavedFiles((target, data), written + end)


def model_proto(model: ir.Model) -> onnx.ModelProto:
    """The model as one protobuf, weights embedded. Copies all weights."""
    weights = weights_of(model)
    proto = _proto(model, "", [], True, False)
    for weight in weights:
        tensor = _header(weight)
        tensor.raw_data = weight.tobytes()
        proto.graph.initializer.append(tensor)
    return proto


def weights_of(model: ir.Model) -> list[AnyWeight]:
    """The weights among the initializers of the main graph, in their order."""
    values = (value.const_value for value in model.graph.initializers.values())
    return [value for value in values if isinstance(value, (Weight, ComputedWeight))]


def _proto(
    model: ir.Model, location: str, offsets: list[int], include: bool, as_inputs: bool
) -> onnx.ModelProto:
    """The protobuf without weights, or with references to where they lie in ``location``."""
    held = [
        value
        for value in model.graph.initializers.values()
        if isinstance(value.const_value, (Weight, ComputedWeight))
    ]
    kept = [value.const_value for value in held]
    try:
        for value, weight, offset in zip(held, kept, offsets or [0] * len(held), strict=True):
            assert isinstance(weight, (Weight, ComputedWeight))
            value.const_value = ir.ExternalTensor(
                location or "streamed",
                offset,
                weight.nbytes,
                weight.dtype,
                shape=ir.Shape(weight.shape.numpy()),
                name=value.name or "",
            )
        proto: onnx.ModelProto = ir.to_proto(model)
    finally:
        for value, weight in zip(held, kept, strict=True):
            value.const_value = weight
    graph = proto.graph
    if as_inputs or not include:
        given = {declared.name for declared in graph.input}
        for value in model.graph.initializers.values():
            if value.name not in given and (include or value in held):
                graph.input.append(ir.to_proto(value))
    if not location:
        names = {value.name for value in held}
        rest = [tensor for tensor in graph.initializer if tensor.name not in names]
        del graph.initializer[:]
        graph.initializer.extend(rest)
    return proto


def _header(weight: AnyWeight) -> onnx.TensorProto:
    return onnx.TensorProto(
        name=weight.name, data_type=int(weight.dtype), dims=list(weight.shape.numpy())
    )


def _write_single(file: IO[bytes], proto: onnx.ModelProto, weights: list[AnyWeight]) -> int:
    """ModelProto with the weights streamed into its graph."""
    graph = proto.graph.SerializeToString(deterministic=True)
    proto.ClearField("graph")
    rest = proto.SerializeToString(deterministic=True)
    heads = []
    length = len(graph)
    for weight in weights:
        header = _header(weight).SerializeToString(deterministic=True)
        header += bytes([RAW_DATA_OF_TENSOR]) + varint(weight.nbytes)
        head = bytes([INITIALIZER_OF_GRAPH]) + varint(len(header) + weight.nbytes) + header
        heads.append(head)
        length += len(head) + weight.nbytes
    opening = rest + bytes([GRAPH_OF_MODEL]) + varint(length)
    if len(opening) + length > LARGEST_FILE:
        raise ModelTooLarge(len(opening) + length)
    file.write(opening)
    file.write(graph)
    for head, weight in zip(heads, weights, strict=True):
        file.write(head)
        write_to(weight, file)
    return len(opening) + length


def _offsets(weights: list[AnyWeight]) -> list[int]:
    """Where each weight starts in the data file; large ones on a page, to be mapped into memory."""
    offsets = []
    position = 0
    for weight in weights:
        if weight.nbytes >= ALIGN_FROM:
            position = -(-position // ALIGNMENT) * ALIGNMENT
        offsets.append(position)
        position += weight.nbytes
    return offsets


def _write_data(file: IO[bytes], weights: list[AnyWeight], offsets: list[int]) -> int:
    position = 0
    for weight, offset in zip(weights, offsets, strict=True):
        file.write(bytes(offset - position))
        write_to(weight, file)
        position = offset + weight.nbytes
    return position


def varint(number: int) -> bytes:
    """Protobuf's variable-length integer."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """A temporary file beside the target that takes its place when all went well."""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise CannotWrite(str(target), str(error.strerror or error)) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        # mkstemp makes files that only their owner can read.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, target)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError):
            raise CannotWrite(str(target), str(error.strerror or error)) from error
        raise


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
