"""Memory of this process, and the size of a written model."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from pathlib import Path

import onnx

STATUS = Path("/proc/self/status")


class PeakMemory:
    """Peak resident memory above what was resident when it was made; Linux only."""

    def __init__(self) -> None:
        gc.collect()
        try:
            # 5 resets the high-water mark to what is resident now.
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
            self._start: int | None = _status("VmRSS")
        except OSError:
            self._start = None

    def megabytes(self) -> float | None:
        """None where the system does not tell."""
        if self._start is None:
            return None
        return max(0, _status("VmHWM") - self._start) / 1e6


def _status(field: str) -> int:
    for line in STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"{STATUS} has no {field}")


def count_nodes(path: Path) -> int:
    """All nodes, those of subgraphs and of functions included."""
    model = onnx.load(path, load_external_data=False)
    return _count(model.graph.node) + sum(_count(f.node) for f in model.functions)


def _count(nodes: Iterable[onnx.NodeProto]) -> int:
    total = 0
    for node in nodes:
        total += 1
        for attribute in node.attribute:
            graphs = [attribute.g] if attribute.HasField("g") else []
            total += sum(_count(graph.node) for graph in [*graphs, *attribute.graphs])
    return total


def file_megabytes(directory: Path) -> float:
    """Model and external data, which have the directory to themselves."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()) / 1e6
