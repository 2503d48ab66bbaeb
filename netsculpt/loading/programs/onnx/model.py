"""Read an ONNX file as a program."""

from __future__ import annotations

from typing import Any

from netsculpt.core.errors import FormatError
from netsculpt.files.content import Content
from netsculpt.files.source import Source
from netsculpt.files.torch import translated
from netsculpt.files.words import shown
from netsculpt.loading.programs.onnx.external import External
from netsculpt.loading.programs.onnx.graph import program_of
from netsculpt.loading.programs.onnx.tensors import Tensors

__all__ = ["program_in"]


def program_in(source: Source) -> Content:
    """The program of an ONNX file, which ONNX's code parses, but neither checks nor runs."""
    message = _message(source)
    content = source.content()
    with translated(source.where):
        message.ParseFromString(content)
    external = External(source)
    with translated(source.where):
        program, details = program_of(message, Tensors(source, external), source)
    details |= {
        "producer": shown(f"{message.producer_name} {message.producer_version}".strip()),
        "weights": "as exported: norms may be folded into them",
    }
    if external.names:
        details["external_data"] = external.names
    return Content(program, external.sha256(), "program", details=details)


def _message(source: Source) -> Any:
    try:
        import onnx
    except ImportError:
        raise FormatError(
            f"{source.where} is an ONNX model, and the package that reads such files is missing: "
            'pip install "netsculpt[onnx]"'
        ) from None
    return onnx.ModelProto()
