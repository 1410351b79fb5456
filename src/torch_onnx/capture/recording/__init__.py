"""The front end that runs a model's own Python and records what it calls.

``program.py`` makes the runs, ``mode.py`` sees each call, ``recorder.py`` keeps them.
``resolve.py`` finds the operator that a call means, ``numbers.py`` has sizes that remember how
they were computed, ``sizes.py`` says what the sizes of results are in terms of those known.
"""

from torch_onnx.capture.recording.entries import Unrecordable
from torch_onnx.capture.recording.program import explained, record

__all__ = ["Unrecordable", "explained", "record"]
