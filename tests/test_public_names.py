"""What `dir` shows of a module: what is public, and nothing that the module merely uses."""

import importlib
import pkgutil
from types import ModuleType

import netsculpt


def test_dir_shows_the_public_names_of_every_module_that_can_be_reached() -> None:
    found = {name: sorted(dir(module)) for name, module in _reached(netsculpt).items()}
    assert len(found) > 40
    assert {"netsculpt.paths", "netsculpt.training.dynamic.drops"} < found.keys()
    assert found == {name: sorted(importlib.import_module(name).__all__) for name in found}


def test_dir_shows_the_public_names_of_every_folder_that_lists_them() -> None:
    listing = [module for module in _folders() if hasattr(module, "__all__")]
    assert len(listing) > 60
    for module in listing:
        assert sorted(dir(module)) == sorted(module.__all__), (
            f"{module.__name__} shows what it uses: write `__dir__ = __all__.copy` after `__all__`"
        )


def test_public_names_can_be_used_and_are_not_private() -> None:
    for module in _folders():
        for name in getattr(module, "__all__", ()):
            assert name == "__version__" or not name.startswith("_"), f"{module.__name__}.{name}"
            getattr(module, name)


def test_a_folder_without_a_list_uses_nothing() -> None:
    for module in _folders():
        if not hasattr(module, "__all__"):
            used = [
                name
                for name, value in vars(module).items()
                if not (name.startswith("__") or _is_inside(value, module))
            ]
            assert not used, f"{module.__name__} shows {used}: list what is public in `__all__`"


def _reached(module: ModuleType) -> dict[str, ModuleType]:
    """The modules that one gets to by completing names, from this one on."""
    reached = {module.__name__: module}
    for name in dir(module):
        inner = getattr(module, name)
        # pytest puts a file whose doctests it collects in the place of the function of its name
        is_function = hasattr(inner, name)
        if _is_inside(inner, module) and not is_function:
            reached |= _reached(inner)
    return reached


def _folders() -> list[ModuleType]:
    """Every package of netsculpt whose path has no private part."""
    packages = pkgutil.walk_packages(netsculpt.__path__, "netsculpt.")
    names = [x.name for x in packages if x.ispkg and "._" not in x.name]
    return [netsculpt, *map(importlib.import_module, names)]


def _is_inside(value: object, module: ModuleType) -> bool:
    return isinstance(value, ModuleType) and value.__name__.startswith(f"{module.__name__}.")
