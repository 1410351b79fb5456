"""Variances and standard deviations: over all, along axes, kept, with each correction."""

from __future__ import annotations

import torch

from torchscript.runner import Cases

CASES = Cases()
X = torch.randn(2, 3, 4)
ALL = {0: {0: "a", 1: "b", 2: "c"}}
OTHERS = (torch.randn(3, 5, 2),)

AXES = {
    "all": "",
    "first_two": "dim=(0, 1), ",
    "backwards": "dim=(2, 1), ",
    "apart": "dim=(0, -1), ",
}
for function in ("std", "var", "std_mean", "var_mean"):
    for where, axes in AXES.items():
        kept = ", keepdim=True" if axes else ""
        correct = (
            f"torch.{function}(x, {axes}correction=3{kept})" if axes else f"torch.{function}(x)"
        )
        CASES.texts(
            {
                f"{function}_over_{where}": (
                    f"torch.{function}(x, {axes}unbiased=False{kept}), "
                    f"torch.{function}(x, {axes}unbiased=True), {correct}"
                )
            },
            X,
            dynamic=ALL,
            others=OTHERS,
        )
CASES.texts(
    {"root_of_a_variance": "torch.sqrt(torch.var(x, 1) + 1e-8)"}, torch.randn(1, 2, 3, 30, 30)
)
