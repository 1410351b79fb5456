"""What can go wrong, as data. The text that users read is made in ``rendering.py``.

Every class has fields to program against; ``str(error)`` is the one-screen message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch_onnx import rendering
from torch_onnx.graph import Frame


class ExportError(RuntimeError):
    """Base of all errors that an export raises on purpose.

    A RuntimeError, as those of torch.onnx are, for code that expects such.
    """


class ModelNotes(UserWarning):
    """What holds for an exported model and was not asked for; also in ``program.notes``."""


@dataclass(eq=False)
class UnsupportedCall:
    """A call without a translation: its operator, types, place in the model, and why."""

    op: str
    types: tuple[str, ...]
    module: str
    frame: Frame | None
    reason: str | None = None


@dataclass(eq=False)
class UnsupportedOperators(ExportError):
    """Some calls have no translation at the target opset. All of them are listed at once."""

    calls: list[UnsupportedCall]
    opset: int

    def __str__(self) -> str:
        return rendering.unsupported_operators(self)


@dataclass(eq=False)
class NotExpressible(ExportError):
    """Raised by a translation that can't say in ONNX what the call means.

    ``since`` is the opset from which it can, where there is one.
    """

    reason: str
    since: int | None = None

    def __str__(self) -> str:
        if self.since is None:
            return self.reason
        return f"{self.reason} (possible from opset {self.since})"


@dataclass(eq=False)
class TranslationError(ExportError):
    """Translations that a user gave do not fit PyTorch's operators; all of them are listed."""

    table: str
    problems: list[str]

    def __str__(self) -> str:
        return rendering.translation_error(self)


@dataclass(eq=False)
class CaptureError(ExportError):
    """The model's forward raised, or PyTorch could not capture it; see ``__cause__``."""

    reason: str
    frame: Frame | None = None
    advice: str = ""

    @property
    def first_line(self) -> str:
        return str(self).partition("\n")[0]

    def __str__(self) -> str:
        return rendering.capture_error(self)


@dataclass(eq=False)
class SpecializedDimension:
    """A dim that the user asked to be dynamic and the model fixes."""

    input_name: str
    axis: int
    name: str | None
    size: str
    frame: Frame | None = None
    guard: str | None = None


@dataclass(eq=False)
class DimensionSpecialized(ExportError):
    """Dims that were asked to be dynamic can't be."""

    dimensions: list[SpecializedDimension]

    def locate(self, frame: Frame | None) -> None:
        """Name the user's line for dims of which only a line of PyTorch's own is known."""
        for dim in self.dimensions:
            if frame is not None and (dim.frame is None or dim.frame.path.startswith("torch/")):
                dim.frame = frame

    def __str__(self) -> str:
        return rendering.dimension_specialized(self)


@dataclass(eq=False)
class UnknownOpset(ExportError):
    """The opset asked for is outside the range supported."""

    opset: object
    lowest: int
    highest: int

    def __str__(self) -> str:
        return (
            f"opset_version={self.opset!r} is not supported: choose one from "
            f"{self.lowest} to {self.highest}."
        )


@dataclass(eq=False)
class InputError(ExportError):
    """The example inputs do not fit the model's forward."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class SignatureError(ExportError):
    """Input or output names clash or don't fit."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class DynamicShapeError(ExportError):
    """``dynamic_shapes`` or ``dynamic_axes`` do not fit the inputs."""

    message: str

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class CannotWrite(ExportError):
    """The target file can't be written."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"Cannot write {self.path}: {self.reason}."


@dataclass(eq=False)
class ModelTooLarge(ExportError):
    """The model does not fit one file."""

    size: int

    def __str__(self) -> str:
        return (
            f"The model takes {self.size / 2**30:.1f} GiB and one ONNX file holds at most 2 GiB: "
            "leave external_data out or set external_data=True."
        )


@dataclass(eq=False)
class MissingWeights(ExportError):
    """A parameter has no data (it is on the meta device)."""

    names: list[str]

    def __str__(self) -> str:
        shown = ", ".join(self.names[:5]) + (" …" if len(self.names) > 5 else "")
        return (
            f"{len(self.names)} weights have no data: {shown}. "
            "Give them with program.apply_weights(state_dict) before saving."
        )


@dataclass(eq=False)
class Mismatch:
    """An output that departs from PyTorch's."""

    output: str
    problem: str
    inputs: str = ""


@dataclass(eq=False)
class VerificationError(ExportError):
    """ONNX Runtime and PyTorch disagree. ``verification`` has all that was compared."""

    mismatches: list[Mismatch] = field(default_factory=list)
    verification: Any = None

    def __str__(self) -> str:
        return rendering.verification_error(self)
