"""A fault in a folder of its own, which runs without this project and without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from torch_onnx.errors import CannotWrite

SCRIPT = '''"""Run model.onnx on inputs.npz and compare with expected.npz, which PyTorch computed.

Needs numpy and onnxruntime, nothing else. The exit code is 1 while the fault is there.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

FOLDER = Path(__file__).parent
TOLERANCE = {tolerance!r}  # relative to the largest value
WHAT = {problem!r}


def main() -> int:
    print("when this was written, the value", WHAT)
    inputs = dict(np.load(FOLDER / "inputs.npz"))
    expected = dict(np.load(FOLDER / "expected.npz"))
    session = onnxruntime.InferenceSession(
        str(FOLDER / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    wrong = 0
    for name, got in zip(names, session.run(names, inputs)):
        want = expected[name]
        if got.dtype != want.dtype or got.shape != want.shape:
            print(f"{{name}}: {{got.dtype}}{{list(got.shape)}}, PyTorch has "
                  f"{{want.dtype}}{{list(want.shape)}}")
            wrong += 1
            continue
        same = np.isfinite(got) == np.isfinite(want) if got.dtype.kind == "f" else got == want
        finite = np.isfinite(want) & np.isfinite(got) if got.dtype.kind == "f" else same
        error = np.abs(got.astype(np.float64) - want.astype(np.float64))[finite]
        largest = float(error.max()) if error.size else 0.0
        scale = float(np.abs(want[finite].astype(np.float64)).max()) if error.size else 0.0
        bad = not same.all() or largest > TOLERANCE * scale
        print(f"{{name}}: largest difference {{largest:.3g}}, largest value {{scale:.3g}}"
              + ("  DIFFERS" if bad else ""))
        wrong += bad
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
'''


def write(
    folder: Path,
    proto: onnx.ModelProto,
    inputs: Sequence[torch.Tensor],
    expected: Sequence[torch.Tensor],
    problem: str,
    tolerance: float = 1e-4,
) -> Path:
    """Write the model, its inputs, what PyTorch computes, and a script that compares.

    Raises:
        CannotWrite: when the folder can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "model.onnx").write_bytes(proto.SerializeToString(deterministic=True))
        names = [declared.name for declared in proto.graph.input]
        np.savez(folder / "inputs.npz", **_arrays(names, inputs))
        names = [declared.name for declared in proto.graph.output]
        np.savez(folder / "expected.npz", **_arrays(names, expected))
        script = SCRIPT.format(tolerance=tolerance, problem=problem)
        (folder / "run.py").write_text(script, encoding="utf-8")
    except OSError as error:
        raise CannotWrite(str(folder), str(error.strerror or error)) from error
    return folder


def _arrays(names: Sequence[str], tensors: Sequence[torch.Tensor]) -> dict[str, Any]:
    arrays = {}
    for name, tensor in zip(names, tensors, strict=True):
        tensor = tensor.detach().cpu()
        if tensor.is_complex():
            tensor = torch.view_as_real(tensor.resolve_conj())
        arrays[name] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return arrays
