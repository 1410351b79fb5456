"""Types of results that were found once: a model's layers make the same calls on the same types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from torch_onnx import compat

SYMBOLIC = (torch.SymInt, torch.SymFloat, torch.SymBool)


class Remembered:
    """Results of operators on stand-ins, by the operator and its very arguments.

    A new tensor is replaced by an earlier one of its type, so that what the next layer does is
    found as well. Stand-ins of several values are one object then.
    """

    __slots__ = ("_alike", "_fresh", "_kept", "_results")

    def __init__(self) -> None:
        self._results: dict[Any, Any] = {}
        self._alike: dict[Any, list[torch.Tensor]] = {}
        self._fresh: set[int] = set()
        """Tensors, by id, that are dense and no views of others."""
        self._kept: list[Any] = []
        """Arguments that are known by their ids."""

    def result(
        self, called: Any, arguments: Any, compute: Callable[[], Any], *, may_view: bool
    ) -> Any:
        """``compute()``, or what it gave for the same arguments.

        Where the result ``may_view`` an argument, its storage tells whether it does.

        A result with a size that only its data tells is another one each time.
        """
        key = (called, _key(arguments))
        try:
            found = self._results.get(key)
        except TypeError:  # an argument that has no hash
            return compute()
        if found is not None:
            return found
        result = compute()
        given = list(_leaves(arguments))
        if _is_known(result, given):
            result = self._shared(
                result, [t for t in given if isinstance(t, torch.Tensor)], may_view=may_view
            )
            self._results[key] = result
            self._kept.append(arguments)
        return result

    def like(self, tensor: torch.Tensor, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """``make()``, or what it gave for another tensor of this type."""
        if tensor.layout != torch.strided:
            return make()
        key = (type(tensor), tensor.is_conj(), tensor.is_neg(), _type_key(tensor))
        if key not in self._results:
            self._results[key] = make()
        found: torch.Tensor = self._results[key]
        return found

    def is_fresh(self, tensor: torch.Tensor) -> bool:
        """Whether another tensor of this type would be just like it."""
        return id(tensor) in self._fresh

    def _shared(self, result: Any, given: list[torch.Tensor], *, may_view: bool) -> Any:
        """A result whose new tensors are earlier ones of their types.

        What looks at an argument's storage is left as it is, and what does not must not seem to.
        """
        if isinstance(result, (list, tuple)):
            return [self._shared(item, given, may_view=may_view) for item in result]
        if not isinstance(result, torch.Tensor) or result.layout != torch.strided:
            return result
        if any(compat.same_storage(result, tensor) for tensor in given):
            return result
        alike = self._alike.setdefault(_type_key(result), [])
        for tensor in alike:
            seems_to = may_view and any(compat.same_storage(tensor, other) for other in given)
            if not seems_to:
                return tensor
        alike.append(result)
        self._fresh.add(id(result))
        return result


def _key(argument: Any) -> Any:
    if isinstance(argument, torch.Tensor):
        return (torch.Tensor, id(argument))
    if isinstance(argument, SYMBOLIC):
        return (type(argument), compat.raw_expression_of(argument))
    if isinstance(argument, (list, tuple)):
        return tuple([_key(item) for item in argument])
    return (type(argument), argument)


def _type_key(tensor: torch.Tensor) -> Any:
    numbers = (tensor.shape, tensor.stride(), tensor.storage_offset())
    return (tensor.dtype, tensor.device, _key(numbers))


def _leaves(argument: Any) -> Iterator[Any]:
    if isinstance(argument, (list, tuple)):
        for item in argument:
            yield from _leaves(item)
    else:
        yield argument


def _is_known(result: Any, given: list[Any]) -> bool:
    """Whether a result holds nothing that depends on data and was not given."""
    leaves = list(_leaves(result))
    if not all(leaf is None or isinstance(leaf, torch.Tensor) for leaf in leaves):
        return False
    unknown = _unknown(leaves)
    return not unknown or unknown <= _unknown(given)


def _unknown(leaves: list[Any]) -> set[Any]:
    """The symbols of numbers and sizes that depend on data."""
    found: set[Any] = set()
    for leaf in leaves:
        numbers: Any = leaf.shape if isinstance(leaf, torch.Tensor) else (leaf,)
        for number in numbers:
            if compat.is_unknown(number):
                found |= compat.expression_of(number).free_symbols
    return found
