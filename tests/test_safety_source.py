"""No line of the package can run code from a file: only one file calls torch.load."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import netsculpt

ROOT = Path(netsculpt.__file__).parent
DOOR = "files/torch.py"
USERS_OWN = {"core/catalog.py", "loading/programs/onnx/ops/__init__.py"}  # our names
USERS_OWN |= {"cli/importing.py"}  # --model: the user says what
OWN_PROCESS = "pipeline/compiling.py"  # starts this Python with a line of its own
FORBIDDEN = (
    *("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads", "marshal.load"),
    *("dill.load", "joblib.load", "shelve.open", "yaml.load", "pd.read_pickle", "runpy.run_path"),
    *("torch.jit.load", "torch.export.load", "torch.package.PackageImporter", "torch.hub.load"),
    *("os.system", "os.popen", "os.execv", "os.spawnv", "subprocess.run", "subprocess.Popen"),
    *("subprocess.call", "subprocess.check_output", "np.load", "numpy.load", "np.fromfile"),
    *("socket.socket", "urllib.request.urlopen", "requests.get", "onnx.load", "onnx.load_model"),
    *("tarfile.open", "shutil.unpack_archive", "scipy.sparse.load_npz", "sparse.load_npz"),
)
MODULES = {"subprocess", "socket", "urllib", "requests", "http", "marshal", "shelve", "runpy"}
MODULES |= {"pickle", "dill", "yaml", "xml.etree", "code", "ftplib", "webbrowser"}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


def offences(source: str, name: str) -> list[str]:
    tree = ast.parse(source)
    found = []
    for called, node in calls(tree):
        given = {x.arg: x.value for x in node.keywords}
        if called in FORBIDDEN or called.endswith(("extractall", ".unsafe_load")):
            found.append(called)
        if called == "torch.load":
            strict = ast.unparse(given.get("weights_only", ast.Constant(None))) == "True"
            onto = ast.unparse(given.get("map_location", ast.Constant(None))) == "'cpu'"
            if name != DOOR or not strict or not onto:
                found.append(called)
        if "allow_pickle" in given and ast.unparse(given["allow_pickle"]) != "False":
            found.append("allow_pickle")
        if called.endswith("read_array") and "allow_pickle" not in given:
            found.append(called)
        if called.endswith(("import_module", "spec_from_file_location")) and name not in USERS_OWN:
            found.append(called)
    if name == OWN_PROCESS:
        found = [x for x in found if x != "subprocess.Popen"]
    modules = [x for x in imported(tree) if x in MODULES or x.rpartition(".")[0] in MODULES]
    return found + [x for x in modules if (x, name) != ("subprocess", OWN_PROCESS)]


def test_nothing_in_the_package_could_run_a_file() -> None:
    files = sorted(ROOT.rglob("*.py"))
    names = [str(path.relative_to(ROOT)) for path in files]
    assert DOOR in names
    found = {
        name: wrong
        for path, name in zip(files, names, strict=True)
        if (wrong := offences(path.read_text(encoding="utf-8"), name))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False, map_location='cpu')",
        "np.load(path, allow_pickle=True)",
        "archive.read_array(stream, allow_pickle=flag)",
        "np.lib.format.read_array(stream)",
        "pickle.loads(content)",
        "import pickle",
        "from subprocess import run",
        "torch.export.load(path)",
        "eval(text)",
        "importlib.import_module(name)",
    ],
)
def test_the_reading_of_the_source_can_fail(line: str) -> None:
    assert offences(line, "loading/formats/new.py")


def test_torch_is_asked_in_one_file_only() -> None:
    users = [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.rglob("*.py"))
        if any(name == "torch.load" for name, _ in calls(ast.parse(path.read_text("utf-8"))))
    ]
    assert users == [DOOR]
