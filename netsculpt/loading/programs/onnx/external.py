"""Data of an ONNX model in other files: only in its folder, and only within the file."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netsculpt.core.errors import FormatError, UnsafeFileError
from netsculpt.files.errors import file_errors
from netsculpt.files.source import Source
from netsculpt.files.words import quoted

__all__ = ["External"]


class External:
    """The files that the tensors of a model refer to."""

    def __init__(self, model: Source) -> None:
        self._model = model
        self._files: dict[str, Source] = {}

    @property
    def names(self) -> list[str]:
        """Names of the files that were used."""
        return sorted(self._files)

    def sha256(self) -> str:
        """The "sha256:…" of the model, or of its hash and those of all its files."""
        model = self._model.sha256()
        if not self._files:
            return model
        hashes = [model, *(self._files[name].sha256() for name in self.names)]
        return f"sha256:{hashlib.sha256(chr(10).join(hashes).encode()).hexdigest()}"

    def data(self, proto: Any, n_bytes: int) -> NDArray[np.uint8]:
        """The bytes of a tensor, mapped from its file."""
        entries = {entry.key: entry.value for entry in proto.external_data}
        location = entries.get("location", "")
        if location not in self._files:
            self._files[location] = self._opened(proto.name, location)
        file = self._files[location]
        offset = self._number(proto.name, entries.get("offset", "0"))
        length = self._number(proto.name, entries.get("length", str(n_bytes)))
        if length != n_bytes or offset + n_bytes > file.n_bytes:
            raise FormatError(
                f"{quoted(proto.name)} in {self._model.where} needs {n_bytes} bytes; the file "
                f"{file.where} of {file.n_bytes} bytes should hold {length} of them from byte "
                f"{offset}: fetch or export model and data again"
            )
        with file_errors(file.where):
            return np.memmap(file.path, np.uint8, "c", offset, (n_bytes,))

    def _opened(self, tensor: str, location: str) -> Source:
        path = self._model.path.parent / location
        rooted = PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor
        with file_errors(self._model.where):
            file = path.resolve()
            inside = any(file.is_relative_to(folder) for folder in self._model.folders)
        if not location or rooted or not inside:
            raise UnsafeFileError(
                f"{self._model.where} keeps the tensor {quoted(tensor)} in {quoted(location)}, "
                "which is not a file in the model's folder: data may not lie outside it. Export "
                "the model again with its data in its folder"
            )
        return Source.open(path, self._model.max_bytes)

    def _number(self, tensor: str, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise FormatError(
                f"{quoted(tensor)} in {self._model.where} starts at byte {quoted(text)} of a file: "
                "a number is needed; export the model again"
            )
        return int(text)
