"""OnnxValue: what translations receive and return."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import onnx_ir as ir
import torch

from torch_onnx.graph import Dim

KnownSize: TypeAlias = int | Dim | None
"""A size: known, known by its expression, or not known at all (only within a translation)."""


@dataclass(frozen=True, slots=True, eq=False)
class MadeBy:
    """The node that made a value, for rules that look one node back."""

    operator: str
    inputs: tuple[OnnxValue | None, ...]
    attributes: dict[str, Any]


@dataclass(slots=True, eq=False)
class OnnxValue:
    """A tensor in the ONNX graph under construction, typed at birth.

    Attributes:
        dtype: the torch dtype (of the elements, for a sequence).
        shape: sizes, or None where even the rank is unknown.
        constant: the value itself where it is known and small. No node and no initializer
            exists for it until something uses it.
        value: the onnx_ir value; made when first used.
        is_number: a Python number of the program, known at run time only. It is stored as a
            tensor of shape ``[1]``, so that shapes are plain concatenations.
        parameter: the tensor that the program owns, where this value is one. Its bytes may
            not be read before saving.
        is_sequence: an ONNX sequence of tensors.
        is_optional: an ONNX optional, a tensor or nothing.
        expression: the canonical form of a number, where it has one.
        made_by: the node that made it.
        is_assumed: dtype and shape are a guess, for nobody has told them: the result of an
            operator of a custom domain. They become certain as the result of a call.
        parts: the real and imaginary part of a complex tensor made of them; no imaginary part
            means that it is zero. Others are stored with a last axis of 2 (``value``).
    """

    dtype: torch.dtype
    shape: tuple[KnownSize, ...] | None
    constant: torch.Tensor | None = None
    value: ir.Value | None = None
    is_number: bool = False
    parameter: torch.Tensor | None = None
    is_sequence: bool = False
    is_optional: bool = False
    expression: Dim | None = None
    made_by: MadeBy | None = None
    is_assumed: bool = False
    parts: tuple[OnnxValue, OnnxValue | None] | None = None

    @property
    def rank(self) -> int | None:
        return None if self.shape is None else len(self.shape)

    @property
    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    @property
    def is_complex(self) -> bool:
        return self.dtype.is_complex

    def __repr__(self) -> str:
        name = self.value.name if self.value is not None else "constant"
        return f"<{name}: {self.dtype} {self.shape}>"


Number: TypeAlias = int | float | bool | OnnxValue
"""A number of the program: known now, or a value of shape [1] known at run time."""

Integer: TypeAlias = int | OnnxValue


def stored_shape(dtype: torch.dtype, sizes: Sequence[KnownSize]) -> ir.Shape:
    """A shape as the file has it: complex tensors are real ones with a last axis of 2."""
    stored = (*sizes, 2) if dtype.is_complex else sizes
    return ir.Shape([_symbolic(str(size)) if isinstance(size, Dim) else size for size in stored])


@functools.lru_cache(maxsize=4096)
def _symbolic(expression: str) -> ir.SymbolicDim:
    # onnx_ir looks into each expression, and a program has few distinct ones.
    return ir.SymbolicDim(expression)
