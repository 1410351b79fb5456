"""What holds for the package as a whole: what it needs to run, and who imports whom."""

import ast
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import torch_onnx

PACKAGE = Path(torch_onnx.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))

# Part of the package (a top module or folder) → the parts that it may not import.
FORBIDDEN = {
    "graph": {"capture", "translate", "builder", "ops", "passes", "program"},
    "capture": {"translate", "builder", "ops", "passes", "program"},
    "builder": {"capture", "translate", "ops", "passes", "program"},
    "ops": {"capture", "translate", "passes", "program"},
    "passes": {"capture", "translate", "ops", "program"},
    "translate": {"passes", "program"},
    "errors": {"capture", "translate", "builder", "ops", "passes", "program"},
    "compat": {"capture", "translate", "builder", "ops", "passes", "program"},
    "compat_extending": {"capture", "translate", "builder", "ops", "passes", "program"},
}
# Where private names of PyTorch may stand.
COMPAT = {"compat", "compat_extending"}
# What stands above the export itself.
MAY_IMPORT_EXPORTER = {"__init__", "__main__", "cli", "testcase"}


def test_exports_without_torch_onnx_and_onnxscript() -> None:
    # PyTorch itself may load torch.onnx: older releases do with torch._dynamo, newer ones try to in
    # torch.export and go on without. So it is removed once torch is there and blocked from then on.
    program = """
        import importlib.abc
        import sys

        import onnxruntime
        import torch
        import torch._dynamo

        def blocked(name):
            return name.split(".")[0] == "onnxscript" or f"{name}.".startswith("torch.onnx.")

        class Blocker(importlib.abc.MetaPathFinder):
            def find_spec(self, name, path=None, target=None):
                if blocked(name):
                    raise ImportError(f"{name} is blocked")

        for name in [name for name in sys.modules if blocked(name)]:
            del sys.modules[name]
        vars(torch).pop("onnx", None)
        sys.meta_path.insert(0, Blocker())

        import torch_onnx

        model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU()).eval()
        exported = torch_onnx.export(model, (torch.randn(2, 3),))
        x = torch.randn(2, 3)
        (actual,) = onnxruntime.InferenceSession(
            exported.model_proto.SerializeToString()
        ).run(None, {exported.model_proto.graph.input[0].name: x.numpy()})
        torch.testing.assert_close(torch.from_numpy(actual), model(x))
        assert not [name for name in sys.modules if blocked(name)]
        print("exported")
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert run.stdout.strip().endswith("exported"), run.stderr


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_keeps_to_public_names(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = list(banned_names(tree))
    if part_of(module_name(path)) in COMPAT:
        found = [name for name in found if not is_private(name) or is_of_the_exporter(name)]
    assert not found, "private PyTorch names belong in compat, torch.onnx and onnxscript nowhere"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    part = part_of(module_name(path))
    imported = {part_of(name) for name in house_imports(path)} - {part}
    assert not imported & FORBIDDEN.get(part, set())
    assert "exporter" not in imported or part in MAY_IMPORT_EXPORTER


@pytest.mark.parametrize(
    ("source", "banned"),
    [
        ("import torch._C", ["torch._C"]),
        ("import torch.utils._pytree as pytree", ["torch.utils._pytree"]),
        ("from torch import fx, _dynamo", ["torch._dynamo"]),
        ("x = torch.fx.Node._rename(1)", ["torch.fx.Node._rename"]),
        ("getattr(torch, '_C')", ["torch._C"]),
        ("importlib.import_module('torch._dynamo')", ["torch._dynamo"]),
        ("from torch.onnx import export", ["torch.onnx.export"]),
        ("torch.onnx.export(1)", ["torch.onnx.export"]),
        ("def f():\n    import onnxscript.ir", ["onnxscript.ir"]),
        ("f = torch._C._jit_pass_onnx_peephole", ["torch._C._jit_pass_onnx_peephole"]),
        ("sys.modules['torch._dynamo.config']", ["torch._dynamo.config"]),
        ("torch.ops.aten._softmax(torch.__version__)", []),
        ("import torch_onnx", []),
    ],
)
def test_banned_names_are_found(source: str, banned: list[str]) -> None:
    assert list(banned_names(ast.parse(source))) == banned


def is_private(name: str) -> bool:
    """Whether a dotted name goes through a private part of torch. Operators may: aten::_softmax."""
    head, *rest = name.split(".")
    if head != "torch" or rest[:1] == ["ops"]:
        return False
    return any(part.startswith("_") and not part.endswith("__") for part in rest)


def is_of_the_exporter(name: str) -> bool:
    """Whether a name belongs to PyTorch's own exporter, in C++ too."""
    return f"{name}.".startswith(("torch.onnx.", "torch._C._onnx.")) or "_jit_pass_onnx" in name


def banned_names(tree: ast.AST) -> Iterator[str]:
    for name in torch_names(tree):
        if is_private(name) or is_of_the_exporter(name) or f"{name}.".startswith("onnxscript."):
            yield name


def torch_names(tree: ast.AST) -> Iterator[str]:
    """Every dotted name that is imported, and every longest one that is used."""
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names, level=0):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.Attribute() if id(node) not in inner:
                yield dotted(node)
            case ast.Call(args=[owner, ast.Constant(value=str(name)), *_]) if (
                dotted(node.func) == "getattr"
            ):
                yield f"{dotted(owner)}.{name}"
            # import_module("torch._dynamo"), sys.modules["torch._dynamo"] and their like.
            case ast.Constant(value=str(name)) if re.fullmatch(r"(torch|onnxscript)(\.\w+)+", name):
                yield name


def dotted(node: ast.expr) -> str:
    """`a.b.c` as text; empty when it starts from anything but a name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute) if prefix := dotted(value):
            return f"{prefix}.{attribute}"
    return ""


def module_name(path: Path) -> list[str]:
    """The module's name below the package, in parts: ops/__init__.py is [ops]."""
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    return parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts


def part_of(name: list[str]) -> str:
    return name[0] if name else "__init__"


def house_imports(path: Path) -> Iterator[list[str]]:
    """The modules of this package that a file imports, at any depth, for typing alone too."""
    folder = list(path.parent.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                targets = [alias.name.split(".") for alias in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                base = [] if level == 0 else ["torch_onnx", *folder[: len(folder) + 1 - level]]
                base += module.split(".") if module else []
                targets = [[*base, alias.name] for alias in names]
            case _:
                continue
        yield from (target[1:] for target in targets if target[0] == "torch_onnx")
