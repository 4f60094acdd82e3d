"""Finding the entries of a catalogue in the modules of a package, so that adding one is adding it there."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from types import ModuleType


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=_Named)


def find_entries(package: ModuleType, attribute: str, kind: type[Entry]) -> dict[str, Entry]:
    """Return what ``attribute`` holds, an entry or a tuple of them, in every module of a package, by their names.

    Args:
        package: package whose direct modules are searched; all of them are imported.
        attribute: name that a module with entries defines, such as ``DATASET``.
        kind: type of the entries.

    Returns:
        The entries by name, in alphabetical order.

    Raises:
        TypeError: an entry is of another type.
        ValueError: two entries have the same name.
    """
    found: dict[str, Entry] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        held = getattr(module, attribute, ())
        for entry in held if isinstance(held, tuple) else (held,):
            if not isinstance(entry, kind):
                raise TypeError(f"{module.__name__}.{attribute} is {type(entry).__name__}, expected {kind.__name__}")
            if entry.name in found:
                raise ValueError(f"{attribute} {entry.name!r} is defined twice; the second time in {module.__name__}")
            found[entry.name] = entry
    return dict(sorted(found.items()))
