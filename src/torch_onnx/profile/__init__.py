"""Where an export's time and memory go: always by stage, on request by module and operator."""

from torch_onnx.profile.comparison import compare
from torch_onnx.profile.stages import CallTime, ModuleTime, Profile, Stage, peak_memory

__all__ = ["CallTime", "ModuleTime", "Profile", "Stage", "compare", "peak_memory"]
