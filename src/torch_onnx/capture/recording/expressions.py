"""Sizes as polynomials with integer coefficients, in a normal form that tells equal ones.

An atom is what the arithmetic does not look into: an input's size, the result of a floor division.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from torch_onnx.graph import Dim, Size

Monomial: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expression:
    """A sum of ``coefficient * atom * atom …``; ``terms`` is sorted and holds no zeros."""

    terms: tuple[tuple[Monomial, int], ...]

    @property
    def constant(self) -> int | None:
        """The integer that this is in every run, or None."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and self.terms[0][0] == ():
            return self.terms[0][1]
        return None

    @property
    def size(self) -> Size:
        """As the graph's values have it."""
        constant = self.constant
        return Dim(str(self)) if constant is None else constant

    def __add__(self, other: Expression) -> Expression:
        total = dict(self.terms)
        for monomial, coefficient in other.terms:
            total[monomial] = total.get(monomial, 0) + coefficient
        return _normal(total)

    def __neg__(self) -> Expression:
        return Expression(tuple((monomial, -c) for monomial, c in self.terms))

    def __sub__(self, other: Expression) -> Expression:
        return self + -other

    def __mul__(self, other: Expression) -> Expression:
        total: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in other.terms:
                monomial = tuple(sorted(left + right))
                total[monomial] = total.get(monomial, 0) + a * b
        return _normal(total)

    def divided_by(self, other: Expression) -> Expression | None:
        """The exact quotient where ``other`` is one term that divides every term, else None."""
        if len(other.terms) != 1:
            return integer(1) if self == other and other.terms else None
        divisor, coefficient = other.terms[0]
        quotient: dict[Monomial, int] = {}
        for monomial, c in self.terms:
            rest = list(monomial)
            for atom in divisor:
                if atom not in rest:
                    return None
                rest.remove(atom)
            if c % coefficient:
                return None
            quotient[tuple(rest)] = c // coefficient
        return _normal(quotient)

    def __str__(self) -> str:
        text = ""
        # Constants last, as people write them.
        for monomial, coefficient in sorted(self.terms, key=lambda term: (term[0] == (), term[0])):
            factors = [str(abs(coefficient))] if abs(coefficient) != 1 or not monomial else []
            product = "*".join([*factors, *monomial])
            if text:
                text += f" - {product}" if coefficient < 0 else f" + {product}"
            else:
                text = f"-{product}" if coefficient < 0 else product
        return text or "0"


def _normal(terms: dict[Monomial, int]) -> Expression:
    return Expression(tuple(sorted((m, c) for m, c in terms.items() if c)))


def integer(number: int) -> Expression:
    """A known number."""
    return Expression((((), number),) if number else ())


def atom(name: str) -> Expression:
    """A size that is a name of its own."""
    return Expression((((name,), 1),))
