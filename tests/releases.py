"""Which PyTorch the tests run with, and what that one can't do."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

RELEASE = tuple(int(part) for part in torch.__version__.split(".")[:2])


def lacks(release: str) -> bool:
    """Whether this PyTorch is older than the release, ``"2.9"``."""
    return tuple(int(part) for part in release.split(".")) > RELEASE


def since(release: str, why: str) -> pytest.MarkDecorator:
    """Skips a test where PyTorch itself lacks what it needs. docs/compatibility.md counts these."""
    return pytest.mark.skipif(lacks(release), reason=f"PyTorch {release}: {why}")


def needs(release: str, why: str) -> None:
    """The same, for some of a test's parameters."""
    if lacks(release):
        pytest.skip(f"PyTorch {release}: {why}")


def runnable(program: torch.export.ExportedProgram) -> Any:
    """What torch.export captured, to be run. The checks of PyTorch 2.9 don't know their inputs."""
    module: Any = program.module
    if "check_guards" in inspect.signature(module).parameters:
        return module(check_guards=False)
    return module()
