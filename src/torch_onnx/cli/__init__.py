"""The command ``torch-onnx``. Needs typer and rich: pip install 'torch-onnx-exporter[cli]'."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command."""
    try:
        from torch_onnx.cli.commands import run
    except ImportError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.stderr.write("torch-onnx needs pip install 'torch-onnx-exporter[cli]'\n")
        sys.exit(2)
    run()
