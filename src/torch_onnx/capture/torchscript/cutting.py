"""Lists of known length cut at places known at run time only.

Mostly such a cut is a list of unknown length. An operator that takes one of its arguments from it
(a shape) needs to know how long it is: then there is a branch for each length.
"""

from __future__ import annotations

import operator
from typing import Any

from torch_onnx import compat
from torch_onnx.capture.torchscript.interpreter import TAKE_ANYTHING, Interpreter
from torch_onnx.capture.torchscript.values import ScriptList, is_run_time
from torch_onnx.graph import Value


def needs_length(run: Interpreter, node: Any) -> bool:
    """Whether what a list goes into takes none whose length is known at run time only."""
    users = {use.user.kind() for use in node.output().uses()}
    return any(kind not in TAKE_ANYTHING and f"list {kind}" not in run.handlers for kind in users)


def bounds(run: Interpreter, items: ScriptList, given: list[Any]) -> list[Any]:
    """Start, stop and step as numbers; or what has to be known for that, in place of one."""
    start, stop, step = given
    return [_place(run, start, len(items)), _place(run, stop, len(items)), step]


def undecided(run: Interpreter, items: ScriptList, given: list[Any]) -> Value | None:
    """What has to be known first of the places of a cut."""
    found = bounds(run, items, given)
    return next((bound for bound in found if isinstance(bound, Value)), None)


def _place(run: Interpreter, bound: Any, length: int) -> Any:
    if not is_run_time(bound):
        return bound
    # Places past the ends are the ends.
    lowest = 0 if compat.is_a_count(bound.fake) else -length
    for place in range(length, lowest, -1):
        reached = run.number(operator.ge, bound, place)
        if reached is not False:
            return place if reached is True else reached
    return lowest
