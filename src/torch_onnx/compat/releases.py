"""Releases of PyTorch whose differences nothing else tells."""

import torch

IS_2_6 = torch.__version__.startswith("2.6.")
