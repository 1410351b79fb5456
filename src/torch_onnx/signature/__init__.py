"""What goes into a model and comes out: flattened, named, with the dims that are dynamic."""

from torch_onnx.signature.binding import Bound, FlatModule, bind, modules_of
from torch_onnx.signature.dynamic import AxisSpec, Dynamic, settle_dynamic
from torch_onnx.signature.naming import name_inputs, name_outputs
from torch_onnx.signature.structure import Leaf, Structure, flatten

__all__ = [
    "AxisSpec",
    "Bound",
    "Dynamic",
    "FlatModule",
    "Leaf",
    "Structure",
    "bind",
    "flatten",
    "modules_of",
    "name_inputs",
    "name_outputs",
    "settle_dynamic",
]
