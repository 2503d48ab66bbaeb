"""An untrusted file: its first bytes, its zip members, its hash."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.core.progress import Progress, silent
from netsculpt.files.directory import directory_bytes
from netsculpt.files.errors import require_memory
from netsculpt.files.words import quoted

__all__ = ["Source"]

_HEAD = 512
_MOST_MEMBERS = 100_000
_LONGEST_DIRECTORY = 1 << 24  # bytes
_HARMLESS = 1 << 26  # bytes below which any compression ratio is safe
_LARGEST_RATIO = 200


@dataclass(frozen=True)
class Source:
    """An existing, regular, non-empty file."""

    path: Path
    head: bytes  # the first 512 bytes
    n_bytes: int
    max_bytes: int
    progress: Progress = field(default=silent, compare=False)  # of formats that are read in parts

    @classmethod
    def open(cls, path: Path, max_bytes: int, progress: Progress = silent) -> Source:
        """The file at a path, of which only the first bytes are read."""
        where = quoted(path)
        try:
            if path.is_dir():
                raise FormatError(
                    f"{where} is a folder: name the file in it that contains the weights (for "
                    "sharded safetensors its .index.json)"
                )
            if not path.exists():
                raise FormatError(f"no file at {where}: check the path")
            if not path.is_file():
                raise FormatError(f"{where} is a pipe or a device: copy it to a file first")
            with path.open("rb") as stream:
                head = stream.read(_HEAD)
            n_bytes = path.stat().st_size
        except OSError as error:
            raise FormatError(f"{where} cannot be opened: {error.strerror}") from None
        if not head:
            raise FormatError(f"{where} is empty (0 bytes): fetch or save it again")
        return cls(path, head, n_bytes, max_bytes, progress)

    @property
    def where(self) -> str:
        """The file's name, for messages."""
        return quoted(self.path.name)

    @property
    def folders(self) -> set[Path]:
        """The file's folder, and that of its target if it is a link (as in download caches)."""
        return {self.path.parent.resolve(), self.path.resolve().parent}

    @cached_property
    def members(self) -> dict[str, zipfile.ZipInfo]:
        """Members in file order, after checks of their sizes; empty if it is not a zip file."""
        if not self.head.startswith(b"PK\x03\x04"):
            return {}
        try:
            self._check_directory(directory_bytes(self.path))
            with zipfile.ZipFile(self.path) as archive:
                members = archive.infolist()
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
            raise FormatError(
                f"{self.where} begins like a zip file but its table of contents is unreadable: it "
                "is cut off or damaged; fetch or save it again"
            ) from None
        self._check_members(members)
        return {member.filename: member for member in members}

    @property
    def compressed(self) -> bool:
        """Whether any member is compressed."""
        return any(x.compress_type != zipfile.ZIP_STORED for x in self.members.values())

    def sha256(self) -> str:
        """Hash of the content, "sha256:…"."""
        with self.path.open("rb") as stream:
            return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"

    def content(self) -> bytes:
        """All bytes; an error if they exceed the limit."""
        require_memory(self.n_bytes, self.max_bytes, f"{self.where} is {self.n_bytes} bytes")
        return self.path.read_bytes()

    def check_unpacked(self, n_bytes: int) -> None:
        """Raise `LimitError` if a compressed file has unpacked to more bytes than are allowed."""
        require_memory(n_bytes, self.max_bytes, f"{self.where} unpacks to {n_bytes} bytes or more")
        if n_bytes > _HARMLESS and n_bytes > _LARGEST_RATIO * self.n_bytes:
            raise LimitError(
                f"{self.where} unpacks from {self.n_bytes} to {n_bytes} bytes or more (at most "
                f"{_LARGEST_RATIO} times as many are allowed): save it without compression"
            )

    def _check_directory(self, n_bytes: int) -> None:
        if n_bytes > _LONGEST_DIRECTORY:
            raise LimitError(
                f"{self.where} has a zip table of contents of {n_bytes} bytes, at most "
                f"{_LONGEST_DIRECTORY} are read: save fewer, larger tensors"
            )

    def _check_members(self, members: list[zipfile.ZipInfo]) -> None:
        if len(members) > _MOST_MEMBERS:
            raise LimitError(
                f"{self.where} has {len(members)} zip members, {_MOST_MEMBERS} are allowed: save "
                "fewer, larger tensors"
            )
        if members and min(member.header_offset for member in members) > 0:
            raise FormatError(
                f"{self.where} is a zip file that begins with other bytes, so its content depends "
                "on the reader: it is cut off or forged; fetch or save it again"
            )
        if len({member.filename.lower() for member in members}) < len(members):
            raise FormatError(
                f"{self.where} has two zip members of one name, so its content depends on the "
                "reader: save it again"
            )
        packed = [x for x in members if x.compress_type != zipfile.ZIP_STORED]
        size = sum(member.file_size for member in packed)
        if sum(member.file_size for member in members) - size > self.n_bytes:
            raise FormatError(
                f"{self.where} has zip members that overlap: it is forged or damaged; save it again"
            )
        require_memory(size, self.max_bytes, f"{self.where} unpacks to {size} bytes")
        for member in packed:
            ratio = member.file_size / max(member.compress_size, 1)
            if member.file_size > _HARMLESS and ratio > _LARGEST_RATIO:
                raise LimitError(
                    f"{quoted(member.filename)} in {self.where} unpacks from "
                    f"{member.compress_size} to {member.file_size} bytes, {ratio:.0f} times as "
                    f"many (at most {_LARGEST_RATIO} times is allowed): save it without compression"
                )
