"""ONNX models: protobuf messages whose fields fill the whole file."""

from __future__ import annotations

from netsculpt.files.content import Content
from netsculpt.files.source import Source
from netsculpt.loading.programs.onnx.wire import is_model

__all__ = ["read", "sniff"]


def sniff(source: Source) -> bool:
    """Whether the whole file is a protobuf message with the fields of a model."""
    with source.path.open("rb") as stream:
        return is_model(stream, source.n_bytes)


def read(source: Source) -> Content:
    """The model's operations, as a `netsculpt.tracing.program.Program`."""
    from netsculpt.loading.programs.onnx.model import program_in

    return program_in(source)
