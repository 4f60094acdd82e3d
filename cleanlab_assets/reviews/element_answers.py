"""What people may answer to a box or a region of an image, and the label that follows from it.

However a label was chosen, by its class or by what a model predicts, the decision holds the label itself: a box with
its class and corners, a region with its class and pixels. So it stands when the audit that showed it is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cleanlab_assets.datasets.errors import count_and_name, quote
from cleanlab_assets.datasets.images import BACKGROUND, decode_mask
from cleanlab_assets.reviews.decisions import VERDICTS, BoxLabel, DecisionError, NoBox, RegionLabel
from cleanlab_assets.reviews.elements import (
    MISSING,
    encode_class,
    find_given_regions,
    label_region,
    name_region,
    parse_element_label,
    parse_missing_box,
    read_given_boxes,
    read_pixels,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from cleanlab_assets.reviews.decisions import ElementLabel, Value, Verdict

DROP, CLASS_IS = "drop box", "class is"
TAKE_BOX, ADD_BOX, TAKE_REGION = "take the predicted box", "add the predicted box", "take the predicted region"
ELEMENT_ANSWERS = (DROP, CLASS_IS, TAKE_BOX, ADD_BOX, TAKE_REGION)
"""What is said of a box or region, beside ``VERDICTS``."""
_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "a given box": (DROP, CLASS_IS, TAKE_BOX),
    "an object without a box": (ADD_BOX, CLASS_IS),
    "a region": (CLASS_IS, TAKE_REGION),
}


class Answer(NamedTuple):
    """The given label of what is decided of, the verdict, and the right label with ``label is``."""

    given: Value | None
    verdict: Verdict
    label: Value | None


def find_given_element(
    row: Mapping[Any, Any], element: str, class_names: Sequence[str], suggestion: Value | None, *, where: str
) -> BoxLabel | RegionLabel | None:
    """Return the given label of an element of an image; None for an object that nobody boxed.

    Args:
        row: of the raw table.
        element: its name.
        class_names: the classes of the dataset.
        suggestion: what an audit suggests for it; a predicted region is known by it alone.
        where: begins an error.

    Raises:
        DecisionError: the image has no such element.
    """
    if parse_missing_box(element) is not None:
        return None
    boxes = read_given_boxes(row)
    if element in boxes:
        return boxes[element]
    predicted = _find_predicted_region(element, _read_mask(row), suggestion, class_names)
    if predicted is not None:
        return predicted
    regions = find_given_regions(row, class_names)
    if element in regions:
        return regions[element]
    known = [*boxes, *regions]
    there = f"its elements are {count_and_name(known)}" if known else "it has neither boxes nor a mask"
    raise DecisionError(f"{where}: no such box or region: {there}; a predicted region is known with its model, -m")


def find_given_elements(
    row: Mapping[Any, Any], suggestions: Mapping[str, ElementLabel], class_names: Sequence[str]
) -> dict[str, BoxLabel | RegionLabel | None]:
    """Return the given labels of those elements of an audit that an image has.

    Args:
        row: of the raw table.
        suggestions: what the audit suggests for each element, by its name.
        class_names: the classes of the dataset.

    Returns:
        By name; None for an object that nobody boxed. An element that the image does not have is left out: the audit
        saw other labels.
    """
    boxes, mask = read_given_boxes(row), _read_mask(row)
    found: dict[str, BoxLabel | RegionLabel | None] = {}
    for name, suggestion in suggestions.items():
        given = boxes.get(name) or _find_predicted_region(name, mask, suggestion, class_names)
        if name.startswith(MISSING) and isinstance(suggestion, BoxLabel):
            found[name] = None
        elif given is not None:
            found[name] = given
    return found


def list_answers(
    row: Mapping[Any, Any], element: str, given: BoxLabel | RegionLabel | None, suggestion: ElementLabel
) -> tuple[str, ...]:
    """Return what can be said of an element: that from which a label follows, and another one than the given.

    Args:
        row: of the raw table.
        element: its name.
        given: its given label; None for an object that nobody boxed.
        suggestion: what the audit suggests for it.
    """

    def can_be_said(said: str) -> bool:
        try:
            label = _find_label(said, BACKGROUND, element, given, suggestion, where=element)
            require_within(label, row, element)
        except DecisionError:
            return False
        return said == CLASS_IS or label != given

    return ("given is right", *filter(can_be_said, _OF_KIND[_name_kind(given)]), "unclear")


def answer_of_element(
    said: str,
    label: str,
    *,
    element: str,
    given: BoxLabel | RegionLabel | None,
    suggestion: Value | None,
    where: str,
) -> Answer:
    """Return what is decided of an element by what a person says.

    Args:
        said: one of ``VERDICTS`` or ``ELEMENT_ANSWERS``.
        label: a class with ``class is``, the text of a label with ``label is``.
        element: its name.
        given: its given label; None for an object that nobody boxed.
        suggestion: what an audit suggests for it, if one is at hand.
        where: begins an error.

    Raises:
        DecisionError: the answer does not suit the element, has no label or one too many.
    """
    if bool(label) != (said in {CLASS_IS, "label is"}):
        told = f"label {quote(label)}" if label else "no label"
        raise DecisionError(
            f"{where}: {said!r} with {told}: a label comes with 'class is' or 'label is', and only there"
        )
    for verdict in VERDICTS:
        if said == verdict:
            return Answer(given, verdict, parse_element_label(label) if verdict == "label is" else None)
    kind = _name_kind(given)
    if said not in _OF_KIND[kind]:
        raise DecisionError(
            f"{where}: {said!r} cannot be said of {kind}, expected one of {', '.join((*VERDICTS, *_OF_KIND[kind]))}"
        )
    return Answer(given, "label is", _find_label(said, label, element, given, suggestion, where))


def require_within(label: Value | None, row: Mapping[Any, Any], where: str) -> None:
    """Refuse a box that passes the border of its picture, or a region of a picture of another size.

    Raises:
        DecisionError: it does.
    """
    size = int(row["width"]), int(row["height"])
    is_outside = isinstance(label, BoxLabel) and (label.corners[2] > size[0] or label.corners[3] > size[1])
    is_of_other_size = isinstance(label, RegionLabel) and (label.width, label.height) != size
    if is_outside or is_of_other_size:
        raise DecisionError(f"{where}: label {quote(str(label))}, but the picture has {size[0]} x {size[1]} pixels")


def _name_kind(given: BoxLabel | RegionLabel | None) -> str:
    if given is None:
        return "an object without a box"
    return "a region" if isinstance(given, RegionLabel) else "a given box"


def _find_label(  # noqa: PLR0917
    said: str,
    label: str,
    element: str,
    given: BoxLabel | RegionLabel | None,
    suggestion: Value | None,
    where: str,
) -> ElementLabel:
    if said == DROP:
        return NoBox()
    missing = parse_missing_box(element)
    if said == CLASS_IS:
        place = given or missing
        assert place is not None  # noqa: S101 - an element is a given one or a missing one
        return place.model_copy(update={"class_name": label})
    if said == ADD_BOX and missing is not None:
        return missing
    wanted = RegionLabel if said == TAKE_REGION else BoxLabel
    if isinstance(suggestion, wanted):
        return suggestion
    if isinstance(suggestion, NoBox):
        raise DecisionError(
            f"{where}: {said!r}, but the audit predicts no box there: say {DROP!r} if there is no object"
        )
    raise DecisionError(f"{where}: {said!r}, but no audit suggests one: name its model with -m")


def _read_mask(row: Mapping[Any, Any]) -> np.ndarray | None:
    return decode_mask(row["class_mask"]) if isinstance(row["class_mask"], bytes) else None


def _find_predicted_region(
    element: str, mask: np.ndarray | None, suggestion: Value | None, class_names: Sequence[str]
) -> RegionLabel | None:
    """Return the pixels of a predicted region with their given class; None where this is not the element's label."""
    given = _read_given(mask, suggestion, class_names) if isinstance(suggestion, RegionLabel) else None
    is_meant = given is not None and name_region(given.class_name, read_pixels(given)) == element
    return given if is_meant else None


def _read_given(mask: np.ndarray | None, suggestion: RegionLabel, class_names: Sequence[str]) -> RegionLabel | None:
    """Return the pixels of a predicted region with their given class; None where they have several, or none."""
    if mask is None or mask.shape != (suggestion.height, suggestion.width):
        return None
    pixels = read_pixels(suggestion)
    codes = set(mask[pixels].tolist())
    names = [name for name in (BACKGROUND, *class_names) if {encode_class(name, class_names)} == codes]
    return label_region(names[0], pixels) if names else None
