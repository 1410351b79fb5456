"""The release of PyTorch, for differences that nothing else tells."""

import torch

RELEASE = tuple(int(part) for part in torch.__version__.split(".")[:2])
