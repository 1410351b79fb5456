"""The passes in order, with reasons."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import onnx_ir as ir

from torch_onnx.passes.fold_batch_norm import FoldBatchNorm
from torch_onnx.passes.fuse_rms_norm import FuseRMSNorm
from torch_onnx.passes.fuse_rotary import FuseRotary
from torch_onnx.passes.remove_unused import RemoveUnused
from torch_onnx.passes.transposed_weights import TransposedWeights

Pass = Callable[[ir.Model], ir.Model]

OPTIMIZATIONS: tuple[Pass, ...] = (
    FoldBatchNorm(),
    TransposedWeights(),
    FuseRMSNorm(),
    FuseRotary(),
)


Around = Callable[[str, Callable[[], int]], AbstractContextManager[object]]


def _alone(name: str, count: Callable[[], int]) -> AbstractContextManager[object]:
    return nullcontext()


def tidy(
    model: ir.Model,
    *,
    optimize: bool = True,
    skip: frozenset[str] = frozenset(),
    around: Around = _alone,
) -> ir.Model:
    """Run the passes, on the model's functions too. It is changed in place and returned.

    ``skip`` names optimizations to leave out. Each pass runs within ``around`` its name, which may
    count the nodes.
    """
    # First what is dead: a dead reader must not keep a weight from being stored another way.
    steps: list[Pass] = [RemoveUnused()]
    if optimize:
        steps += [step for step in OPTIMIZATIONS if getattr(step, "name", "") not in skip]
        steps.append(RemoveUnused())
    for step in steps:
        with around(getattr(step, "name", "pass"), lambda: len(model.graph)):
            step(model)
            if step in OPTIMIZATIONS:
                for function in model.functions.values():
                    step(ir.Model(function.graph, ir_version=model.ir_version))
    return model
