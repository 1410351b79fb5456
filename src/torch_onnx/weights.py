"""Weights as ONNX initializers hold them: references to torch storages until the file is written.

Nothing here reads or copies a byte before ``write_to``, and that goes block by block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping
from typing import IO, Any

import numpy as np
import onnx_ir as ir
import torch

from torch_onnx.builder.dtypes import TO_ONNX, real_of
from torch_onnx.errors import InputError, MissingWeights

BLOCK_BYTES = 16 * 2**20

Compute = Callable[..., torch.Tensor]


class Weight:
    """A parameter or buffer as it is, or a matrix stored transposed. An ``ir.TensorProtocol``.

    Complex tensors are stored as real ones with a last axis of 2.
    """

    __slots__ = (
        "doc_string", "dtype", "key", "meta", "metadata_props", "name", "raw", "shape", "tensor",
        "transpose",
    )  # fmt: skip

    def __init__(self, name: str, tensor: torch.Tensor, *, transpose: bool = False) -> None:
        self.name: str | None = name
        self.key = name
        self.tensor = tensor.detach()
        self.raw: Any = self.tensor
        self.transpose = transpose
        sizes = list(tensor.shape)
        if transpose:
            sizes.reverse()
        self.shape: ir.ShapeProtocol = ir.Shape([*sizes, 2] if tensor.is_complex() else sizes)
        self.dtype = TO_ONNX[real_of(tensor.dtype)]
        self.doc_string: str | None = None
        self.metadata_props: MutableMapping[str, str] = {}
        self.meta: MutableMapping[str, Any] = {}

    @property
    def size(self) -> int:
        return math.prod(self.shape.numpy())

    @property
    def nbytes(self) -> int:
        return self.tensor.numel() * self.tensor.element_size()

    def sources(self) -> dict[str, str]:
        """Which state_dict keys it is made of, by role."""
        return {"tensor": self.key}

    def with_tensors(self, tensors: Mapping[str, torch.Tensor]) -> Weight:
        """The same weight of another tensor.

        Raises:
            InputError: for another shape or dtype.
        """
        return _same_type(Weight(self.key, tensors["tensor"], transpose=self.transpose), self)

    def evaluate(self) -> torch.Tensor:
        """The stored tensor. A view where it can be one."""
        if self.tensor.is_meta:
            raise MissingWeights([self.key])
        tensor = self.tensor.t() if self.transpose else self.tensor
        return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self.evaluate().__dlpack__(stream=stream)

    def __dlpack_device__(self) -> Any:
        return self.evaluate().__dlpack_device__()

    def numpy(self) -> np.ndarray[Any, Any]:
        return to_numpy(self.evaluate())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def tobytes(self) -> bytes:
        return bytes(raw(self.evaluate()))

    def tofile(self, file: IO[bytes]) -> None:
        write_to(self, file)

    def __repr__(self) -> str:
        return f"Weight<{self.dtype.name},{self.shape}>({self.key!r})"


class ComputedWeight:
    """A weight computed from others when it is written (a convolution with folded normalisation).

    ``compute`` takes the tensors by their roles; its result has ``dtype`` and ``sizes``.
    """

    __slots__ = (
        "compute", "doc_string", "dtype", "keys", "meta", "metadata_props", "name", "raw", "shape",
        "tensors", "torch_dtype",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        keys: Mapping[str, str],
        tensors: Mapping[str, torch.Tensor],
        compute: Compute,
        dtype: torch.dtype,
        sizes: tuple[int, ...],
    ) -> None:
        self.name: str | None = name
        self.keys = dict(keys)
        self.tensors = {role: tensor.detach() for role, tensor in tensors.items()}
        self.compute = compute
        self.raw: Any = compute
        self.torch_dtype = dtype
        self.dtype = TO_ONNX[dtype]
        self.shape: ir.ShapeProtocol = ir.Shape(sizes)
        self.doc_string: str | None = None
        self.metadata_props: MutableMapping[str, str] = {}
        self.meta: MutableMapping[str, Any] = {}

    @property
    def size(self) -> int:
        return math.prod(self.shape.numpy())

    @property
    def nbytes(self) -> int:
        return self.size * self.torch_dtype.itemsize

    def sources(self) -> dict[str, str]:
        """Which state_dict keys it is made of, by role."""
        return dict(self.keys)

    def with_tensors(self, tensors: Mapping[str, torch.Tensor]) -> ComputedWeight:
        """The same computation on other tensors; those not given stay."""
        assert self.name is not None
        both = {**self.tensors, **tensors}
        return ComputedWeight(
            self.name, self.keys, both, self.compute, self.torch_dtype, tuple(self.shape.numpy())
        )

    def evaluate(self) -> torch.Tensor:
        missing = [self.keys[role] for role, tensor in self.tensors.items() if tensor.is_meta]
        if missing:
            raise MissingWeights(missing)
        with torch.no_grad():
            result = self.compute(**self.tensors)
        assert tuple(result.shape) == self.shape.numpy()
        assert result.dtype == self.torch_dtype
        return result

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self.evaluate().__dlpack__(stream=stream)

    def __dlpack_device__(self) -> Any:
        return self.evaluate().__dlpack_device__()

    def numpy(self) -> np.ndarray[Any, Any]:
        return to_numpy(self.evaluate())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def tobytes(self) -> bytes:
        return bytes(raw(self.evaluate()))

    def tofile(self, file: IO[bytes]) -> None:
        write_to(self, file)

    def __repr__(self) -> str:
        return f"ComputedWeight<{self.dtype.name},{self.shape}>({sorted(self.keys.values())})"


def replace(
    weight: Weight | ComputedWeight, state_dict: Mapping[str, torch.Tensor]
) -> Weight | ComputedWeight:
    """The weight made of the tensors that ``state_dict`` has under its keys."""
    keys = weight.sources()
    return weight.with_tensors(
        {role: state_dict[key] for role, key in keys.items() if key in state_dict}
    )


def _same_type(new: Weight, old: Weight) -> Weight:
    if new.tensor.shape != old.tensor.shape or new.tensor.dtype != old.tensor.dtype:
        raise InputError(
            f"The weight {old.key} is {old.tensor.dtype} {list(old.tensor.shape)}, "
            f"the one given is {new.tensor.dtype} {list(new.tensor.shape)}."
        )
    new.name = old.name
    return new


def storage_key(tensor: torch.Tensor) -> object:
    """Equal for tensors that are the same view of the same storage (tied weights)."""
    if tensor.is_meta or tensor.numel() == 0:
        return id(tensor)
    return (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.device)


def write_to(weight: Weight | ComputedWeight, file: IO[bytes]) -> None:
    """Write the bytes as ONNX's raw_data wants them, a block of rows at a time."""
    tensor = weight.evaluate()
    if tensor.numel() == 0:
        return
    row_bytes = tensor.element_size() * (
        tensor.numel() // max(tensor.shape[0], 1) if tensor.dim() else 1
    )
    if tensor.is_contiguous() and tensor.device.type == "cpu":
        file.write(raw(tensor))
        return
    if tensor.dim() == 0:
        file.write(raw(tensor.cpu()))
        return
    rows = max(1, BLOCK_BYTES // max(row_bytes, 1))
    for start in range(0, tensor.shape[0], rows):
        file.write(raw(tensor[start : start + rows].cpu()))


def raw(tensor: torch.Tensor) -> memoryview:
    """The bytes of a CPU tensor in row-major order; no copy where it is contiguous."""
    tensor = tensor.contiguous()
    data: np.ndarray[Any, np.dtype[np.uint8]] = tensor.view(-1).view(torch.uint8).numpy()
    return data.data


def to_numpy(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """A CPU array; types that numpy lacks through ml_dtypes, as onnx_ir has them."""
    tensor = tensor.detach().cpu()
    dtype = TO_ONNX[tensor.dtype].numpy()
    return np.frombuffer(raw(tensor), dtype=dtype).reshape(tuple(tensor.shape))
