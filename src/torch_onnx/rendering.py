"""The text of errors: one screen each, in the user's terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch_onnx.errors import (
        CaptureError,
        DimensionSpecialized,
        TranslationError,
        UnsupportedCall,
        UnsupportedOperators,
        VerificationError,
    )
    from torch_onnx.graph import Frame

MOST_ROWS = 20


def place(frame: Frame | None) -> str:
    """``model.py:41``, or a dash where the source is not known."""
    return str(frame) if frame else "-"


def table(rows: Sequence[tuple[str, ...]], indent: str = "  ") -> str:
    """Rows in left-aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(indent + line for line in lines)


def unsupported_operators(error: UnsupportedOperators) -> str:
    groups: dict[str, list[UnsupportedCall]] = {}
    for call in error.calls:
        groups.setdefault(call.op, []).append(call)
    count = len(groups)
    title = (
        f"{count} operator{'s have' if count > 1 else ' has'} no translation at opset {error.opset}"
    )
    rows = []
    for op, calls in sorted(groups.items()):
        first = calls[0]
        code = first.frame.code if first.frame else ""
        times = f"{len(calls)} calls" if len(calls) > 1 else "1 call"
        types = ", ".join(first.types)
        rows.append((op, times, types, first.module or "(model)", place(first.frame), code))
    text = [title, table(rows[:MOST_ROWS])]
    if len(rows) > MOST_ROWS:
        text.append(f"  … and {len(rows) - MOST_ROWS} more")
    reasons = {c.op: c.reason for c in error.calls if c.reason}
    text += [f"  {op}: {reason}" for op, reason in sorted(reasons.items())]
    text.append("Give a translation with a torch_onnx.OpTable in custom_translation_table=.")
    return "\n".join(text)


def translation_error(error: TranslationError) -> str:
    text = [f"The translations of {error.table} do not fit PyTorch's operators:"]
    text += [f"  {problem}" for problem in error.problems[:MOST_ROWS]]
    if len(error.problems) > MOST_ROWS:
        text.append(f"  … and {len(error.problems) - MOST_ROWS} more")
    return "\n".join(text)


def capture_error(error: CaptureError) -> str:
    text = [error.reason]
    if error.frame:
        function = f" in {error.frame.function}" if error.frame.function else ""
        text += [f"  at {error.frame}{function}", f"    {error.frame.code}"]
    if error.advice:
        text.append(error.advice)
    return "\n".join(text)


def dimension_specialized(error: DimensionSpecialized) -> str:
    count = len(error.dimensions)
    text = [f"{count} dimension{'s' if count > 1 else ''} can't stay dynamic:"]
    for dim in error.dimensions:
        name = f" ({dim.name!r})" if dim.name else ""
        text.append(f"  {dim.input_name}, axis {dim.axis}{name}: the model fixes it to {dim.size}")
        if dim.guard:
            text.append(f"    because it needs {dim.guard}")
        if dim.frame:
            text += [f"    at {dim.frame} in {dim.frame.function}", f"      {dim.frame.code}"]
    text.append("Change that line, or leave the axis out of dynamic_shapes.")
    return "\n".join(text)


def verification_error(error: VerificationError) -> str:
    text = ["ONNX Runtime's outputs differ from PyTorch's:"]
    text += [
        f"  {m.output}: {m.problem}" + (f"  [{m.inputs}]" if m.inputs else "")
        for m in error.mismatches[:MOST_ROWS]
    ]
    if len(error.mismatches) > MOST_ROWS:
        text.append(f"  … and {len(error.mismatches) - MOST_ROWS} more")
    text.append("program.bisect() finds the first node that departs.")
    return "\n".join(text)
