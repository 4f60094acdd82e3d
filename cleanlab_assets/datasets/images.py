"""Images with boxes and masks: the typed input model, its table of one row per image, and PNG encoding.

Classes are named by ``Dataset.class_names``, which holds no background: in a class mask, id 0 is background and id c is
``class_names[c - 1]``. In an instance mask, id 0 is background and id i is the object of box ``i - 1``. A box is
``x1, y1, x2, y2`` in pixels, with ``0 <= x1 < x2 <= width`` and ``0 <= y1 < y2 <= height``: x2 and y2 lie just outside.
Id 255 marks pixels of a class mask that take no part in an audit, where there are fewer classes than that.
Tables hold images and masks as encoded bytes and boxes as JSON text, so that a row stands for itself on any storage.
"""

from __future__ import annotations

import io
import json
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.dataset import Column
from cleanlab_assets.datasets.errors import cut
from cleanlab_assets.datasets.names import to_nfc
from cleanlab_assets.datasets.source_tables import SourceFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from PIL.Image import Image as PillowImage

LABEL = "classes"
SEPARATOR = "|"
MAX_IMAGE_PIXELS = 50_000_000
_MAX_BYTE = 255
BACKGROUND = "background"
"""How people read the class id 0 of a mask."""
IGNORED_ID = 255
"""Id of the pixels of a class mask that nobody judges, as Pascal VOC and Cityscapes have it."""
WHITE_OF_16_BITS = 65535
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, EOFError, IndexError, OverflowError, struct.error)
"""What Pillow raises for a file that is no picture, breaks off or has a damaged part."""
_BOX_FIELDS = ("x1", "y1", "x2", "y2")

IMAGE_COLUMNS = (
    Column(name="image", kind="categorical", description="The picture as PNG or JPEG, as people see it."),
    Column(name="width", kind="numeric", is_feature=False, minimum=1, description="Width in pixels."),
    Column(name="height", kind="numeric", is_feature=False, minimum=1, description="Height in pixels."),
    Column(name="boxes", kind="categorical", is_feature=False, description="JSON: x1, y1, x2, y2 of each box."),
    Column(name="box_labels", kind="categorical", is_feature=False, description="JSON: the class of each box."),
    Column(
        name="instance_mask",
        kind="categorical",
        is_feature=False,
        nullable=True,
        description="PNG: 0 is background, id i is the object of box i - 1.",
    ),
    Column(
        name="class_mask",
        kind="categorical",
        is_feature=False,
        nullable=True,
        description="PNG: 0 is background, id c is the c-th class.",
    ),
    Column(name=LABEL, kind="categorical", is_feature=False, description="The classes that occur, in class order."),
)
"""The columns of every dataset of annotated images."""


class AnnotationError(SourceFormatError):
    """An annotation that cannot be; the message names image, box and field, what was found and what was expected."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnotatedImage:
    """One image with its boxes and masks, valid by construction.

    Attributes:
        row_id: name of the image, unique in its dataset.
        image: the encoded picture, PNG or JPEG.
        class_names: the classes that may occur, background not among them.
        boxes: float64 of shape (n_boxes, 4): x1, y1, x2, y2 in pixels.
        box_labels: class name of each box.
        instance_mask: integer ids of shape (height, width), 0 = background, i = box i - 1; None where there is none.
        class_mask: integer ids of shape (height, width), 0 = background, c = class c - 1, 255 = takes no part, where
            there are fewer than 255 classes; None where there is none.

    Raises:
        AnnotationError: the picture cannot be read, a box has no area, lies outside the image, is not finite or has an
            unknown class, or a mask has another size than the image or an id that nothing stands for.
    """

    row_id: str
    image: bytes
    class_names: tuple[str, ...]
    boxes: np.ndarray
    box_labels: tuple[str, ...]
    instance_mask: np.ndarray | None = None
    class_mask: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "boxes", np.asarray(self.boxes, dtype=np.float64).reshape(-1, 4))
        object.__setattr__(self, "box_labels", tuple(map(to_nfc, self.box_labels)))
        width, height = read_size(self.image, f"{self.row_id}, field image")
        object.__setattr__(self, "_size", (width, height))
        if len(self.box_labels) != len(self.boxes):
            raise AnnotationError(
                f"{self.row_id}, field box_labels: found {len(self.box_labels)} classes, "
                f"expected one for each of {len(self.boxes)} boxes"
            )
        if not self._has_right_boxes():
            for number, (box, label) in enumerate(zip(self.boxes, self.box_labels, strict=True)):
                self._check_box(number, box, label)
        self._check_mask("instance_mask", self.instance_mask, len(self.boxes), "boxes")
        self._check_mask("class_mask", self.class_mask, len(self.class_names), "classes")

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self._size[0])  # type: ignore[attr-defined]

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self._size[1])  # type: ignore[attr-defined]

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that boxes or class mask hold, in class order."""
        present = set(self.box_labels)
        if self.class_mask is not None:
            codes = np.unique(self.class_mask[~self.find_ignored_pixels()])
            present |= {self.class_names[code - 1] for code in codes if code > 0}
        return tuple(name for name in self.class_names if name in present)

    def find_ignored_pixels(self) -> np.ndarray:
        """Return which pixels of the class mask take no part in an audit, bool of shape (height, width)."""
        if self.class_mask is None or len(self.class_names) >= IGNORED_ID:
            return np.zeros((self.height, self.width), dtype=bool)
        return np.asarray(self.class_mask == IGNORED_ID)

    def read_pixels(self) -> np.ndarray:
        """Return the picture as uint8 RGB of shape (height, width, 3).

        Raises:
            AnnotationError: the picture breaks off or is damaged beyond its size.
        """
        try:
            return decode_image(self.image)
        except DAMAGED as error:
            raise AnnotationError(f"{self.row_id}, field image: found a damaged image: {error}") from error

    def to_row(self) -> dict[str, Any]:
        """Return the image as a row of the raw table."""
        return {
            "row_id": self.row_id,
            "image": self.image,
            "width": self.width,
            "height": self.height,
            "boxes": json.dumps(self.boxes.tolist()),
            "box_labels": json.dumps(list(self.box_labels)),
            "instance_mask": None if self.instance_mask is None else encode_png(self.instance_mask),
            "class_mask": None if self.class_mask is None else encode_png(self.class_mask),
            LABEL: SEPARATOR.join(self.classes),
        }

    def _has_right_boxes(self) -> bool:
        low, high = self.boxes[:, :2], self.boxes[:, 2:]
        is_inside = (low >= 0) & (low < high) & (high <= (self.width, self.height))  # never where one is not a number
        return bool(is_inside.all()) and set(self.box_labels) <= set(self.class_names)

    def _check_box(self, number: int, box: np.ndarray, label: str) -> None:
        where = f"{self.row_id}, box {number}"
        limits = (self.width, self.height, self.width, self.height)
        for field, value, limit in zip(_BOX_FIELDS, box, limits, strict=True):
            if not np.isfinite(value):
                raise AnnotationError(f"{where}, field {field}: found {value:g}, expected a finite number")
            if not 0 <= value <= limit:
                raise AnnotationError(
                    f"{where}, field {field}: found {value:g}, outside the image: expected 0 to {limit}"
                )
        for low, high in ((0, 2), (1, 3)):
            if box[low] >= box[high]:
                raise AnnotationError(
                    f"{where}, field {_BOX_FIELDS[high]}: found {box[high]:g}, "
                    f"expected more than {_BOX_FIELDS[low]} = {box[low]:g}: the box has no area"
                )
        if label not in self.class_names:
            raise AnnotationError(
                f"{where}, field label: found {label!r}, expected one of {', '.join(self.class_names)}"
            )

    def _check_mask(self, field: str, mask: np.ndarray | None, largest: int, of: str) -> None:
        if mask is None:
            return
        if mask.shape != (self.height, self.width):
            found = " x ".join(str(side) for side in reversed(mask.shape))
            raise AnnotationError(
                f"{self.row_id}, field {field}: found a mask of {found} pixels, expected {self.width} x {self.height}"
            )
        if not np.issubdtype(mask.dtype, np.integer):
            raise AnnotationError(f"{self.row_id}, field {field}: found {mask.dtype} values, expected whole numbers")
        may_be_ignored = field == "class_mask" and largest < IGNORED_ID
        foreign = mask[(mask < 0) | ((mask > largest) & ~(may_be_ignored & (mask == IGNORED_ID)))]
        if len(foreign):
            raise AnnotationError(
                f"{self.row_id}, field {field}: found id {foreign[0]}, expected 0 to {largest}, the number of {of}"
            )


def make_image_table(images: Iterable[AnnotatedImage]) -> pd.DataFrame:
    """Return the raw table of annotated images: ``row_id``, then ``IMAGE_COLUMNS``, one row per image.

    Raises:
        AnnotationError: a picture is damaged; better here than in the middle of a training.
    """
    rows = []
    for image in images:
        image.read_pixels()
        rows.append(image.to_row())
    return to_image_table(rows)


def to_image_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the raw table of rows of images, whose pictures are known to be whole, see ``make_image_table``."""
    return pd.DataFrame(rows, columns=["row_id", *(column.name for column in IMAGE_COLUMNS)])


def read_image_table(table: pd.DataFrame, class_names: Sequence[str]) -> list[AnnotatedImage]:
    """Return the rows of a table with ``IMAGE_COLUMNS`` as annotated images, in its order.

    Raises:
        AnnotationError: a row is no valid annotated image.
    """
    return [
        AnnotatedImage(
            row_id=row["row_id"],
            image=row["image"],
            class_names=tuple(class_names),
            boxes=np.array(json.loads(row["boxes"]), dtype=np.float64).reshape(-1, 4),
            box_labels=tuple(json.loads(row["box_labels"])),
            instance_mask=_decode_if_bytes(row["instance_mask"]),
            class_mask=_decode_if_bytes(row["class_mask"]),
        )
        for row in table.to_dict("records")
    ]


def require_whole(content: bytes, where: str) -> None:
    """Refuse what is no picture, or not a whole one.

    Args:
        content: of the file.
        where: what is named in the error.

    Raises:
        AnnotationError: the content is no picture, a damaged one, or one of too many pixels.
    """
    read_size(content, where)
    try:
        require_checksums(content)
        decode_image(content)
    except DAMAGED as error:
        raise AnnotationError(f"{where}: found a damaged picture: {cut(str(error))}") from error


def require_checksums(content: bytes) -> None:
    """Refuse a PNG of which a part has changed since it was written: Pillow decodes it to other pixels without a word.

    Raises:
        SyntaxError: a checksum is not that of its part; ``DAMAGED`` has the errors of other damage.
    """
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        if picture.format == "PNG":
            picture.verify()


def _decode_if_bytes(content: object) -> np.ndarray | None:
    return decode_mask(content) if isinstance(content, bytes) else None


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode a picture or mask as PNG.

    Args:
        pixels: uint8 of shape (height, width, 3), or whole numbers from 0 to 65,535 of shape (height, width), which
            become 8-bit grey where they fit and 16-bit grey else.
    """
    from PIL import Image

    is_byte = pixels.ndim > 2 or pixels.size == 0 or int(pixels.max()) <= _MAX_BYTE  # noqa: PLR2004
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8 if is_byte else np.uint16)).save(stream, format="PNG")
    return stream.getvalue()


def decode_image(content: bytes) -> np.ndarray:
    """Return an encoded picture as uint8 RGB of shape (height, width, 3); one of 16 bits has its whole range."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(to_eight_bits(picture).convert("RGB"))


def has_sixteen_bits(picture: PillowImage) -> bool:
    """Whether the values of a grey picture pass a byte."""
    return picture.mode == "I" or picture.mode.startswith("I;16")


def to_eight_bits(picture: PillowImage, white: int = WHITE_OF_16_BITS) -> PillowImage:
    """Return a picture of 16 bits as one of 8, which Pillow would cut off at 255; any other one as it is.

    Args:
        picture: an opened picture.
        white: the value that becomes 255.

    Raises:
        ValueError: its values are floating point numbers, of which nobody knows the range.
    """
    from PIL import Image

    if picture.mode == "F":
        raise ValueError("its pixels are floating point numbers, expected 8 or 16 bits: save it as PNG")
    if not has_sixteen_bits(picture):
        return picture
    values = np.asarray(picture).astype(np.float64) * (_MAX_BYTE / white)
    return Image.fromarray(np.clip(np.round(values), 0, _MAX_BYTE).astype(np.uint8))


def draw_for_screen(content: bytes, *, longest_side: int, smallest_side: int = 1) -> bytes:
    """Return a picture as PNG of the colours that screens show, upright, neither tiny nor huge.

    Args:
        content: the picture as PNG, JPEG or what else Pillow reads.
        longest_side: most pixels of a side; a larger picture is made smaller.
        smallest_side: fewest pixels of the longer side; a smaller picture is enlarged by whole pixels.

    Raises:
        DAMAGED: it is no picture, or not a whole one.
    """
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(content)) as picture:
        turned = to_eight_bits(ImageOps.exif_transpose(picture))
        shown = turned.convert("RGBA" if "A" in turned.getbands() or "transparency" in turned.info else "RGB")
    shown.thumbnail((longest_side, longest_side))
    factor = -(-smallest_side // max(shown.size))  # rounded up
    stream = io.BytesIO()
    enlarged = shown.resize((shown.width * factor, shown.height * factor), Image.Resampling.NEAREST)
    enlarged.save(stream, format="PNG")
    return stream.getvalue()


def decode_mask(content: bytes) -> np.ndarray:
    """Return an encoded mask as int32 ids of shape (height, width); a palette image gives its indices."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture).astype(np.int32)


def read_mask(content: bytes, where: str) -> np.ndarray:
    """Return the mask of a source file, see ``decode_mask``; ``where`` names the file in the error.

    Raises:
        AnnotationError: the file is no picture, a damaged one, or one of too many pixels.
    """
    read_size(content, where)
    try:
        return decode_mask(content)
    except DAMAGED as error:
        raise AnnotationError(f"{where}: cannot read the mask: {error}") from error


def boxes_of_instances(instance_mask: np.ndarray) -> np.ndarray:
    """Return the tight box of each instance id 1..n, float64 of shape (n, 4).

    Raises:
        AnnotationError: an id between 1 and the largest has no pixel.
    """
    from scipy.ndimage import find_objects

    boxes = []
    for number, found in enumerate(find_objects(instance_mask), start=1):
        if found is None:
            raise AnnotationError(f"field instance_mask: found no pixel of id {number}, expected ids without gaps")
        rows, columns = found
        boxes.append([columns.start, rows.start, columns.stop, rows.stop])
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def read_size(content: bytes, where: str) -> tuple[int, int]:
    """Return width and height of an encoded picture or mask, of which no pixel is decoded yet."""
    from PIL import Image, UnidentifiedImageError

    try:
        with _any_size_allowed(), Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
    except DAMAGED as error:
        # Pillow has words of its own for damage alone: of what it does not know it names an object in memory.
        known = "" if isinstance(error, UnidentifiedImageError) else f": {cut(str(error))}"
        raise AnnotationError(f"{where}: found {len(content)} bytes that are not an image{known}") from error
    if width * height > MAX_IMAGE_PIXELS:
        raise AnnotationError(
            f"{where}: found {width} x {height} pixels, expected at most {MAX_IMAGE_PIXELS:,} in total"
        )
    return width, height


@contextmanager
def _any_size_allowed() -> Iterator[None]:
    """Let Pillow open pictures beyond its own limit, whose error does not tell their size."""
    from PIL import Image

    limit = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit
