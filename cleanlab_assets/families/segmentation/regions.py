"""The objects of class masks, and how well the predicted probabilities agree with each of them.

They say where to look and what to suggest. Masks are ranked by them only where planted errors show it to be better: a
model that takes one digit for another in every second image makes the worst object of most images bad, while other
scores weigh how sure it is and over how many pixels. ``benchmarks/segmentation.py`` compares the scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEAST_PIXELS = 20
"""Smaller regions are not judged: specks at the rim of an object, or what others leave visible of it."""
FLAG_BELOW = 0.5
"""Quality below which an object is in doubt: less than half of it and of what is predicted in its place agree."""
SURE_MARGIN = 0.97
"""By so much the probability of another class must exceed that of the given one for the model to be sure."""
_NEIGHBOURS = np.ones((3, 3), dtype=int)


@dataclass(frozen=True)
class Region:
    """A connected region of one class, given or predicted.

    ``place`` are the rows and the columns of its pixels, with those of the predicted object that it is compared with,
    shape (n_pixels,) both; ``given`` and ``suggested`` the class ids that are given and predicted there; ``quality`` is
    in [0, 1].
    """

    place: tuple[np.ndarray, ...]
    given: int
    suggested: int
    quality: float

    @property
    def n_pixels(self) -> int:
        """Number of its pixels."""
        return len(self.place[0])

    @property
    def box(self) -> tuple[int, int, int, int]:
        """The tight box: x1, y1, x2, y2 in pixels, the last two just outside."""
        rows, columns = self.place
        return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def find_regions(given: np.ndarray, probabilities: np.ndarray) -> list[Region]:
    """Judge the given objects, and the predicted objects that no given one of their class touches.

    The quality of a given object is its soft intersection over union with the predicted regions of its class that
    touch it: the probability of its class summed over its pixels, by its pixels and the probability of its class
    summed over the pixels of these regions that are not given as its class. The quality of a predicted object that
    nothing of its class touches is the mean probability of the given classes over its pixels.

    Args:
        given: given class ids, 0 = background, shape (height, width).
        probabilities: shape (n_classes + 1, height, width).

    Returns:
        The regions of at least ``LEAST_PIXELS`` pixels, in no particular order.
    """
    predicted = probabilities.argmax(axis=0)
    given_probability = np.take_along_axis(probabilities, given[None], axis=0)[0]
    regions = []
    codes = np.union1d(np.unique(given), np.unique(predicted))
    for code in codes[codes > 0]:
        is_given, probability = given == code, probabilities[code]
        numbers, predicted_places = _split(predicted == code)
        # What belongs to another object of the same class is no part of this one.
        besides = {number: place[~is_given.ravel()[place]] for number, place in predicted_places.items()}
        for place in _split(is_given)[1].values():
            touching = besides.keys() & np.unique(numbers.ravel()[place]).tolist()
            beside = np.sort(np.concatenate([besides[number] for number in touching] or [place[:0]]))
            sums = [float(probability.ravel()[pixels].sum()) for pixels in (place, beside)]
            whole = np.unravel_index(np.union1d(place, beside), given.shape)
            suggested = _most_frequent(predicted.ravel()[place])
            regions.append(Region(whole, int(code), suggested, min(1.0, sums[0] / (len(place) + sums[1]))))
        for number, place in predicted_places.items():
            if len(besides[number]) == len(place):
                quality = min(1.0, float(given_probability.ravel()[place].mean()))
                whole = np.unravel_index(place, given.shape)
                regions.append(Region(whole, _most_frequent(given.ravel()[place]), int(code), quality))
    return regions


def find_sure_regions(given: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the pixels of connected regions where the model is sure of another class than the given one.

    Args:
        given: given class ids, shape (height, width).
        probabilities: shape (n_classes + 1, height, width).

    Returns:
        bool of shape (height, width): regions of at least ``LEAST_PIXELS`` pixels with a margin above ``SURE_MARGIN``.
    """
    from scipy.ndimage import label

    given_probability = np.take_along_axis(probabilities, given[None], axis=0)[0]
    numbers, _ = label(probabilities.max(axis=0) - given_probability > SURE_MARGIN, _NEIGHBOURS)
    is_large = np.bincount(numbers.ravel()) >= LEAST_PIXELS
    is_large[0] = False
    return np.asarray(is_large[numbers])


def largest_region(is_issue: np.ndarray, given: np.ndarray, predicted: np.ndarray) -> Region | None:
    """Return the largest connected region of marked pixels, with the most frequent classes there; None without any.

    Its quality is the share of its pixels where both classes agree, 0 for pixel issues.
    """
    from scipy.ndimage import label

    numbers, n_found = label(is_issue, _NEIGHBOURS)
    if n_found == 0:
        return None
    place = np.nonzero(numbers == np.bincount(numbers.ravel())[1:].argmax() + 1)
    agreement = float((given[place] == predicted[place]).mean())
    return Region(place, _most_frequent(given[place]), _most_frequent(predicted[place]), agreement)


def _split(is_class: np.ndarray) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Number the connected regions.

    Returns:
        The number of the region of each pixel, 0 outside, shape (height, width); and the positions of the pixels of
        each region of at least ``LEAST_PIXELS``, ascending, in the flattened picture.
    """
    from scipy.ndimage import label

    numbers, n_regions = label(is_class, _NEIGHBOURS)
    pixels = np.flatnonzero(numbers)
    pixels = pixels[np.argsort(numbers.ravel()[pixels], kind="stable")]
    sizes = np.bincount(numbers.ravel(), minlength=n_regions + 1)[1:]
    places = np.split(pixels, np.cumsum(sizes)[:-1])
    return numbers, {number: place for number, place in enumerate(places, start=1) if len(place) >= LEAST_PIXELS}


def _most_frequent(codes: np.ndarray) -> int:
    return int(np.bincount(codes.ravel()).argmax())
