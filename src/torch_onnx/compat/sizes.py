"""Symbolic sizes, and the ShapeEnv that knows what holds for them."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)


def expression_of(number: torch.SymInt | torch.SymFloat | torch.SymBool) -> Any:
    """The sympy expression of a symbolic number, as settled by the guards so far."""
    return number.node.expr


def symbols_of(numbers: Sequence[Any]) -> list[Any]:
    """The symbols that numbers are computed of, in a fixed order."""
    forms = [expression_of(number) for number in numbers if isinstance(number, SYMBOLIC)]
    return sorted({symbol for form in forms for symbol in form.free_symbols}, key=str)


def number_for(number: Any, values: Mapping[Any, int]) -> int | None:
    """An integer for these values of its symbols; None where that can't be told."""
    if not isinstance(number, SYMBOLIC):
        return int(number)
    found = expression_of(number).subs(dict(values))
    return int(found) if found.is_Integer else None


def raw_expression_of(number: Any) -> Any:
    """The expression as it was made: cheap, and a key to cache the settled one by."""
    return number.node._expr


def example_of(number: Any) -> Any:
    """The example's value of a symbolic number."""
    return number.node.hint if isinstance(number, SYMBOLIC) else number


def value_at(number: Any, environment: Any, data: int, factor: int) -> Any:
    """A symbolic number for ``data`` in place of what depends on data, and ``factor`` times the
    example's sizes; other things as they are.
    """
    if not isinstance(number, SYMBOLIC):
        return number
    expression = expression_of(number)
    name = "backed_var_to_val" if hasattr(environment, "backed_var_to_val") else "var_to_val"
    known = getattr(environment, name)
    values = {s: int(known[s]) * factor if s in known else data for s in expression.free_symbols}
    value = expression.subs(values) if hasattr(expression, "subs") else expression
    kind = {torch.SymInt: int, torch.SymFloat: float, torch.SymBool: bool}[type(number)]
    return kind(value)


def is_unknown(number: Any) -> bool:
    """Whether a symbolic number depends on data, so that it has no example."""
    return isinstance(number, SYMBOLIC) and not number.node.has_hint()


def is_a_count(number: Any) -> bool:
    """Whether a size is surely not negative."""
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    return isinstance(number, torch.SymInt) and statically_known_true(number >= 0)


def unknown_size(mode: Any) -> torch.SymInt:
    """A size that no input's size settles."""
    size: Any = mode.shape_env.create_unbacked_symint()
    check: Any = torch._check_is_size
    check(size)
    return size


def new_symbol(mode: Any, name: str, known: int) -> Any:
    """A symbolic size of its own, of the value ``known`` in the example."""
    from torch._dynamo.source import ConstantSource
    from torch.fx.experimental.symbolic_shapes import DimDynamic

    source = ConstantSource(name)
    symbol = mode.shape_env.create_symbol(known, source=source, dynamic_dim=DimDynamic.DYNAMIC)
    return mode.shape_env.create_symintnode(symbol, hint=known, source=source)


def assume(condition: Any) -> None:
    """Let PyTorch rely on a condition on sizes."""
    check: Any = torch._check
    check(condition)


def environment_of(fake: Any) -> Any | None:
    """The ShapeEnv of a fake tensor or symbolic number."""
    if isinstance(fake, torch.Tensor):
        return getattr(getattr(fake, "fake_mode", None), "shape_env", None)
    return fake.node.shape_env if isinstance(fake, SYMBOLIC) else None


def guards_of(environment: Any | None) -> list[tuple[Any, Any]]:
    """The conditions on sizes that the capture relied on: expression, and FrameSummary or None."""
    found = [
        (guard.expr, getattr(getattr(guard, "sloc", None), "framework_loc", None))
        for guard in getattr(environment, "guards", ())
    ]
    # PyTorch 2.6 leaves what torch._check asks of inputs' sizes to the run.
    asserted = getattr(environment, "deferred_runtime_asserts", {}).get(None, ())
    return [*found, *((condition.expr, None) for condition in asserted)]


def decides(environment: Any, condition: Any, ranges: Mapping[str, tuple[int, int]]) -> bool:
    """Whether a condition is true for some sizes and false for others.

    ``ranges`` are the sizes asked for, by symbol. What PyTorch knows of ranges has been narrowed by
    the very conditions, so those on a single size are tried out.
    """
    if not environment._maybe_evaluate_static(condition, axioms=()):
        return True
    symbols = list(condition.free_symbols)
    if len(symbols) != 1:
        return False
    low, high = ranges.get(str(symbols[0]), (0, 0))
    sizes = (1, 2, 3, 5, 8, 13, 64, 129, 1000, 10**6, max(low, 1), high)
    tried = [size for size in sizes if low <= size <= high]
    return any(bool(condition.subs(symbols[0], size)) is False for size in tried)


def cuts_off_fractions(condition: Any) -> bool:
    """Whether a condition says that a fraction of sizes, cut off or rounded, is some number."""
    roundings = ("TruncToInt", "FloorToInt", "CeilToInt", "RoundToInt")
    return condition.is_Equality and any(
        type(side).__name__ in roundings for side in (condition.lhs, condition.rhs)
    )


def is_false_for(condition: Any, sizes: Mapping[Any, int]) -> bool:
    """Whether a condition is known to be false for these values of its symbols."""
    return str(condition.subs(dict(sizes))) == "False"


def fails_at(environment: Any | None, size: Any, value: int) -> bool:
    """Whether the capture relied on a size in a way that is false for another value of it."""
    symbol = size if isinstance(size, int) else expression_of(size)
    if isinstance(symbol, int) or symbol.is_Integer:
        return bool(symbol != value)
    conditions = (guard for guard, _ in guards_of(environment) if guard.free_symbols == {symbol})
    return any(bool(guard.subs(symbol, value)) is False for guard in conditions)


def symbol_of_axis(environment: Any | None, index: int, axis: int) -> str | None:
    """The symbol that an axis of a positional input had at first, even if it was settled since."""
    for source, symbol in getattr(environment, "source_to_var", {}).items():
        if source.endswith(f"[{index}].size()[{axis}]"):
            return str(symbol)
    return None


def state_of(environment: Any) -> tuple[Any, ...]:
    """What a ShapeEnv knows, to go back to."""
    ranges = dict(environment.var_to_range)
    return list(environment.guards), dict(environment.replacements), ranges


@contextlib.contextmanager
def extremes_are_not_decided() -> Iterator[None]:
    """Within, the smaller of two sizes is neither of them: PyTorch 2.6 would take the example's
    and rely on it, also in what it says of an operator's result (as many singular values).
    """
    symbolic: Any = importlib.import_module("torch.fx.experimental.sym_node")
    decided: dict[str, Any] = getattr(symbolic, "alternate_impl_if_hinted_methods", {})
    before = dict(decided)
    functions = {"min": _extreme(min, torch.sym_min), "max": _extreme(max, torch.sym_max)}
    modules = [vars(importlib.import_module(f"torch.{name}")) for name in _DECIDING]
    saved = [{name: m[name] for name in functions if name in m} for m in modules]
    decided.clear()
    for module in modules:
        module.update(functions)
    try:
        yield
    finally:
        decided.update(before)
        for module, own in zip(modules, saved, strict=True):
            for name in functions:
                del module[name]
            module.update(own)


# Python modules of PyTorch's whose ``min`` and ``max`` are of sizes, and Python's own.
_DECIDING = ("_meta_registrations", "_refs")


def _extreme(plain: Callable[..., Any], symbolic: Callable[..., Any]) -> Callable[..., Any]:
    def extreme(*args: Any, **named: Any) -> Any:
        if len(args) == 2 and any(isinstance(number, torch.SymInt) for number in args):
            return symbolic(*args)
        return plain(*args, **named)

    return extreme


def has_equated(environment: Any, state: Any) -> bool:
    """Whether a size has become another, or a number, since."""
    return len(environment.replacements) != len(state[1])


def has_settled(environment: Any, state: Any) -> bool:
    """Whether a size has become a number since."""
    _, before, _ = state
    new = environment.replacements
    if len(new) == len(before):
        return False
    return any(s not in before and e.is_Integer for s, e in new.items())


def go_back(environment: Any, state: Any) -> None:
    """Let a ShapeEnv forget what it has learnt since."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    guards, replacements, ranges = state
    environment.guards[:] = guards
    environment.replacements.clear()
    environment.replacements.update(replacements)
    environment.var_to_range.clear()
    environment.var_to_range.update(ranges)
    # Answers are remembered by these, and results of operators by the other.
    environment._prev_cache_key = (-1, -1, -1, -1)
    environment._version_counter += 1
    environment._replacements_version_counter = (
        getattr(environment, "_replacements_version_counter", 0) + 1
    )
    clear: Any = FakeTensorMode.cache_clear
    clear()
