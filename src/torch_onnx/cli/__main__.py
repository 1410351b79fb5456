"""``python -m torch_onnx.cli`` is ``torch-onnx``."""

from torch_onnx.cli import main

main()
