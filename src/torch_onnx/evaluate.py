"""A captured program run by PyTorch itself, call by call, so that every value can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from torch_onnx.capture.dialect import NUMBERS
from torch_onnx.graph import Argument, AtenGraph, Block, Call, Output, Value

ON_NUMBERS: dict[str, Callable[..., Any]] = {
    name: function for function, (name, _) in NUMBERS.items()
}
MOST_TRIPS = 100_000


class _Unknown(Exception):
    """A call that can't be run again as it was: its values stay unknown."""


def evaluate(graph: AtenGraph, tensors: Sequence[torch.Tensor]) -> dict[Value, Any]:
    """Every value of the program for these inputs: tensors, and numbers for numbers.

    Random calls, calls that can't be run on their own, and what follows from them are left out.
    """
    env: dict[Value, Any] = dict(zip(graph.inputs, tensors, strict=True))
    env.update((parameter.value, parameter.tensor) for parameter in graph.parameters)
    with torch.no_grad():
        _run(graph.calls, env)
    return env


def rounding_of(call: Call, values: Mapping[Value, Any]) -> float:
    """How far PyTorch's own result is from the one in float64, or 0 where that can't be said."""
    env = dict(values)
    for value in call.values_in():
        known = env.get(value)
        if isinstance(known, torch.Tensor) and known.dtype.is_floating_point:
            env[value] = known.double()
    outputs = [value for value in call.values_out() if isinstance(env.get(value), torch.Tensor)]
    with torch.no_grad():
        _run([call], env)
    pairs = [(values[value], env[value]) for value in outputs if value in env]
    errors = [_distance(a, b) for a, b in pairs if a.dtype.is_floating_point]
    return max(errors, default=0.0)


def _distance(a: torch.Tensor, b: Any) -> float:
    if not isinstance(b, torch.Tensor) or a.shape != b.shape or not a.numel():
        return 0.0
    return float((a.double() - b.double()).nan_to_num(0.0, 0.0, 0.0).abs().max())


def _run(calls: Sequence[Call], env: dict[Value, Any]) -> None:
    for call in calls:
        try:
            results = _call(call, env)
            _bind(call.outputs, results, env)
        except (_Unknown, RuntimeError, TypeError, ValueError, IndexError, NotImplementedError):
            # What this PyTorch can't run by itself is not compared, nor what needs it.
            for value in call.values_out():
                env.pop(value, None)


def _call(call: Call, env: dict[Value, Any]) -> Any:
    args = {name: _argument(argument, env) for name, argument in call.args.items()}
    if call.op.name == "python::if":
        condition = next(iter(args.values()))
        return _body(call.blocks[0 if bool(condition) else 1], [], env)
    if call.op.name == "python::loop":
        return _loop(call, args, env)
    if call.op.name == "python::function":
        return _body(call.blocks[0], args["inputs"], env)
    if call.blocks:
        raise _Unknown
    if call.op.target is None:
        function = ON_NUMBERS.get(call.op.name)
        if function is None:
            raise _Unknown
        return function(*args.values())
    keyword = {formal.name for formal in call.op.arguments if formal.keyword_only}
    positional = [argument for name, argument in args.items() if name not in keyword]
    named = {name: args[name] for name in keyword if args.get(name) is not None}
    result = call.op.target(*positional, **named)
    # Attention and dropout are random only where they drop something.
    if not call.op.deterministic and not _equal(result, call.op.target(*positional, **named)):
        raise _Unknown
    return result


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a.nan_to_num(), b.nan_to_num())
    if isinstance(a, (list, tuple)):
        return all(map(_equal, a, b))
    return bool(a == b)


def _loop(call: Call, args: dict[str, Any], env: dict[Value, Any]) -> Any:
    trips, goes_on, carried = args.get("trips"), args.get("condition"), args["carried"]
    last = MOST_TRIPS if trips is None else int(trips)
    goes_on = True if goes_on is None else bool(goes_on)
    for index in range(last):
        if not goes_on:
            break
        first: Any = index
        if call.blocks[0].inputs[0].kind == "tensor":
            first = torch.tensor(index)
        goes_on, *carried = _body(call.blocks[0], [first, *carried], env)
    return carried[0] if len(call.outputs) == 1 else carried


def _body(block: Block, inputs: Sequence[Any], env: dict[Value, Any]) -> Any:
    env.update(zip(block.inputs, inputs, strict=True))
    _run(block.calls, env)
    results = [_argument(output, env) for output in block.outputs]
    return results[0] if len(results) == 1 else results


def _argument(argument: Argument, env: dict[Value, Any]) -> Any:
    if isinstance(argument, Value):
        if argument not in env:
            raise _Unknown
        return env[argument]
    if isinstance(argument, (list, tuple)):
        return [_argument(item, env) for item in argument]
    return argument


def _bind(outputs: Sequence[Output], results: Any, env: dict[Value, Any]) -> None:
    if len(outputs) == 1:
        results = [results]
    for output, result in zip(outputs, results, strict=False):
        if isinstance(output, list):
            env.update(zip(output, result, strict=True))
        elif output is not None:
            env[output] = result
