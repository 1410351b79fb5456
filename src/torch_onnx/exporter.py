"""export: capture → translate → tidy → program."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import IO, Any

import torch

from torch_onnx import arguments, assemble, custom, marks, modes, modules, older_calls, saving
from torch_onnx import functions as functions_of
from torch_onnx.bisect import Origin
from torch_onnx.capture.functionalize import functionalize
from torch_onnx.capture.program import Captured, capture
from torch_onnx.errors import ExportError, ModelNotes
from torch_onnx.fallthrough import kept_by
from torch_onnx.generate import DynamicSizes
from torch_onnx.observer import Observer
from torch_onnx.older_calls import accepts_older_calls
from torch_onnx.passes import tidy
from torch_onnx.profile import Profile
from torch_onnx.program import ONNXProgram
from torch_onnx.progress import Callback, shown
from torch_onnx.translate import Translator, decompose_missing, drop_unused, lookup_in


@accepts_older_calls
def export(
    model: torch.nn.Module | torch.export.ExportedProgram | Callable[..., Any],
    args: Any = (),
    f: str | PathLike[str] | IO[bytes] | None = None,
    *,
    kwargs: Mapping[str, Any] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    opset_version: int | None = None,
    dynamic_shapes: Any = None,
    dynamic_axes: Any = None,
    external_data: bool | None = None,
    verify: bool | Mapping[str, Any] = False,
    profile: bool = False,
    report: bool | str | PathLike[str] = False,
    optimize: bool = True,
    metadata: bool = True,
    export_params: bool = True,
    keep_initializers_as_inputs: bool = False,
    custom_translation_table: Any = None,
    custom_opsets: Mapping[str, int] | None = None,
    functions: Any = None,
    strategy: str = "auto",
    training: Any = None,
    operator_export_type: Any = None,
    verbose: bool | None = None,
    progress: Callback | bool | None = None,
    enable_onnx_checker: bool | None = None,
    **legacy: Any,
) -> ONNXProgram:
    """Export a PyTorch program to ONNX.

    Complex tensors, which ONNX's operators don't take, are real ones with a last axis of 2 in the
    model: in its inputs, outputs and weights (``torch.view_as_real``).

    Args:
        model: a Module, an ExportedProgram, a TorchScript program or the path to one, or any
            callable on tensors.
        args: the example's positional arguments (a single tensor may stand alone). Any nesting of
            containers, dataclasses, caches, None and numbers; only tensors become graph inputs.
        f: where to write the model; a path or a binary file. None writes nothing.
        kwargs: the example's keyword arguments.
        input_names: names of the graph's inputs, in order; dotted argument paths by default. Names
            beyond the inputs are those of the weights, in the order of the state_dict.
        output_names: names of the graph's outputs, in order.
        opset_version: 11 to 28; 20 by default.
        dynamic_shapes: what torch.export takes, or the same with names (``{"x": {0: "batch"}}``).
        dynamic_axes: the older spelling: ``{"x": {0: "batch"}}`` or ``{"x": [0]}`` by input name.
        external_data: True puts weights beside the model, False never; by default from 2 GB on.
        verify: check the result, run it in ONNX Runtime and compare with PyTorch, at other sizes of
            dynamic dims too; a dict holds arguments of ``ONNXProgram.verify``.
        profile: time modules and operators too. Stages are always timed: ``program.profile``.
        report: print the stages and notes of the export; a path that ends in ``.html`` or ``.md``
            is where to write the report of the program instead.
        optimize: run the graph passes.
        metadata: write the operator, module and source line of each node into the model.
        export_params: False leaves the weights out of the file.
        keep_initializers_as_inputs: weights are inputs of the graph as well.
        custom_translation_table: translations that go before the built-in ones.
        custom_opsets: versions of custom domains.
        functions: modules to keep as functions of the model: classes, modules, or patterns of
            paths (``"layers.*"``). Equal ones become one function that is called several times.
        strategy: ``"record"`` (the model's own Python is run), ``"export"`` (torch.export),
            ``"trace"`` or ``"script"`` (TorchScript), or ``"auto"``: the first of record, export
            and trace that can.
        training: ``"eval"`` (default), ``"train"`` or ``"preserve"``: the modules' mode meanwhile.
        operator_export_type: what becomes of an operator without a translation: ``"ONNX"``, an
            error; ``"ONNX_FALLTHROUGH"``, a node of its own domain; ``"ONNX_ATEN_FALLBACK"``, a
            node ``org.pytorch.aten::ATen``; ``"ONNX_ATEN"``, that for all of ATen's operators.
        verbose: True prints the stages.
        progress: a function that is told how far the export is (a ``Progress``); by default a bar
            is shown on stderr where that is a terminal. False shows none.
        enable_onnx_checker: True runs ONNX's checker on the model.
        legacy: further arguments of torch.onnx.export, which have no effect and are answered.

    Raises:
        ExportError: one of its classes in ``torch_onnx.errors``. An existing file at ``f`` is
            untouched then.
    """
    opset = arguments.check_opset(opset_version)
    arguments.answer(legacy)
    kind = older_calls.operator_export_type(operator_export_type)
    tables = custom.layers(custom_translation_table)
    if strategy not in arguments.STRATEGIES:
        raise ExportError(
            f"strategy={strategy!r}: choose one of {', '.join(arguments.STRATEGIES)}."
        )
    if isinstance(f, (str, PathLike)):
        saving.check_writable(f)
    if isinstance(report, (str, PathLike)):
        saving.check_writable(report)
    paths = functions_of.select(model, arguments.functions(functions, legacy), opset)
    keep = kept_by(kind)
    training = older_calls.training_mode(training)
    mode = modes.mode(model, training)
    with shown(progress) as tell, mode, modes.no_garbage_collection():
        stages = Observer(Profile(detailed=profile), tell)
        with (
            stages.stage("capture"),
            stages.modules(model),
            marks.recording(opset) as kept,
            modules.kept_whole(model),
            custom.fake_kernels(),
        ):
            captured = capture(
                model,
                args,
                kwargs,
                input_names,
                output_names,
                dynamic_shapes,
                dynamic_axes,
                training,
                strategy,
            )
        left_out = "aten::" if kind == "ONNX_ATEN" else None
        find = lookup_in([kept.table(), *tables], leave_out=left_out)
        with stages.stage("functionalize"):
            graph = drop_unused(functionalize(captured.graph))
            graph = decompose_missing(graph, find, opset, keep)
            graph = functions_of.group(graph, paths)
        with stages.stage("translate", len(graph.calls)) as stage:
            translator = Translator(
                graph, find, opset, custom_opsets, metadata, keep, stages.on_call
            )
            translated = translator.run(assemble.declare_input, assemble.Owner())
            result = assemble.assemble(
                translated, captured.output_names, captured.name, captured.output_dims
            )
            stage.nodes = len(result.graph)
        # Before the passes: what they put another value in the place of loses its name.
        origin = Origin(graph, translator.names())
        with stages.stage("tidy") as stage:
            result = tidy(result, optimize=optimize, around=stages.step)
            assemble.rename_weights(result, captured.weight_names)
            stage.nodes = len(result.graph)
        older_calls.check_domains(custom_opsets, result.graph.opset_imports)
        program = _program(captured, result, stages.profile)
        program._kept = kept
        program._origin = origin
        program.external_data = external_data
        program.include_initializers = export_params
        program.keep_initializers_as_inputs = keep_initializers_as_inputs
        older_calls.check_model(program, enable_onnx_checker)
        if verify:
            with stages.stage("verify"):
                program.verify(
                    tell=stages.advance, **(verify if isinstance(verify, Mapping) else {})
                )
        if program.notes:
            text = "\n  ".join(["The exported model", *program.notes])
            warnings.warn(text, ModelNotes, stacklevel=3)
        if f is not None:
            with stages.stage("save"):
                program.save(f)
    if isinstance(report, (str, PathLike)):
        program.report(report, run=bool(verify))
    if report is True or verbose:
        notes = (f"The model {note}." for note in program.notes)
        print(program.profile.table(), *notes, sep="\n")  # noqa: T201 - asked for
    return program


def _program(captured: Captured, model: Any, stages: Profile) -> ONNXProgram:
    return ONNXProgram(
        model,
        stages,
        captured.input_names,
        captured.output_names,
        captured.graph.notes,
        exported_program=captured.program,
        _flatten=captured.flatten,
        _eager=captured.eager,
        _example=captured.example,
        _unflatten=captured.unflatten,
        _sizes=DynamicSizes(
            [value.shape or () for value in captured.graph.inputs],
            captured.graph.relations,
            captured.ranges,
        ),
        _steps=captured.steps,
    )
