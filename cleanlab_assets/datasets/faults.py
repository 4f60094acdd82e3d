"""The faults of a source file, gathered so that a person hears of all of them at once."""

from __future__ import annotations

from cleanlab_assets.datasets.errors import UnreadableInputError

MOST_FAULTS = 20
"""Faults that one message tells; of more it says how many."""


class Faults:
    """The faults of a file, or of files that are read together, in the order in which they were found.

    Each start of a command costs seconds, so a reader goes on after a fault where what follows can still be judged::

        faults = Faults()
        for line in lines:
            with faults.gather():
                rows.append(parse(line))
        faults.raise_any(SourceFormatError)
    """

    def __init__(self) -> None:
        self._messages: list[str] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._messages)

    def add(self, message: str) -> None:
        """Note a fault; the message names file and place, what was found, what was expected and what to do."""
        self._messages.append(message)

    def gather(self, place: str = "") -> _Gathering:
        """Note the fault that ends the block, and go on behind it; any other error passes.

        Args:
            place: said before the message, where that does not name the place itself.
        """
        return _Gathering(self, place)

    def raise_any(self, kind: type[UnreadableInputError]) -> None:
        """Raise an error that tells the faults, a line each: the first 20, and how many more there are; if any."""
        if self._messages:
            more = len(self._messages) - MOST_FAULTS
            told = [*self._messages[:MOST_FAULTS], *([f"and {more:,} more"] if more > 0 else [])]
            raise kind("\n".join(told))


class _Gathering:
    """What ``Faults.gather`` returns: a block for each of a million lines must cost next to nothing."""

    def __init__(self, faults: Faults, place: str) -> None:
        self._faults, self._place = faults, place

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, UnreadableInputError):
            return False
        self._faults.add(f"{self._place}: {error}" if self._place else str(error))
        return True
