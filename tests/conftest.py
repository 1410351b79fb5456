"""Marks the part of the tests that CI runs with the oldest and the newest PyTorch: ``-m portable``.

The programming interface, each front end, custom operators, one model of each kind, and the first
case of each theme of operators and of TorchScript.
"""

from __future__ import annotations

from pathlib import Path

import pytest

FILES = {
    "test_compat.py",
    "test_control_flow.py",
    "test_custom.py",
    "test_errors.py",
    "test_export.py",
    "test_functions.py",
    "test_legacy.py",
    "test_packaging.py",
    "test_public_api.py",
    "test_recording.py",
    "test_signature.py",
    "test_torchscript.py",
}
MODELS = {"bert", "llama_cache", "t5", "whisper_encoder", "clip", "convnext", "qwen3_moe"}
THEMES = {"test_operator", "test_program"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    first_of: dict[str, object] = {}
    for item in items:
        if is_portable(item, first_of):
            item.add_marker(pytest.mark.portable)


def is_portable(item: pytest.Item, first_of: dict[str, object]) -> bool:
    """Whether a test belongs to the part; ``first_of`` keeps the first case of each theme met."""
    path, name = Path(item.fspath), getattr(item, "originalname", item.name)
    callspec = getattr(item, "callspec", None)
    if path.name == "test_models.py" and callspec is not None:
        return str(callspec.params.get("case")) in MODELS
    if name in THEMES and callspec is not None:
        case = callspec.params["case"]
        theme = f"{path.parent.name}-{callspec.id.split('-')[0]}"
        return first_of.setdefault(theme, case) is case
    return path.parent.name == "tests" and path.name in FILES
