"""ONNX models: protobuf messages whose fields fill the whole file.

ONNX's own code parses the message, but neither checks nor runs it.
"""

from __future__ import annotations

from typing import Any

from netsculpt.core.extras import require
from netsculpt.files.content import Content
from netsculpt.files.errors import file_errors
from netsculpt.files.source import Source
from netsculpt.files.words import shown
from netsculpt.loading.programs.onnx.wire import is_model

__all__ = ["read", "sniff"]


def sniff(source: Source) -> bool:
    """Whether the whole file is a protobuf message with the fields of a model."""
    with source.path.open("rb") as stream:
        return is_model(stream, source.n_bytes)


def read(source: Source) -> Content:
    """The model's operations, as a `netsculpt.tracing.program.Program`."""
    from netsculpt.loading.programs.onnx.external import External
    from netsculpt.loading.programs.onnx.graph import program_of
    from netsculpt.loading.programs.onnx.tensors import Tensors

    message = _message(source)
    content = source.content()
    with file_errors(source.where):
        message.ParseFromString(content)
    external = External(source)
    with file_errors(source.where):
        program, details = program_of(message, Tensors(source, external), source)
    details |= {
        "producer": shown(f"{message.producer_name} {message.producer_version}".strip()),
        "weights": "as exported: norms may be folded into them",
    }
    if external.names:
        details["external_data"] = external.names
    return Content(program, external.sha256(), "program", details=details)


def _message(source: Source) -> Any:
    require("onnx", f"{source.where}, an ONNX model,")
    import onnx

    return onnx.ModelProto()
