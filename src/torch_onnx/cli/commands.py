"""The commands of ``torch-onnx``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from torch_onnx.cli import difference, support
from torch_onnx.cli.options import (
    AGREE,
    DIFFER,
    EXIT_CODES,
    Described,
    File,
    Json,
    Model,
    Opset,
    Strategy,
    Unsafe,
    answer,
    answers,
    err,
    example_of,
    exported,
)
from torch_onnx.errors import VerificationError
from torch_onnx.explain import explain
from torch_onnx.ops.table import DEFAULT_OPSET
from torch_onnx.rendering import table

app = typer.Typer(
    name="torch-onnx",
    help="Export PyTorch models to ONNX, and see, verify and find what came of it.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    # Markup would take the sizes of `x:float32[batch,8]` for a style.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

MOST_CHANGES = 20


def run() -> None:
    """Run the command of sys.argv, and exit."""
    app(prog_name="torch-onnx")


@app.command("export", epilog=EXIT_CODES)
@answers
def export_(
    model: Model,
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="The .onnx file to write.")],
    inputs: Described = None,
    file: File = None,
    opset: Opset = None,
    strategy: Strategy = "auto",
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with PyTorch, at other sizes too.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write a report: .html with the graph, or .md.")
    ] = None,
    external_data: Annotated[
        bool | None,
        typer.Option(help="Weights in a file beside the model; by default from 2 GB on."),
    ] = None,
    optimize: Annotated[bool, typer.Option(help="Run the graph passes.")] = True,
    metadata: Annotated[bool, typer.Option(help="Write each node's source line.")] = True,
    unsafe: Unsafe = False,
    as_json: Json = False,
) -> None:
    """Export a model.

    For example: torch-onnx export mypackage.models:small small.onnx
    -i "x:float32[batch,3,224,224]" --verify
    """
    example = example_of(model, inputs, file, unsafe)
    began = time.perf_counter()
    program = exported(
        example,
        opset,
        strategy,
        as_json,
        f=output,
        verify=verify,
        report=report or False,
        external_data=external_data,
        optimize=optimize,
        metadata=metadata,
    )
    seconds = time.perf_counter() - began
    nodes = len(program.model.graph)
    data = {
        "path": str(output),
        "nodes": nodes,
        "seconds": seconds,
        "inputs": program.input_names,
        "outputs": program.output_names,
        "notes": program.notes,
        "profile": program.profile.to_dict(),
        "verification": None if program.verification is None else program.verification.to_dict(),
    }
    agrees = "" if not verify else ", agrees with PyTorch"
    answer(as_json, data, f"{output}: {nodes} nodes in {seconds:.1f} s{agrees}")


@app.command(epilog=EXIT_CODES)
@answers
def verify(
    model: Model,
    onnx: Annotated[
        Path | None, typer.Option("--onnx", help="Verify this file, not a fresh export.")
    ] = None,
    inputs: Described = None,
    file: File = None,
    opset: Opset = None,
    strategy: Strategy = "auto",
    unsafe: Unsafe = False,
    as_json: Json = False,
) -> None:
    """Compare ONNX Runtime with PyTorch: on the example, and at other sizes of dynamic dims.

    Exits with 1 when they disagree.
    """
    program = exported(example_of(model, inputs, file, unsafe), opset, strategy, as_json)
    if onnx is not None:
        program.model = difference.read(onnx)
    try:
        told = program.verify()
    except VerificationError as error:
        told = error.verification
    answer(as_json, told.to_dict(), told.table())
    raise typer.Exit(DIFFER if told.mismatches else AGREE)


@app.command("explain", epilog=EXIT_CODES)
@answers
def explain_(
    model: Model,
    inputs: Described = None,
    file: File = None,
    opset: Opset = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Write it to a .html or .md file.")
    ] = None,
    unsafe: Unsafe = False,
    as_json: Json = False,
) -> None:
    """Say what an export would come to, without writing a model.

    Which strategy works, every operator's status, dims that can't stay dynamic and by which line,
    branches on data, unused inputs, the size. Exits with 1 when the model can't be exported.
    """
    example = example_of(model, inputs, file, unsafe)
    told = explain(
        example.model,
        example.args,
        kwargs=example.kwargs,
        opset_version=opset,
        dynamic_axes=example.dynamic_axes,
    )
    if report is not None:
        told.save(report)
    answer(as_json, told.to_dict(), told.markdown())
    raise typer.Exit(AGREE if told.can_be_exported else DIFFER)


@app.command(epilog=EXIT_CODES)
@answers
def profile(
    model: Model,
    inputs: Described = None,
    file: File = None,
    opset: Opset = None,
    strategy: Strategy = "auto",
    flame: Annotated[
        Path | None, typer.Option("--flame", help="Write a flame graph, one HTML file.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option("--trace", help="Write a trace for Chrome or Perfetto.")
    ] = None,
    unsafe: Unsafe = False,
    as_json: Json = False,
) -> None:
    """Show where an export's time and memory go: by stage, pass, module and operator."""
    example = example_of(model, inputs, file, unsafe)
    program = exported(example, opset, strategy, as_json, profile=True)
    if flame is not None:
        program.profile.flame_graph(flame)
    if trace is not None:
        program.profile.trace(trace)
    answer(as_json, program.profile.to_dict(), program.profile.table())


@app.command(epilog=EXIT_CODES)
@answers
def bisect(
    model: Model,
    folder: Annotated[
        Path, typer.Option("--folder", help="Where a reproduction is written.")
    ] = Path("reproduction"),
    inputs: Described = None,
    file: File = None,
    opset: Opset = None,
    strategy: Strategy = "auto",
    unsafe: Unsafe = False,
    as_json: Json = False,
) -> None:
    """Find the first node whose value departs from PyTorch's, and write a reproduction.

    Exits with 1 when there is one.
    """
    program = exported(example_of(model, inputs, file, unsafe), opset, strategy, as_json)
    try:
        program.verify()
    except VerificationError as error:
        if not as_json:
            err.print(str(error))
    found = program.bisect(folder=folder)
    if found is None:
        answer(as_json, {"departure": None}, "All values agree with PyTorch's.")
        raise typer.Exit(AGREE)
    answer(as_json, {"departure": found.to_dict()}, str(found))
    raise typer.Exit(DIFFER)


@app.command(epilog=EXIT_CODES)
@answers
def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="An ONNX model.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    as_json: Json = False,
) -> None:
    """Compare two ONNX models: inputs and outputs, nodes, initializers.

    Exits with 1 when they differ.
    """
    found = difference.difference(difference.read(a), difference.read(b))
    parts = []
    for title, rows in (
        ("versions", found.header),
        ("inputs and outputs", found.tensors),
        ("operators, nodes", found.operators),
        ("nodes", found.nodes),
        ("initializers", found.initializers),
    ):
        if rows:
            shown = [tuple(map(str, row)) for row in rows[:MOST_CHANGES]]
            more = [f"  … and {len(rows) - len(shown)} more"] if len(rows) > len(shown) else []
            parts.append("\n".join([f"{title}: {len(rows)} differ", table(shown), *more]))
    text = "\n\n".join(parts) or "The models are the same."
    answer(as_json, found.to_dict(), text)
    raise typer.Exit(DIFFER if found else AGREE)


@app.command(epilog=EXIT_CODES)
@answers
def ops(
    name: Annotated[str, typer.Argument(help="Only operators whose name has this in it.")] = "",
    opset: Annotated[int, typer.Option("--opset", help="The target opset.")] = DEFAULT_OPSET,
    missing: Annotated[
        bool, typer.Option("--missing", help="Only operators without a translation.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List torch's operators: translated (from which opset on), decomposable, or missing.

    A decomposable operator is one that PyTorch can say in others; an export tries that.
    """
    found = support.operators(opset, name)
    if missing:
        found = [row for row in found if row.status == "missing"]
    data = {
        "opset": opset,
        "operators": [{"name": r.name, "status": r.status, "since": r.since} for r in found],
    }
    lines = [(r.name, r.status, "" if r.since is None else f"from opset {r.since}") for r in found]
    count = f"{len(found)} operators at opset {opset}"
    answer(as_json, data, f"{table(lines, indent='')}\n{count}" if lines else count)


@app.command(epilog=EXIT_CODES)
@answers
def doctor(as_json: Json = False) -> None:
    """Tell what is installed and what can be done with it; exits with 1 if exports can't work."""
    told = support.doctor()
    rows = [("python", told["python"]), ("system", told["system"])]
    rows += [(name, version or "not installed") for name, version in told["packages"].items()]
    opsets = told["opsets"]
    rows.append(("opsets", f"{opsets['lowest']} to {opsets['highest']}, {opsets['default']} by "
                           f"default; onnx knows {told['highest_opset_of_onnx']}"))  # fmt: skip
    rows.append(("export", "yes" if told["can_export"] else "no"))
    rows.append(("verify", "yes" if told["can_verify"] else "no: pip install onnxruntime"))
    answer(as_json, told, table(rows, indent=""))
    raise typer.Exit(AGREE if told["can_export"] else DIFFER)
