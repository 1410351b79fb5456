"""Which torch operators have a translation, from which opset on; and what is installed."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from typing import Any

import torch

from torch_onnx import compat
from torch_onnx.ops import builtin_tables
from torch_onnx.ops.table import DEFAULT_OPSET, HIGHEST_OPSET, LOWEST_OPSET

PACKAGES = ("torch", "onnx", "onnx-ir", "numpy", "onnxruntime", "typer", "rich", "transformers")
NEEDED = ("torch", "onnx", "onnx-ir", "numpy")


@dataclass(frozen=True, slots=True)
class Support:
    """An operator: ``translated`` from opset ``since`` on, ``decomposable`` where PyTorch can say
    it in others (which may or may not be translated), or ``missing``.
    """

    name: str
    status: str
    since: int | None = None


def operators(opset: int = DEFAULT_OPSET, name: str = "") -> list[Support]:
    """The status of every aten operator of this PyTorch, and of others with a translation."""
    tables = builtin_tables()
    names = {name for table in tables for name in table.rows}
    names.update(_aten())
    found = []
    for full in sorted(names):
        if name not in full:
            continue
        rows = [row for table in tables for row in table.rows.get(full, ())]
        since = min((row.since for row in rows), default=None)
        if since is not None and since <= opset:
            found.append(Support(full, "translated", since))
            continue
        overload = compat.overload_of(full)
        if overload is not None and compat.decomposition_of(overload) is not None:
            found.append(Support(full, "decomposable"))
        else:
            found.append(Support(full, "missing"))
    return found


def _aten() -> list[str]:
    """The aten operators that return tensors and write nothing: those a program is made of."""
    names = []
    for schema in compat.all_schemas():
        name = f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
        if not name.startswith("aten::") or name.startswith("aten::_"):
            continue
        if schema.is_mutable or not any("Tensor" in str(r.type) for r in schema.returns):
            continue
        if name.endswith(".out") or "backward" in name or any(a.is_out for a in schema.arguments):
            continue
        names.append(name)
    return names


def doctor() -> dict[str, Any]:
    """Versions of what is installed, and what can be done with them."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": versions,
        "opsets": {"lowest": LOWEST_OPSET, "default": DEFAULT_OPSET, "highest": HIGHEST_OPSET},
        "highest_opset_of_onnx": _highest_of_onnx(),
        "can_export": all(versions[package] for package in NEEDED),
        "can_verify": versions["onnxruntime"] is not None,
        "is_debug_build": bool(torch.version.debug),
    }


def _highest_of_onnx() -> int:
    import onnx

    return onnx.defs.onnx_opset_version()
