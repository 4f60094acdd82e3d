"""The catalogue: which datasets there are, those of this package and the user's own.

It finds the modules of this package that define ``DATASET`` by itself, so adding a dataset means adding one file.
Dataset modules import nothing heavy at module level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cleanlab_assets.datasets
from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.descriptions import DESCRIPTION_FILE, OwnDatasetError
from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets.discovery import find_entries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def find_datasets(data_dir: Path) -> Mapping[str, Dataset | OwnDatasetError]:
    """Return every dataset by name, in alphabetical order: those of this package and the user's own.

    In place of one of the user's own that cannot be described stands the error that says why. A folder with the name of
    a dataset of this package does not replace it: its error stands under the name of its description.

    Args:
        data_dir: directory that holds the user's own datasets, each in a folder with a ``dataset.toml``.

    Raises:
        ValueError: two datasets of this package have the same name.
    """
    known = find_entries(cleanlab_assets.datasets, "DATASET", Dataset)
    own = find_own_datasets(data_dir)
    for name in own.keys() & known.keys():
        path = data_dir / name / DESCRIPTION_FILE
        del own[name]
        own[f"{name}/{DESCRIPTION_FILE}"] = OwnDatasetError(
            f"{path}: {name} is already the name of a dataset of this package: rename the folder"
        )
    return dict(sorted((known | own).items()))
