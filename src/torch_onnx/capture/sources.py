"""Where a call comes from: PyTorch's stack text and module stack, parsed once, in capture."""

from __future__ import annotations

import linecache
import os
import re
import sys
import traceback
from typing import Any

from torch_onnx import compat_extending
from torch_onnx.errors import CaptureError
from torch_onnx.graph import Frame, Source

# Frames of these packages are never the user's own line.
LEFT_OUT = ("torch/", "torch_onnx/", "transformers/utils/")

# What torch.export writes for calls that it makes itself.
NO_MODULE = "_empty_nn_module_stack_from_metadata_hook"

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in ([^\n]+)\n\s*([^\n]*)')


class Sources:
    """Sources of one program: each distinct stack text is parsed once."""

    __slots__ = ("_frames", "_modules", "_prefix", "_roots", "_sources")

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._frames: dict[str, Frame | None] = {}
        self._modules: dict[str, tuple[str, str, str]] = {}
        self._sources: dict[Any, Source] = {}
        self._roots = sorted(
            {os.path.abspath(p or ".") + os.sep for p in sys.path}, key=len, reverse=True
        )

    def source(self, meta: dict[str, Any]) -> Source:
        """The source of an FX node, from its metadata."""
        stack = meta.get("stack_trace") or ""
        modules = meta.get("nn_module_stack") or {}
        innermost = next(reversed(modules), "")
        annotations = compat_extending.annotations_of(meta)
        key = (stack, innermost, annotations)
        found = self._sources.get(key)
        if found is None:
            module, scope, class_name = self._module(innermost, modules)
            found = Source(module, scope, class_name, self.frame(stack), annotations)
            self._sources[key] = found
        return found

    def frame(self, stack: str) -> Frame | None:
        """The innermost line of the stack that is the user's."""
        if stack not in self._frames:
            self._frames[stack] = self._parse(stack)
        return self._frames[stack]

    def _parse(self, stack: str) -> Frame | None:
        for path, line, function, code in reversed(_FRAME.findall(stack)):
            short = self.shorten(path)
            if not short.startswith(LEFT_OUT):
                return Frame(short, int(line), function, code.strip())
        return None

    def frame_of(self, summary: Any) -> Frame | None:
        """A FrameSummary of the traceback module as a Frame."""
        if not isinstance(summary, traceback.FrameSummary):
            return None
        path = self.shorten(summary.filename)
        return Frame(path, summary.lineno or 0, summary.name, (summary.line or "").strip())

    def frame_at(self, frame: Any) -> Frame:
        """A frame of Python's stack as a Frame."""
        path, line = frame.f_code.co_filename, frame.f_lineno
        text = linecache.getline(path, line).strip()
        return Frame(self.shorten(path), line, frame.f_code.co_name, text)

    def shorten(self, path: str) -> str:
        """A path from its import root on, so that files hold no path of the user's machine."""
        for root in self._roots:
            if path.startswith(root):
                return path[len(root) :].replace(os.sep, "/")
        return os.path.basename(path)

    def _module(self, key: str, modules: dict[str, Any]) -> tuple[str, str, str]:
        if not modules:
            return "", "", ""
        path, kind = modules[key]
        path = self._strip(path)
        class_name = kind if isinstance(kind, str) else kind.__qualname__
        scope, parent = "", ""
        for step, _ in modules.values():
            step = self._strip(step)
            if step == parent or not step:
                continue
            inside = step[len(parent) + 1 :] if parent and step.startswith(parent + ".") else step
            scope += "/" + inside
            parent = step
        return path, scope, class_name.rpartition(".")[2]

    def _strip(self, path: str) -> str:
        path = path.partition("@")[0]
        if path == NO_MODULE:
            return ""
        if self._prefix and (path + ".").startswith(self._prefix):
            return path[len(self._prefix) :]
        return path


def raised_at(error: Exception) -> Frame | None:
    """The user's line that an error comes from, or the last before PyTorch's own code."""
    return Sources("").frame("".join(traceback.format_tb(error.__traceback__)))


def raised_by_model(error: Exception) -> CaptureError:
    """What the model's own code raised, in the user's terms."""
    text = str(error).strip() or type(error).__name__
    first = next((line for line in text.splitlines() if line.strip()), "")
    return CaptureError(
        f"{type(error).__name__} while the model ran: {first}",
        raised_at(error),
        "The whole trace is the cause of this error (__cause__).",
    )
