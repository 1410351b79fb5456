"""Numbers of a recorded run that differ from run to run: they compute, and remember how.

Python and PyTorch see a plain ``int`` or ``float`` of the example's value. Arithmetic on it gives
another such number; what uses one in a call of a torch operator has the graph compute it.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from torch_onnx.capture.recording.expressions import Expression, integer

if TYPE_CHECKING:
    from torch_onnx.capture.recording.recorder import Recorder
    from torch_onnx.graph import Value

Origin: TypeAlias = "tuple[str, tuple[Any, ...]]"
"""The operator that computes a number (``python::add``), and its arguments."""


class _Recorded:
    """What both kinds of numbers share.

    ``other`` is the value in the second run, at other sizes; ``expression`` the canonical form of
    a size; ``from_data`` is set where the elements of a tensor decide.
    """

    recorder: Recorder
    other: Any
    origin: Origin
    expression: Expression | None
    from_data: bool
    value: Value | None

    def _init(
        self,
        recorder: Recorder,
        other: Any,
        origin: Origin,
        expression: Expression | None,
        from_data: bool,
    ) -> None:
        self.recorder = recorder
        self.other = other
        self.origin = origin
        self.expression = expression
        self.from_data = from_data
        self.value = None

    def __deepcopy__(self, memo: Any) -> Any:
        return self

    def __copy__(self) -> Any:
        return self


class RecordedInt(_Recorded, int):
    """An integer known at run time only."""

    def __new__(
        cls,
        number: int,
        recorder: Recorder,
        other: int,
        origin: Origin,
        expression: Expression | None = None,
        from_data: bool = False,
    ) -> RecordedInt:
        made = int.__new__(cls, number)
        made._init(recorder, other, origin, expression, from_data)
        return made

    __hash__ = int.__hash__

    def __int__(self) -> int:
        return int.__int__(self)

    def __float__(self) -> float:
        return int.__float__(self)

    def __bool__(self) -> bool:
        return decide("ne", operator.ne, self, 0)


class RecordedFloat(_Recorded, float):
    """A floating-point number known at run time only."""

    def __new__(
        cls,
        number: float,
        recorder: Recorder,
        other: float,
        origin: Origin,
        from_data: bool = False,
    ) -> RecordedFloat:
        made = float.__new__(cls, number)
        made._init(recorder, other, origin, None, from_data)
        return made

    __hash__ = float.__hash__

    def __int__(self) -> int:
        if self.from_data:
            # Python makes a number of its own of what this returns.
            self.recorder.refuse_number("the model makes an int of a number that data decide")
        return float.__int__(self)

    def __bool__(self) -> bool:
        return decide("ne", operator.ne, self, 0.0)


RECORDED = (RecordedInt, RecordedFloat)
SIGNS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


def plain(number: Any) -> Any:
    """The example's value as Python's own number."""
    if isinstance(number, RecordedInt):
        return int.__int__(number)
    if isinstance(number, RecordedFloat):
        return float.__float__(number)
    return number


def other_value(number: Any) -> Any:
    """The value in the second run."""
    return number.other if isinstance(number, RECORDED) else number


def expression_of(number: Any) -> Expression | None:
    """The canonical form of an integer, known or not."""
    if isinstance(number, RecordedInt):
        return number.expression
    if isinstance(number, int):
        return integer(int(number))
    return None


def compute(name: str, function: Callable[..., Any], *numbers: Any) -> Any:
    """``function`` of numbers of which at least one is recorded, recorded too."""
    recorded = [number for number in numbers if isinstance(number, RECORDED)]
    recorder = recorded[0].recorder
    result = function(*map(plain, numbers))
    from_data = any(number.from_data for number in recorded)
    try:
        other = function(*map(other_value, numbers))
    except (ArithmeticError, ValueError):
        other = result
    origin = (f"python::{name}", numbers)
    if isinstance(result, float):
        return RecordedFloat(result, recorder, other, origin, from_data)
    expression = _expression(name, numbers)
    if expression is not None and expression.constant is not None:
        return expression.constant
    if expression is None:
        expression = recorder.expression_for(name, numbers)
    return RecordedInt(result, recorder, other, origin, expression, from_data)


def _expression(name: str, numbers: Sequence[Any]) -> Expression | None:
    forms = [expression_of(number) for number in numbers]
    if name == "neg" and forms[0] is not None:
        return -forms[0]
    if name == "trunc":
        return forms[0]
    if len(forms) != 2 or forms[0] is None or forms[1] is None:
        return None
    a, b = forms[0], forms[1]
    if name == "add":
        return a + b
    if name == "sub":
        return a - b
    if name == "mul":
        return a * b
    if name == "floordiv":
        return a.divided_by(b)
    if name == "mod" and a.divided_by(b) is not None:
        return integer(0)
    if name == "pow" and b.constant is not None and 0 <= b.constant <= 4:
        power = integer(1)
        for _ in range(b.constant):
            power = power * a
        return power
    return None


def decide(name: str, function: Callable[[Any, Any], bool], a: Any, b: Any) -> bool:
    """A comparison: the example's answer, remembered as what the program relies on."""
    answer = function(plain(a), plain(b))
    recorded = a if isinstance(a, RECORDED) else b
    left, right = expression_of(a), expression_of(b)
    if left is not None and right is not None and (left - right).constant is not None:
        return answer
    return recorded.recorder.decided(name, function, a, b, answer)


def _binary(name: str, function: Callable[[Any, Any], Any]) -> tuple[Any, Any]:
    def forward(self: Any, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return compute(name, function, self, other)

    def backward(self: Any, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return compute(name, function, other, self)

    return forward, backward


def _comparison(name: str, function: Callable[[Any, Any], bool]) -> Any:
    def compare(self: Any, other: Any) -> Any:
        if not isinstance(other, (int, float)):
            return NotImplemented
        return decide(name, function, self, other)

    return compare


def _unary(name: str, function: Callable[[Any], Any]) -> Any:
    def apply(self: Any) -> Any:
        return compute(name, function, self)

    return apply


def _round(self: Any, digits: int | None = None) -> Any:
    if digits is not None:
        return round(plain(self), digits)
    return self if isinstance(self, RecordedInt) else compute("round", round, self)


def _divmod(self: Any, other: Any) -> Any:
    return self // other, self % other


def _itself(self: Any) -> Any:
    return self


def _absolute(self: Any) -> Any:
    form = None if self.from_data else expression_of(self)
    if form is not None and all(coefficient >= 0 for _, coefficient in form.terms):
        return self  # a sum of sizes
    return compute("abs", abs, self)


def _install() -> None:
    """Give both classes their operators."""
    arithmetic: dict[str, Callable[[Any, Any], Any]] = {
        "add": operator.add,
        "sub": operator.sub,
        "mul": operator.mul,
        "floordiv": operator.floordiv,
        "truediv": operator.truediv,
        "mod": operator.mod,
        "pow": operator.pow,
    }
    for kind in RECORDED:
        for name, function in arithmetic.items():
            forward, backward = _binary(name, function)
            setattr(kind, f"__{name}__", forward)
            setattr(kind, f"__r{name}__", backward)
        for name in SIGNS:
            setattr(kind, f"__{name}__", _comparison(name, getattr(operator, name)))
        for name, value in (
            ("neg", _unary("neg", operator.neg)),
            ("round", _round),
            ("divmod", _divmod),
            ("pos", _itself),
            ("abs", _absolute),
        ):
            setattr(kind, f"__{name}__", value)
    bitwise = (operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift)
    for function in bitwise:
        name = function.__name__.rstrip("_")
        forward, backward = _binary(name, function)
        setattr(RecordedInt, f"__{name}__", forward)
        setattr(RecordedInt, f"__r{name}__", backward)
    RecordedInt.__invert__ = lambda self: -self - 1  # type: ignore[method-assign]
    for name in ("floor", "ceil", "trunc"):
        setattr(RecordedInt, f"__{name}__", _itself)
        setattr(RecordedFloat, f"__{name}__", _unary(name, getattr(math, name)))


_install()
