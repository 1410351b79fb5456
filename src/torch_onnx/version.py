"""The version, which is the tag's: no file of the sources holds it."""

from importlib import metadata


def _installed() -> str:
    try:
        return metadata.version("torch-onnx-exporter")
    except metadata.PackageNotFoundError:  # sources that are not installed
        return "0.0.0"


__version__ = _installed()
