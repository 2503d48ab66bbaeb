"""Programs of ``torch.export.save``: zip files of a JSON graph and raw tensors.

torch's own reader is never called: it runs code that the file names.
"""

from __future__ import annotations

import sys
import zipfile
from typing import Any

from netsculpt.core.errors import FormatError, LimitError
from netsculpt.files.content import Content
from netsculpt.files.errors import file_errors
from netsculpt.files.source import Source
from netsculpt.files.words import listed, quoted

__all__ = ["read", "sniff"]

_FORMAT = "/archive_format"
_LONGEST = 1 << 26  # bytes of a JSON document
_MAJOR = 8  # of the schema


def sniff(source: Source) -> bool:
    """Whether there are a format name and programs, and no pickle of torch.save."""
    names = source.members
    pickled = any(name.endswith("/data.pkl") for name in names)
    return not pickled and len(_roots(source)) == 1 and bool(_models(source))


def read(source: Source) -> Content:
    """The one program in the file, as a `netsculpt.tracing.program.Program`."""
    from netsculpt.loading.programs.exported.fields import decoded
    from netsculpt.loading.programs.exported.program import open_sizes, program_in
    from netsculpt.loading.programs.exported.tensors import stored_tensors

    (root,), models = _roots(source), _models(source)
    if len(models) > 1:
        raise FormatError(
            f"{source.where} contains {len(models)} programs ({listed(models)}): one is needed. "
            "Save each in a separate file"
        )
    weights, constants = (f"{root}/data/{kind}" for kind in ("weights", "constants"))
    with file_errors(source.where):
        _check_order(source, f"{root}/byteorder")
        document = decoded(_json(source, f"{root}/models/{models[0]}.json"))
        tables = {
            weights: decoded(_json(source, f"{weights}/{models[0]}_weights_config.json")),
            constants: decoded(_json(source, f"{constants}/{models[0]}_constants_config.json")),
        }
        _check_schema(document, source.where)
        tensors = stored_tensors(source, tables)
        program = program_in(document, tensors, max_bytes=source.max_bytes, where=source.where)
        details = open_sizes(document, program)
    return Content(program, source.sha256(), "program", details=details)


def _roots(source: Source) -> list[str]:
    names = [name for name in source.members if name.endswith(_FORMAT)]
    return [root for name in names if "/" not in (root := name.removesuffix(_FORMAT))]


def _models(source: Source) -> list[str]:
    head = f"{_roots(source)[0]}/models/"
    names = [name.removeprefix(head) for name in source.members if name.startswith(head)]
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def _check_schema(document: Any, where: str) -> None:
    from netsculpt.loading.programs.exported.fields import field

    major = field(field(document, "schema_version", dict), "major", int)
    if major != _MAJOR:
        raise FormatError(
            f"{where} is an exported program of schema {major}, schema {_MAJOR} is needed: export "
            "and save it again with torch >= 2.10"
        )


def _json(source: Source, name: str) -> bytes:
    member = source.members.get(name)
    if member is None:
        raise FormatError(
            f"{source.where} is an exported program without {quoted(name)}: it is cut off, or from "
            "an old torch; export and save it again with torch >= 2.10"
        )
    if member.file_size > min(_LONGEST, source.max_bytes):
        raise LimitError(
            f"{quoted(name)} in {source.where} is {member.file_size} bytes, at most {_LONGEST} "
            "are read: export a smaller program"
        )
    with zipfile.ZipFile(source.path) as archive:
        return archive.read(name)


def _check_order(source: Source, name: str) -> None:
    with zipfile.ZipFile(source.path) as archive:
        order = archive.read(name)[:9].decode() if name in source.members else "little"
    if order != sys.byteorder:
        raise FormatError(
            f"{source.where} has numbers in byte order {quoted(order)}, this machine has "
            f"{sys.byteorder}: save it on a machine like this one"
        )
