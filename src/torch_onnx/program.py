"""ONNXProgram: what an export gives."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import IO, Any

import onnx
import onnx_ir as ir
import torch

from torch_onnx import reference, report, runtime, saving, verify
from torch_onnx.bisect import Departure, Origin, bisect
from torch_onnx.errors import InputError, Mismatch, ModelNotes, VerificationError
from torch_onnx.generate import DynamicSizes
from torch_onnx.profile import Profile
from torch_onnx.report.facts import facts_of
from torch_onnx.weights import ComputedWeight, Weight, replace

Flatten = Callable[[tuple[Any, ...], dict[str, Any]], "dict[str, torch.Tensor]"]
Eager = Callable[[tuple[Any, ...], dict[str, Any]], "list[Any]"]
Unflatten = Callable[["Sequence[Any]"], "tuple[tuple[Any, ...], dict[str, Any]]"]


@dataclass(slots=True)
class ONNXProgram:
    """An exported model: save it, run it, verify it.

    Attributes:
        model: the onnx_ir model; its weights still lie in the torch model's memory.
        profile: where the export's time and memory went.
        input_names: the graph's inputs, in order.
        output_names: the graph's outputs, in order.
        notes: what the user should know of the model, each to be read after "The exported model".
        verification: the result of the last ``verify``.
        exported_program: torch's program, when torch.export captured it.
        custom_op_libraries: shared libraries with ONNX Runtime kernels of custom domains.
        reference_ops: Python implementations of operators, which make ``verify`` and calls run
            in onnx's reference evaluator: see ``reference.evaluator``.
    """

    model: ir.Model
    profile: Profile
    input_names: list[str]
    output_names: list[str]
    notes: list[str] = field(default_factory=list)
    verification: verify.Verification | None = None
    exported_program: torch.export.ExportedProgram | None = None
    external_data: bool | None = None
    include_initializers: bool = True
    keep_initializers_as_inputs: bool = False
    custom_op_libraries: Sequence[str | PathLike[str]] = ()
    reference_ops: reference.ReferenceOps = ()
    _flatten: Flatten | None = None
    _eager: Eager | None = None
    _example: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    _unflatten: Unflatten | None = None
    _sizes: DynamicSizes | None = None
    _origin: Origin | None = None
    _session: Any = None
    _kept: Any = None
    """What calls in ``exported_program`` were kept whole: it runs as long as this is here."""
    _steps: Mapping[str, float] = field(default_factory=dict)

    @property
    def model_proto(self) -> onnx.ModelProto:
        """The model as a protobuf, weights embedded. Copies all weights."""
        return saving.model_proto(self.model)

    def save(
        self,
        destination: str | PathLike[str] | IO[bytes],
        *,
        external_data: bool | None = None,
        include_initializers: bool | None = None,
        keep_initializers_as_inputs: bool | None = None,
    ) -> saving.SavedFiles:
        """Write the model to a path or a binary file; whole, or not at all.

        ``external_data`` puts the weights into ``<name>.data``; by default only a model of
        2 GB or more gets that file. What is left None is as it was asked of ``export``.

        Raises:
            CannotWrite: when the path can't be written; the file there is untouched.
            ModelTooLarge: when one file is asked for and can't hold the model.
            MissingWeights: when a weight has no data.
        """

        def choose(given: bool | None, asked: Any) -> Any:
            return asked if given is None else given

        return saving.save(
            self.model,
            destination,
            external_data=choose(external_data, self.external_data),
            include_initializers=choose(include_initializers, self.include_initializers),
            keep_initializers_as_inputs=choose(
                keep_initializers_as_inputs, self.keep_initializers_as_inputs
            ),
        )

    def __call__(self, *args: Any, **kwargs: Any) -> list[torch.Tensor]:
        """Run the model in ONNX Runtime with the inputs of the torch model; outputs are flat, and
        what is None is left out.
        """
        outputs = self._run(args, kwargs)
        return [tensor for output in outputs for tensor in _members(output)]

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """The outputs as the runtime gives them: tensors, and lists of these."""
        feeds = self._feeds(args, kwargs)
        if self.reference_ops:
            evaluator = reference.evaluator(self.model_proto, self.reference_ops)
            return list(reference.run(evaluator, feeds))
        if self._session is None:
            self._session = runtime.session(self.model, libraries=self.custom_op_libraries)
        return list(runtime.run(self._session, feeds))

    def _named_outputs(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> list[tuple[str, torch.Tensor]]:
        """The outputs with their names; the elements of a list are numbered."""
        pairs = zip(self.output_names, self._run(args, kwargs), strict=True)
        return [
            (f"{name}.{index}" if isinstance(output, list) else name, tensor)
            for name, output in pairs
            for index, tensor in enumerate(_members(output))
        ]

    def verify(
        self,
        *args: Any,
        other_sizes: bool = True,
        check: bool = True,
        tell: Callable[[str], None] | None = None,
        reference_ops: reference.ReferenceOps | None = None,
        custom_op_libraries: Sequence[str | PathLike[str]] | None = None,
        **kwargs: Any,
    ) -> verify.Verification:
        """Compare ONNX Runtime with PyTorch on these inputs; without any, on the example and on
        inputs generated for at least two other sizes of each dynamic dim.

        Args:
            args, kwargs: inputs as the torch model takes them.
            other_sizes: False leaves the generated inputs out.
            check: False leaves ONNX's checker out.
            tell: is told the sizes of each run.
            reference_ops: see the class; kept.
            custom_op_libraries: see the class; kept.

        Outputs that a quantized model rounds last may differ by one step.

        Raises:
            VerificationError: naming each output that differs; its ``verification`` has the rest.
        """
        if reference_ops is not None:
            self.reference_ops = reference_ops
        if custom_op_libraries is not None:
            self.custom_op_libraries = custom_op_libraries
            self._session = None
        if self._eager is None:
            raise InputError("This program keeps no torch model to compare with.")
        eager = self._eager
        pair = verify.Pair(
            self._named_outputs,
            lambda args, kwargs: [torch.as_tensor(v) for v in eager(args, kwargs)],
            self._steps,
        )
        is_given = bool(args or kwargs)
        if not is_given:
            assert self._example is not None
            args, kwargs = self._example
        result = pair.compare((args, kwargs), "given inputs" if is_given else verify.EXAMPLE)
        if check:
            result.is_checked = True
            refused = verify.check(self.model)
            if refused is not None:
                result.mismatches.append(Mismatch("onnx.checker", refused, "the model"))
        if other_sizes and not is_given and self._sizes is not None and self._unflatten:
            tensors = list(self._feeds(args, kwargs).values())
            found = pair.compare_at_other_sizes(self._sizes, tensors, self._unflatten, tell)
            result.add(found)
            result.sizes, result.skipped = found.sizes, found.skipped
            result.failing = found.failing
        self.verification = result
        if result.mismatches:
            raise VerificationError(result.mismatches, result)
        return result

    def bisect(
        self, *args: Any, folder: str | PathLike[str] | None = None, **kwargs: Any
    ) -> Departure | None:
        """Find the first node whose value departs from PyTorch's, for these inputs.

        Without inputs, those for which the last ``verify`` found a difference, or the example.
        ``folder`` is where a reproduction is written: the node and what is needed of its
        surroundings as a model, its inputs, what PyTorch computes, and a script that runs without
        this project.

        Returns:
            The node with its module and source line, or None when all values agree.
        """
        if self._origin is None or self._example is None:
            raise InputError("This program keeps nothing of the torch model to compare with.")
        if args or kwargs:
            feeds = self._feeds(args, kwargs)
        elif self.verification is not None and self.verification.failing is not None:
            feeds = dict(zip(self.input_names, self.verification.failing, strict=True))
        else:
            feeds = self._feeds(*self._example)
        return bisect(self.model, self._origin, feeds, folder, self.custom_op_libraries)

    def report(self, path: str | PathLike[str] | None = None, *, run: bool = False) -> str:
        """What the exported model is: modules, operators, dynamic dims, weights, times, the last
        verification. ``path`` is where to write it: one HTML file with the whole graph, foldable
        by module, for ``.html``; Markdown else. ``run`` times each node in ONNX Runtime.

        Returns:
            The report as Markdown.

        Raises:
            CannotWrite: when the path can't be written.
        """
        seconds = None
        if run and self._example is not None:
            seconds = runtime.node_seconds(self.model, self._feeds(*self._example))
        facts = facts_of(self.model, self.notes, self.profile, self.verification, seconds)
        if path is not None:
            report.write(facts, path)
        return report.markdown(facts)

    def example_values(self) -> tuple[dict[str, torch.Tensor], list[torch.Tensor]]:
        """The example's inputs by name, and what PyTorch computes from them.

        Raises:
            InputError: when the program keeps no torch model.
        """
        if self._eager is None or self._example is None:
            raise InputError("This program keeps no torch model.")
        args, kwargs = self._example
        outputs = [torch.as_tensor(value) for value in self._eager(args, kwargs)]
        return self._feeds(args, dict(kwargs)), outputs

    def apply_weights(self, state_dict: Mapping[str, torch.Tensor]) -> None:
        """Replace weights by those of a state_dict, under the same keys. Nothing is copied.

        Raises:
            InputError: for keys that the model does not have, or other shapes and dtypes.
        """
        used: set[str] = set()
        for value in self.model.graph.initializers.values():
            weight = value.const_value
            if isinstance(weight, (Weight, ComputedWeight)):
                keys = set(weight.sources().values()) & state_dict.keys()
                if keys:
                    value.const_value = replace(weight, state_dict)
                    used |= keys
        unknown = sorted(set(state_dict) - used)
        self._session = None
        if unknown and not used:
            raise InputError(f"The model has no weights called {', '.join(unknown[:5])}.")
        if unknown:
            # A state_dict may hold more than a forward uses, such as counters.
            shown = ", ".join(unknown[:5]) + (" …" if len(unknown) > 5 else "")
            warnings.warn(f"The model has no weights called {shown}.", ModelNotes, stacklevel=2)

    def _feeds(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, torch.Tensor]:
        if self._flatten is None:
            return dict(zip(self.input_names, args, strict=True))
        return self._flatten(args, kwargs)


def _members(output: Any) -> list[torch.Tensor]:
    if output is None:
        return []
    return output if isinstance(output, list) else [output]
