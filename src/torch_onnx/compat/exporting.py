"""What torch.export makes of a module."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Iterator
from typing import Any

import torch

from torch_onnx.compat.releases import RELEASE


def export(module: torch.nn.Module, tensors: tuple[torch.Tensor, ...], shapes: Any) -> Any:
    """What torch.export makes of a module before it decomposes anything."""
    exporting: Any = torch.export
    # Until PyTorch 2.6 that has another name, and ``export`` decomposes.
    whole = exporting.export_for_training if RELEASE < (2, 7) else exporting.export
    return whole(module, tensors, dynamic_shapes=shapes, strict=False)


def automatic_dim(low: int | None, high: int | None) -> Any:
    """A size for torch.export to find out about, within these bounds."""
    hint: Any = torch.export.Dim.AUTO
    # PyTorch 2.6 takes no bounds: it then relies on conditions, which are compared with them after.
    if (low is None and high is None) or not callable(hint):
        return hint
    return hint(min=low, max=high)


@contextlib.contextmanager
def causal_masks_are_not_sought() -> Iterator[None]:
    """Within, transformer layers take a mask as it is.

    They look at its elements to see whether it is causal, which is a hint for their kernels; the
    answer for the example's mask would leave the mask out of the model.
    """
    transformer: Any = importlib.import_module("torch.nn.modules.transformer")
    before = transformer._detect_is_causal_mask
    transformer._detect_is_causal_mask = _told_causal
    try:
        yield
    finally:
        transformer._detect_is_causal_mask = before


def _told_causal(mask: Any, is_causal: bool | None = None, size: int | None = None) -> bool:
    return is_causal is True


@contextlib.contextmanager
def sizes_of_one_stay_dynamic() -> Iterator[None]:
    """Within, torch.export does not fix a dynamic dim whose example size is 0 or 1."""
    config: Any = importlib.import_module("torch.fx.experimental._config")
    if hasattr(config, "backed_size_oblivious"):
        with config.patch(backed_size_oblivious=True):
            yield
        return
    # PyTorch 2.6 assumes all dynamic sizes to be 2 or more, and does not note what follows.
    exporting: Any = importlib.import_module("torch._export.non_strict_utils")
    original = exporting.ShapeEnv
    exporting.ShapeEnv = functools.partial(original, specialize_zero_one=False)
    try:
        yield
    finally:
        exporting.ShapeEnv = original


def shape_environment(program: torch.export.ExportedProgram) -> Any | None:
    """The ShapeEnv that a captured program's symbolic sizes live in."""
    for node in program.graph.nodes:
        mode = getattr(node.meta.get("val"), "fake_mode", None)
        if mode is not None and mode.shape_env is not None:
            return mode.shape_env
    return None
