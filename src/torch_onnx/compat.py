"""Every private torch name that the project touches, one function each.

A new PyTorch that moves one of them breaks one probe, which names the function to mend.
Tried on PyTorch 2.13.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch


def schema_of(overload: Any) -> Any:
    """The FunctionSchema of an operator overload."""
    return overload._schema


def overload_of(name: str) -> Any | None:
    """The overload called ``aten::add.Tensor``, None where this PyTorch has none."""
    namespace, _, rest = name.partition("::")
    packet_name, _, overload_name = rest.partition(".")
    try:
        packet = getattr(getattr(torch.ops, namespace), packet_name)
        return getattr(packet, overload_name or "default")
    except AttributeError:
        return None


def is_operator(target: Any) -> bool:
    """True for an operator overload (``torch.ops.aten.add.Tensor``)."""
    return isinstance(target, torch._ops.OpOverload)


def is_higher_order(target: Any) -> bool:
    """True for control flow and its like (``torch.ops.higher_order.cond``)."""
    return isinstance(target, torch._ops.HigherOrderOperator)


def expression_of(number: torch.SymInt | torch.SymFloat | torch.SymBool) -> Any:
    """The sympy expression of a symbolic number, as settled by the guards so far."""
    return number.node.expr


def raw_expression_of(number: Any) -> Any:
    """The expression as it was made: cheap, and a key to cache the settled one by."""
    return number.node._expr


def decomposition_of(overload: Any) -> Callable[..., Any] | None:
    """PyTorch's own decomposition of an operator, None where it has none."""
    table = torch._decomp.core_aten_decompositions()
    if overload in table:
        return table[overload]
    found = torch._decomp.get_decompositions([overload])
    if overload in found:
        return found[overload]
    if torch._C._dispatch_has_kernel_for_dispatch_key(
        overload.name(), torch._C.DispatchKey.CompositeImplicitAutograd
    ):
        return overload.decompose
    return None


@contextlib.contextmanager
def sizes_of_one_stay_dynamic() -> Iterator[None]:
    """Within, torch.export does not fix a dynamic dim whose example size is 0 or 1."""
    config: Any = torch.fx.experimental._config
    if not hasattr(config, "backed_size_oblivious"):
        yield
        return
    with config.patch(backed_size_oblivious=True):
        yield


def shape_environment(program: torch.export.ExportedProgram) -> Any | None:
    """The ShapeEnv that a captured program's symbolic sizes live in."""
    for node in program.graph.nodes:
        mode = getattr(node.meta.get("val"), "fake_mode", None)
        if mode is not None and mode.shape_env is not None:
            return mode.shape_env
    return None


def range_of(program: torch.export.ExportedProgram, size: Any) -> tuple[int | None, int | None]:
    """The bounds of a symbolic size in a captured program; None for none."""
    if isinstance(size, int):
        return None, None
    limits = program.range_constraints.get(expression_of(size))
    if limits is None:
        return None, None
    low, high = (
        int(limit) if limit.is_Integer and abs(int(limit)) < 2**31 else None
        for limit in (limits.lower, limits.upper)
    )
    return low, high


def guards_of(program: torch.export.ExportedProgram) -> list[tuple[Any, Any]]:
    """The conditions on sizes that the capture relied on: expression, and FrameSummary or None."""
    environment = shape_environment(program)
    return [
        (guard.expr, getattr(getattr(guard, "sloc", None), "framework_loc", None))
        for guard in getattr(environment, "guards", ())
    ]


def undecided_guards_of(program: torch.export.ExportedProgram) -> list[tuple[Any, Any]]:
    """Those of ``guards_of`` that do not follow from the ranges of the sizes."""
    environment = shape_environment(program)
    settled = getattr(environment, "_maybe_evaluate_static", None)
    if settled is None:
        return []
    return [(guard, place) for guard, place in guards_of(program) if not settled(guard, axioms=())]


def symbol_of_axis(program: torch.export.ExportedProgram, index: int, axis: int) -> str | None:
    """The symbol that an axis of a positional input had at first, even if it was settled since."""
    environment = shape_environment(program)
    for source, symbol in getattr(environment, "source_to_var", {}).items():
        if source.endswith(f"[{index}].size()[{axis}]"):
            return str(symbol)
    return None


def overloads_named(name: str) -> list[str]:
    """The overload names of ``aten::add``."""
    namespace, _, base = name.partition("::")
    packet = getattr(getattr(torch.ops, namespace), base, None)
    return [] if packet is None else list(packet.overloads())


def same_storage(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors (fake ones too) look at the same storage."""
    return bool(a.untyped_storage()._cdata == b.untyped_storage()._cdata)
