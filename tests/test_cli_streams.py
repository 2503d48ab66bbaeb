"""Standard streams that are closed, full, cut short, or lack letters; disks that are full."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from netsculpt.cli.streams import open_streams
from netsculpt.core.compiled import CacheWarning, compiled
from netsculpt.core.errors import OutputError
from netsculpt.core.writing import append, replacing

NETSCULPT = f"{sys.executable} -m netsculpt"


def shell(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (f"(sleep .5; {NETSCULPT} --help) | true; exit ${{PIPESTATUS[0]}}", 141),
        (f"{NETSCULPT} --version >/dev/full", 7),
        (f"{NETSCULPT} --version 2>&-", 0),
        (f"{NETSCULPT} --version >&-", 0),
        (f"{NETSCULPT} analyze none.pt 2>&-", 3),
        (f"{NETSCULPT} analyze none.pt >&- 2>&-", 3),
    ],
)
def test_exit_codes_of_streams(command: str, code: int) -> None:
    run = shell(command)
    assert run.returncode == code
    assert "Traceback" not in run.stderr
    assert "Exception ignored" not in run.stderr


def test_a_full_stdout_is_named() -> None:
    assert "No space left on device" in shell(f"{NETSCULPT} --version >/dev/full").stderr


@pytest.mark.parametrize(
    "variable", ["PYTHONIOENCODING=ascii", "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"]
)
def test_any_encoding_prints_the_help(variable: str) -> None:
    run = shell(f"{variable} {NETSCULPT} analyze --help")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    ("text", "encoding", "printed"),
    [
        ("a → b, ΔQ = −1 ± .5, p ≤ 1", "ascii", b"a -> b, DeltaQ = -1 +- .5, p <= 1"),
        ("a → b, ΔQ = −1 ± .5, p ≤ 1", "latin-1", b"a -> b, DeltaQ = -1 \xb1 .5, p <= 1"),
        ("Erdős, σ², 権", "ascii", b"Erdos, sigma2, ?"),
        ("Erdős, σ²", "utf-8", "Erdős, σ²".encode()),
    ],
)
def test_letters_that_an_encoding_lacks_are_spelled(
    monkeypatch: pytest.MonkeyPatch, text: str, encoding: str, printed: bytes
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding))
    open_streams()
    sys.stdout.write(text)
    sys.stdout.flush()
    assert written.getvalue() == printed


@pytest.mark.parametrize(
    "writes",
    [
        "with writing.replacing('out.bin') as file: file.write(bytes(100_000))",
        "writing.append(Path('out.bin'), bytes(100_000))",
    ],
)
def test_a_full_disk_names_the_file(tmp_path: Path, writes: str) -> None:
    """As a limit on the size of files, which any user can set."""
    script = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from netsculpt.core import errors, writing\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        f"    {writes}\n"
        "except errors.OutputError as error:\n"
        "    sys.exit(str(error))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.stderr == "out.bin cannot be written: File too large\n"
    if "replacing" in writes:
        assert not list(tmp_path.iterdir())


def test_what_is_read_meanwhile_keeps_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"), replacing(tmp_path / "out") as file:
        file.write((tmp_path / "absent").read_bytes())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    problem = "none/out cannot be written: No such file"
    with pytest.raises(OutputError, match=problem), replacing(tmp_path / "none" / "out"):
        pass
    with pytest.raises(OutputError, match=problem):
        append(tmp_path / "none" / "out", b"")


def test_code_is_compiled_where_none_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    njit = numba.njit

    def without_folder(*arguments: object, cache: bool = False, **options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function 'add': no locator available")
        return njit(*arguments, **options)

    monkeypatch.setattr(numba, "njit", without_folder)
    with pytest.warns(CacheWarning, match="set NUMBA_CACHE_DIR"):
        add = compiled(lambda x, y: x + y)
    assert add(2, 3) == 5
