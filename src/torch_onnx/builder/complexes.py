"""Complex tensors, which ONNX's operators don't take: two real parts, or a last axis of 2.

In the file a complex tensor is a real one with a last axis of 2. While the graph is built, one
that a translation makes is kept as its two parts, and put together only where it has to be stored.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from torch_onnx.builder.dtypes import complex_of, real_of
from torch_onnx.builder.values import OnnxValue


class Complexes:
    """The part of the builder that knows about complex tensors."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]: ...
        def constant(self, value: Any, dtype: torch.dtype | None = None) -> OnnxValue: ...
        def materialize(self, x: OnnxValue) -> Any: ...
        def cast(self, x: OnnxValue, dtype: torch.dtype) -> OnnxValue: ...
        def shape_vector(self, x: OnnxValue) -> OnnxValue: ...

    def complex(self, real: OnnxValue, imaginary: OnnxValue | None = None) -> OnnxValue:
        """The complex tensor of two parts of one shape and float dtype; None is all zeros."""
        if real.constant is not None and (imaginary is None or imaginary.constant is not None):
            other = torch.zeros_like(real.constant) if imaginary is None else imaginary.constant
            assert other is not None
            return self.constant(torch.complex(real.constant, other))
        return OnnxValue(complex_of(real.dtype), real.shape, parts=(real, imaginary))

    def parts(self, x: OnnxValue) -> tuple[OnnxValue, OnnxValue | None]:
        """The real and imaginary part, which is None where all of it is known to be zero."""
        if not x.is_complex:
            return x, None
        if x.parts is not None:
            return x.parts
        if x.constant is not None:
            whole = x.constant.resolve_conj()
            imaginary = None if not bool(whole.imag.any()) else self.constant(whole.imag.clone())
            return self.constant(whole.real.clone()), imaginary
        both = self.as_real(x)
        return self.Gather(both, 0, axis=-1), self.Gather(both, 1, axis=-1)

    def both_parts(self, x: OnnxValue) -> tuple[OnnxValue, OnnxValue]:
        """The real and imaginary part."""
        real, imaginary = self.parts(x)
        return real, self.zeros_as(real) if imaginary is None else imaginary

    def zeros_as(self, x: OnnxValue) -> OnnxValue:
        """Zeros of the shape and dtype of a real tensor."""
        zero = torch.zeros(1, dtype=x.dtype)
        result: OnnxValue = self.ConstantOfShape(self.shape_vector(x), value=zero)
        result.shape = x.shape
        return result

    def as_real(self, x: OnnxValue) -> OnnxValue:
        """A complex tensor as the real one with a last axis of 2 that it is stored as."""
        if x.constant is not None:
            return self.constant(torch.view_as_real(x.constant.resolve_conj()))
        if x.value is not None:
            shape = None if x.shape is None else (*x.shape, 2)
            return OnnxValue(real_of(x.dtype), shape, value=x.value)
        result: OnnxValue = self.Concat(
            *(self.Unsqueeze(part, axes=[-1]) for part in self.both_parts(x)), axis=-1
        )
        return result

    def as_complex(self, x: OnnxValue) -> OnnxValue:
        """The complex tensor that a real one with a last axis of 2 stores."""
        if x.constant is not None:
            return self.constant(torch.view_as_complex(x.constant.contiguous()))
        shape = None if x.shape is None else x.shape[:-1]
        return OnnxValue(complex_of(x.dtype), shape, value=self.materialize(x))

    def shaped_alike(self, x: OnnxValue) -> OnnxValue:
        """A real tensor that has the shape of x."""
        return self.parts(x)[0]

    def cast_complex(self, x: OnnxValue, dtype: torch.dtype) -> OnnxValue:
        """A cast to or from a complex dtype. As in PyTorch, real numbers lose the imaginary part,
        and a bool is true where either part is not zero.
        """
        real, imaginary = self.parts(x)
        if dtype == torch.bool and imaginary is not None:
            either: OnnxValue = self.Or(self.cast(real, dtype), self.cast(imaginary, dtype))
            return either
        real = self.cast(real, real_of(dtype))
        if not dtype.is_complex:
            return real
        if imaginary is not None:
            imaginary = self.cast(imaginary, real_of(dtype))
        return self.complex(real, imaginary)
