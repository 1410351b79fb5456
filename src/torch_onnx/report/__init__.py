"""What an exported model is, as a page to read: Markdown, or one HTML file with the graph."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from torch_onnx.errors import CannotWrite
from torch_onnx.report.facts import Facts
from torch_onnx.report.markdown import markdown
from torch_onnx.report.page import page

__all__ = ["Facts", "markdown", "page", "write", "write_text"]


def write(facts: Facts, path: str | PathLike[str]) -> Path:
    """Write the report: HTML for ``.html`` and ``.htm``, Markdown for anything else.

    Raises:
        CannotWrite: when the path can't be written.
    """
    is_page = Path(path).suffix.lower() in (".html", ".htm")
    return write_text(path, page(facts) if is_page else markdown(facts))


def write_text(path: str | PathLike[str], text: str) -> Path:
    target = Path(path)
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotWrite(str(target), str(error.strerror or error)) from error
    return target
