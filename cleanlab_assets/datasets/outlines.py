"""Regions of pixels as annotations write them: polygons, and run lengths as COCO has them."""

from __future__ import annotations

import numpy as np

_FIRST_CHARACTER = 48
_BITS_OF_A_CHARACTER = 5
_MOST_BITS = 63


class OutlineError(ValueError):
    """Points or run lengths that describe no region of the picture."""


def fill_polygon(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return which pixels have their centre inside a polygon, bool of shape (height, width).

    A pixel is inside where a ray from its centre crosses the border an odd number of times. What lies outside of the
    picture is cut off.

    Args:
        points: x and y of each corner in pixels, shape (n, 2); the last one is joined with the first.
        width: of the picture.
        height: of the picture.
    """
    x, y = points[:, 0], points[:, 1]
    next_x, next_y = np.roll(x, -1), np.roll(y, -1)
    first = int(np.clip(np.floor(y.min()), 0, height))
    last = int(np.clip(np.ceil(y.max()), first, height))
    centres = np.arange(first, last) + 0.5
    rows, edges = np.nonzero((y <= centres[:, None]) != (next_y <= centres[:, None]))
    slope = (next_x[edges] - x[edges]) / (next_y[edges] - y[edges])
    crossings = x[edges] + (centres[rows] - y[edges]) * slope
    # From the first centre right of a crossing on, inside and outside change places.
    columns = np.clip(np.ceil(crossings - 0.5), 0, width).astype(np.int64)
    changes = np.zeros((height, width + 1), dtype=np.int64)
    np.add.at(changes, (rows + first, columns), 1)
    is_inside: np.ndarray = np.cumsum(changes, axis=1)[:, :width] % 2 == 1
    return is_inside


def expand_runs(counts: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the pixels that run lengths describe, bool of shape (height, width).

    Args:
        counts: lengths of the runs of pixels outside and inside, in turn, column by column.
        width: of the picture.
        height: of the picture.

    Raises:
        OutlineError: a length is negative, or they do not add up to the pixels of the picture.
    """
    if (counts < 0).any() or counts.sum(dtype=np.float64) != width * height:
        raise OutlineError(
            f"run lengths that add up to {counts.sum(dtype=np.float64):.0f}, expected {width} x {height} = "
            f"{width * height} pixels, none of them negative"
        )
    is_inside = np.arange(len(counts)) % 2 == 1
    return np.repeat(is_inside, counts).reshape(width, height).T


def read_packed_runs(text: str) -> np.ndarray:
    """Return the run lengths that a text packs, int64 of shape (n,).

    Each length is written in characters of 5 bits, the lowest first, of which a sixth bit says that more follow; from
    the fourth on it is the difference to the last but one (``rleFrString`` in ``maskApi.c`` of
    github.com/cocodataset/cocoapi).

    Raises:
        OutlineError: the text holds another character, or breaks off within a length.
    """
    counts: list[int] = []
    value = bits = 0
    for place, character in enumerate(text, start=1):
        code = ord(character) - _FIRST_CHARACTER
        if not 0 <= code < 1 << (_BITS_OF_A_CHARACTER + 1) or bits > _MOST_BITS:
            raise OutlineError(f"the character {character!r} in place {place}, which packed run lengths cannot have")
        value |= (code & 0b11111) << bits
        bits += _BITS_OF_A_CHARACTER
        if code & 0b100000:
            continue
        if code & 0b10000:  # the sign
            value -= 1 << bits
        if len(counts) > 2:  # noqa: PLR2004 - the first three are no differences
            value += counts[-2]
        counts.append(value)
        value = bits = 0
    if bits:
        raise OutlineError("packed run lengths that break off")
    if any(abs(count) >= 1 << _MOST_BITS for count in counts):
        raise OutlineError("run lengths beyond any picture")
    return np.array(counts, dtype=np.int64)


def find_runs(is_inside: np.ndarray) -> np.ndarray:
    """Return the run lengths of pixels, see ``expand_runs``; int64 of shape (n,).

    Args:
        is_inside: bool of shape (height, width).
    """
    pixels = is_inside.T.ravel()
    changes = np.flatnonzero(np.diff(pixels)) + 1
    begins = np.concatenate([[0] if len(pixels) and pixels[0] else [], [0], changes, [len(pixels)]])
    return np.diff(begins).astype(np.int64)


def pack_runs(counts: np.ndarray) -> str:
    """Write run lengths as a text, which ``read_packed_runs`` reads."""
    characters = []
    for place, count in enumerate(counts.tolist()):
        value = count - counts[place - 2].item() if place > 2 else count  # noqa: PLR2004 - as they are read
        more = True
        while more:
            code = value & 0b11111
            value >>= _BITS_OF_A_CHARACTER
            more = value != (-1 if code & 0b10000 else 0)
            characters.append(chr((code | 0b100000 if more else code) + _FIRST_CHARACTER))
    return "".join(characters)


def split_connected(is_inside: np.ndarray) -> list[np.ndarray]:
    """Return the connected parts of pixels, those that touch at a corner as one; bool of the shape of the argument."""
    from scipy.ndimage import label

    numbers, n_found = label(is_inside, np.ones((3, 3), dtype=int))
    return [numbers == number for number in range(1, n_found + 1)]


def box_of_region(is_inside: np.ndarray) -> list[float] | None:
    """Return the tight box of pixels: x1, y1, x2, y2, the last two just outside; None where there is none."""
    rows, columns = np.flatnonzero(is_inside.any(axis=1)), np.flatnonzero(is_inside.any(axis=0))
    if not len(rows):
        return None
    return [float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)]
