"""Operators of PyTorch and their schemas."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

OperatorPacket: Any = torch._ops.OpOverloadPacket


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
    except (AttributeError, RuntimeError):
        return None


def overloads_named(name: str) -> list[str]:
    """The overload names of ``aten::add``."""
    namespace, _, base = name.partition("::")
    packet = getattr(getattr(torch.ops, namespace), base, None)
    return [] if packet is None else list(packet.overloads())


def is_operator(target: Any) -> bool:
    """True for an operator overload (``torch.ops.aten.add.Tensor``)."""
    return isinstance(target, torch._ops.OpOverload)


def is_higher_order(target: Any) -> bool:
    """True for control flow and its like (``torch.ops.higher_order.cond``)."""
    return isinstance(target, torch._ops.HigherOrderOperator)


@functools.cache
def ranges_are_of_whole_numbers() -> bool:
    """Whether ``arange(0, 3, 1.5, dtype=torch.int64)`` is ``arange(0, 3, 1)``: not in 2.15."""
    return torch.arange(0, 3, 1.5, dtype=torch.int64).numel() == 3


def is_of_torch_func(target: Any) -> bool:
    """Whether an FX node's target belongs to torch.func's transformations (vmap)."""
    return str(getattr(target, "__module__", "")).startswith("torch._functorch")


def name_of_packet(packet: Any) -> str:
    """``aten::add`` of ``torch.ops.aten.add``."""
    return str(packet._qualified_op_name)


def list_lengths(overload: Any) -> list[int | None]:
    """For each argument the length of its list of numbers, where the schema fixes one."""
    return [argument.N for argument in overload._schema.arguments]


@functools.cache
def fixed_arguments(overload: Any) -> tuple[str, ...]:
    """The integers that an operator takes as plain numbers only, none of them symbolic."""
    return tuple(a.name for a in schema_of(overload).arguments if a.real_type.kind() == "IntType")


def all_schemas() -> list[Any]:
    """The schemas of all operators, those left out that only TorchScript knows."""
    return [
        schema
        for schema in torch._C._jit_get_all_schemas()
        if torch._C._dispatch_has_kernel(
            f"{schema.name}.{schema.overload_name}" if schema.overload_name else schema.name
        )
    ]


@functools.cache
def _core_decompositions() -> dict[Any, Callable[..., Any]]:
    return dict(torch._decomp.core_aten_decompositions())


def decomposition_of(overload: Any) -> Callable[..., Any] | None:
    """PyTorch's own decomposition of an operator, None where it has none."""
    table = _core_decompositions()
    if overload in table:
        return table[overload]
    found = torch._decomp.get_decompositions([overload])
    if overload in found:
        return found[overload]
    # Some operators are TorchScript's alone: PyTorch's dispatcher does not know them.
    name = overload.name()
    if torch._C._dispatch_has_kernel(name) and torch._C._dispatch_has_kernel_for_dispatch_key(
        name, torch._C.DispatchKey.CompositeImplicitAutograd
    ):
        return overload.decompose
    return None
