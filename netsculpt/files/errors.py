"""Errors about files: what is wrong with one, and what to do."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from netsculpt.core.errors import FormatError, LimitError, NetsculptError
from netsculpt.files.words import reason

__all__ = ["file_errors", "require_memory"]

_REMEDY = "Save it again with torch.save and its defaults, or as safetensors"


@contextmanager
def file_errors(where: str, remedy: str = _REMEDY) -> Iterator[None]:
    """Turn any error inside into one about the file, with a remedy; silence warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except NetsculptError:
            raise
        except MemoryError:
            raise LimitError(
                f"{where} needs more memory than there is: it is a decompression bomb, or this "
                "machine is too small for it"
            ) from None
        except Exception as error:
            raise FormatError(
                f"{where} cannot be read ({reason(error)}): it is damaged or was written in an "
                f"unusual way. {remedy}."
            ) from None


def require_memory(n_bytes: int, max_bytes: int, claim: str) -> None:
    """Raise an error if a file needs more than `max_bytes`; `claim` says what needs `n_bytes`."""
    if n_bytes > max_bytes:
        raise LimitError(
            f"{claim}, the limit is {max_bytes} bytes: raise max_bytes if the file is trusted and "
            "the memory is there (--max-bytes)"
        )
