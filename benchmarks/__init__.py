"""This exporter beside torch.onnx.export: ``python -m benchmarks.run --help``."""

import sys
from pathlib import Path

# The models are the tests' own.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
