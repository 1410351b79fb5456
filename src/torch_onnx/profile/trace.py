"""The events of an export in the format that Chrome's tracing and Perfetto read."""

from __future__ import annotations

import json
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch_onnx.profile.stages import Profile, Stage


def write(profile: Profile, path: str | PathLike[str]) -> Path:
    target = Path(path)
    content = {"traceEvents": events(profile), "displayTimeUnit": "ms"}
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return target


def events(profile: Profile) -> list[dict[str, Any]]:
    """Complete events ("X"), in microseconds: stages, then what is within them."""
    found: list[dict[str, Any]] = [
        {"ph": "M", "pid": 1, "tid": 1, "name": "process_name", "args": {"name": "torch_onnx"}},
    ]
    for stage in profile.stages:
        found += _stage(stage, "stage")
    for module in profile.modules:
        name = module.module or "(model)"
        found.append(_event(name, "module", module.start, module.seconds, {}))
    for call in profile.calls:
        details = {"module": call.module}
        found.append(_event(call.operator, "operator", call.start, call.seconds, details))
    return found


def _stage(stage: Stage, category: str) -> list[dict[str, Any]]:
    details = {
        "peak_memory_growth_mb": round(stage.peak_bytes / 1e6, 1),
        "nodes_before": stage.nodes_before,
        "nodes": stage.nodes,
    }
    found = [_event(stage.name, category, stage.start, stage.seconds, details)]
    for step in stage.inside:
        found += _stage(step, "pass")
    return found


def _event(
    name: str, category: str, start: float, seconds: float, details: dict[str, Any]
) -> dict[str, Any]:
    return {
        "ph": "X",
        "pid": 1,
        "tid": 1,
        "name": name,
        "cat": category,
        "ts": round(1e6 * start, 1),
        "dur": round(1e6 * seconds, 1),
        "args": details,
    }
