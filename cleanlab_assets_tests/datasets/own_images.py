"""Small datasets of annotated images as tests write them: any files and a description, read through the catalogue."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.images import encode_png, read_image_table
from cleanlab_assets.datasets.own_datasets import find_own_datasets

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import NotedTable
    from cleanlab_assets.datasets.images import AnnotatedImage

CLASSES = ("cat", "dog")
WIDTH, HEIGHT = 20, 16
EXIF_ORIENTATION = 0x0112
FILES = {
    "coco": {"annotations": "a.json", "images": "images"},
    "voc": {"annotations": "xml", "images": "images"},
    "yolo": {"images": "images", "labels": "labels"},
    "mask_pairs": {"images": "images", "masks": "masks"},
}


def picture(shade: int = 90, *, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """A plain picture as PNG."""
    return encode_png(np.full((height, width, 3), shade, dtype=np.uint8))


def mask(*places: tuple[int, int, int, int, int], width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A mask that has a value in each box, given as x1, y1, x2, y2 and the value."""
    values = np.zeros((height, width), dtype=np.uint8)
    for x1, y1, x2, y2, value in places:
        values[y1:y2, x1:x2] = value
    return values


def save(pixels: np.ndarray, form: str = "PNG", *, turn: int = 1, **how: Any) -> bytes:
    """Encode pixels in any form of Pillow, with a turn in the EXIF data."""
    from PIL import Image

    image, stream = Image.fromarray(pixels), io.BytesIO()
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = turn
    image.save(stream, format=form, exif=exif, **how) if turn != 1 else image.save(stream, format=form, **how)
    return stream.getvalue()


def coco(*annotations: Mapping[str, Any], images: Any = None, categories: Any = None) -> str:
    """The text of a COCO file of one picture, or of other ones."""
    return json.dumps(
        {
            "images": images or [{"id": 1, "file_name": "a.png"}],
            "categories": categories or [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
            "annotations": [
                {"id": n, "image_id": 1, "category_id": 1} | dict(one) for n, one in enumerate(annotations)
            ],
        }
    )


def voc(*boxes: tuple[str, Any, Any, Any, Any], filename: str = "a.png", size: tuple[int, int] | None = None) -> str:
    """The text of an XML file."""
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
        "</bndbox></object>"
        for name, x1, y1, x2, y2 in boxes
    )
    said = "" if size is None else f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
    return f"<annotation><filename>{filename}</filename>{said}{objects}</annotation>"


def write(
    data_dir: Path,
    form: str,
    files: Mapping[str, str | bytes],
    *,
    family: str = "",
    options: str = "",
    names: tuple[str, ...] = CLASSES,
    more_files: str = "",
) -> Path:
    """Write the dataset ``mine``; it has the picture ``images/a.png`` unless ``files`` hold pictures."""
    folder = data_dir / "mine"
    given = dict(files)
    if not any(name.startswith("images/") for name in given):
        given["images/a.png"] = picture()
    for name, content in given.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    roles = "\n".join(f'{role} = "{name}"' for role, name in FILES[form].items())
    family = family or ("segmentation" if form == "mask_pairs" else "object_detection")
    line = f"class_names = {list(names)}\n" if names else ""
    (folder / "dataset.toml").write_text(
        f'family = "{family}"\nformat = "{form}"\n{line}[files]\n{roles}\n{more_files}\n[options]\n{options}\n',
        encoding="utf-8",
    )
    return folder


def read_entry(data_dir: Path) -> Dataset:
    """Return the catalogue entry of ``mine``, or raise what makes it none."""
    found = find_own_datasets(data_dir)["mine"]
    if not isinstance(found, Dataset):
        raise found
    return found


def read(data_dir: Path) -> tuple[dict[str, AnnotatedImage], str]:
    """Return the images of ``mine`` by their name, and the notes, a line each."""
    dataset = read_entry(data_dir)
    loaded: NotedTable = dataset.read(resolve_source_files(dataset, data_dir))
    images = read_image_table(loaded.table, dataset.class_names)
    return {image.row_id: image for image in images}, "\n".join(loaded.notes)
