"""Pictures of the user's own in one folder for each class, wherever it lies.

``cleanlab-demo audit FOLDER`` writes the ``dataset.toml``; every line may be edited::

    family = "classification"
    format = "pictures"
    class_names = ["cat", "dog"]

    [files]
    pictures = "/home/me/pictures"

    [options]
    picture_encoder = "patches"        # or "resnet18"

A relative path begins in the folder of the description. Folders ``train`` and ``test`` around those of the classes are
the split; ``val`` counts as train.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
from pydantic import BaseModel, ConfigDict

from cleanlab_assets.datasets.dataset import Column, NotedTable, SourceFile
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, Format, OwnDatasetError, read_section
from cleanlab_assets.datasets.errors import MOST_NAMED, count_and_name, quote
from cleanlab_assets.datasets.pictures import PictureError, PictureFolder, has_parts
from cleanlab_assets.datasets.source_tables import label_column
from cleanlab_assets.datasets.tables.description import GIVEN_SPLIT
from cleanlab_assets.datasets.tables.drafting.drafts import Draft, Entry, name_file
from cleanlab_assets.datasets.tables.drafting.options import choose_picture_encoder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.datasets.descriptions import OwnDataset

PICTURES = "pictures"
"""The role of the folder, and the name of the form."""
PICTURE_COLUMN = "picture"
LABEL = "class"


class Options(BaseModel):
    """What ``[options]`` says.

    Attributes:
        picture_encoder: turns pictures into vectors; ``patches`` if absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    picture_encoder: str | None = None


def describe(description: OwnDataset, folder: Path) -> Dataset:
    """Make a catalogue entry; the pictures are not read.

    Raises:
        OwnDatasetError: the folder is not there, holds other classes than described, or a setting is unknown.
    """
    place = folder / DESCRIPTION_FILE
    if set(description.files) != {PICTURES}:
        raise OwnDatasetError(f"{place}: files: found {', '.join(description.files)}, expected {PICTURES}")
    if len(description.class_names) < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
        raise OwnDatasetError(f"{place}: class_names: found {list(description.class_names)}, expected at least two")
    options = read_section(Options, description.options, "options", place)
    root = (folder / description.files[PICTURES]).expanduser()
    has_split = root.is_dir() and has_parts(root)
    load = partial(load_pictures, name=root.name, class_names=description.class_names)
    columns = [
        Column(name=PICTURE_COLUMN, kind="picture", description="The picture as its file has it."),
        Column(name=LABEL, kind="categorical", is_feature=False, description="The folder that the picture lies in."),
    ]
    if has_split:
        columns.append(Column(name=GIVEN_SPLIT, kind="categorical", is_feature=False))
    return description.to_dataset(
        files=(SourceFile(name=root.name, sha256=(), is_folder=True, directory=root.parent),),
        load=lambda files: load(files).table,
        load_with_notes=load,
        label=LABEL,
        split_column=GIVEN_SPLIT if has_split else None,
        class_names=description.class_names,
        encoders={} if options.picture_encoder is None else {"picture": options.picture_encoder},
        columns=tuple(columns),
    )


def load_pictures(files: Mapping[str, Path], *, name: str, class_names: tuple[str, ...]) -> NotedTable:
    """Read the raw table from a folder: ``row_id`` is the path of the picture within it.

    Args:
        files: the folder by its name.
        name: of the folder.
        class_names: the classes.

    Raises:
        PictureError: the folder holds other classes, or no picture.
    """
    folder = PictureFolder(files[name])
    if unknown := [found for found in folder.class_names if found not in class_names]:
        raise PictureError(
            f"{folder.root}: found the folder {quote(unknown[0])}, which is none of the class_names in "
            f"{DESCRIPTION_FILE}: name it there, or move it away"
        )
    rows, damaged = [], []
    for place, label, split, content in folder.read():
        if content is None:
            damaged.append(place)
        else:
            rows.append((place, content, label, split))
    if not rows:
        raise PictureError(f"{folder.root}: none of {len(damaged):,} files is a whole picture, such as {damaged[0]}")
    table = pd.DataFrame(rows, columns=["row_id", PICTURE_COLUMN, LABEL, GIVEN_SPLIT])
    table[LABEL] = label_column(table[LABEL], class_names)
    table[GIVEN_SPLIT] = pd.Categorical(table[GIVEN_SPLIT], categories=["train", "test"])
    notes = [f"left out as no whole pictures: {count_and_name(damaged)}"] if damaged else []
    notes += _tell_others(folder)
    if validation := folder.validation_folders():
        notes.append(f"the pictures of {', '.join(validation)} count as train rows")
    return NotedTable(table if folder.has_parts else table.drop(columns=GIVEN_SPLIT), tuple(notes))


def _tell_others(folder: PictureFolder) -> list[str]:
    """Say what lies in a folder and is left out."""
    notes = []
    if folder.other_files:
        what = "no pictures by their names, or outside of the folders of classes"
        notes.append(f"left out as {what}: {count_and_name(folder.other_files)}")
    if folder.empty_folders:
        notes.append(f"folders without a picture are no classes: {count_and_name(folder.empty_folders)}")
    return notes


def draft_pictures(
    root: Path, folder: Path, known: OwnDataset | None = None, *, encoder: str | None = None, data_dir: Path
) -> Draft:
    """Look at a folder of pictures and describe it.

    Args:
        root: the folder.
        folder: of the description; a folder within it is named relative to it.
        known: the description that is there already.
        encoder: what turns pictures into vectors, if the user says so.
        data_dir: where published weights are kept: a network whose weights are there is taken.

    Raises:
        PictureError: there are fewer than two classes, or no picture.
    """
    found = PictureFolder(root)
    counts = Counter(label.name for _, label, _ in found.pictures)
    n_classes = len(found.class_names)
    entries = [
        Entry(("family",), "classification", "one folder for each class"),
        Entry(("format",), PICTURES),
        Entry(("files", PICTURES), name_file(root, folder)),
        Entry(("class_names",), list(found.class_names), f"{n_classes:,} folders"),
    ]
    said = known.options.get("picture_encoder") if known is not None else None
    if encoder is not None:
        entries.append(Entry(("options", "picture_encoder"), encoder, "you said so"))
    elif said is not None:
        entries.append(Entry(("options", "picture_encoder"), said))
    elif known is None:
        chosen, reason = choose_picture_encoder(data_dir)
        entries.append(Entry(("options", "picture_encoder"), chosen, reason))
    sizes = ", ".join(f"{quote(name, 40)} {count:,}" for name, count in counts.most_common(MOST_NAMED))
    more = f", and {n_classes - MOST_NAMED:,} other folders" if n_classes > MOST_NAMED else ""
    columns = {
        PICTURE_COLUMN: ("picture", f"{len(found.pictures):,} files"),
        LABEL: ("label", f"the folder: {sizes}{more}"),
    }
    if found.has_parts:
        columns[GIVEN_SPLIT] = ("split", "the folders around those of the classes")
    return Draft(tuple(entries), columns, tuple(_tell_others(found)))


FORMAT = Format(
    name=PICTURES,
    families=("classification",),
    describe=describe,
    rules=__doc__,
    files={PICTURES: "the folder that holds a folder of pictures for each class"},
    options=Options,
    lies_anywhere=True,
    takes_models=True,
)
