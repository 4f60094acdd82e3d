"""Finding the entries of a catalogue: one module of a package for each, so that adding one is adding a file."""

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
    """Return the value of ``attribute`` in every module of a package that defines it, by the value's name.

    Args:
        package: package whose direct modules are searched; all of them are imported.
        attribute: name that an entry's module defines, such as ``DATASET``.
        kind: type of the entries.

    Returns:
        The entries by name, in alphabetical order.

    Raises:
        TypeError: an entry is of another type.
        ValueError: two modules define entries of the same name.
    """
    found: dict[str, Entry] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if not hasattr(module, attribute):
            continue
        entry = getattr(module, attribute)
        if not isinstance(entry, kind):
            raise TypeError(f"{module.__name__}.{attribute} is {type(entry).__name__}, expected {kind.__name__}")
        if entry.name in found:
            raise ValueError(f"{attribute} {entry.name!r} is defined twice; the second time in {module.__name__}")
        found[entry.name] = entry
    return dict(sorted(found.items()))
