"""What a dataset is: its files, columns, labels and gates.

A dataset of this package is one module that defines ``DATASET``; the user's own come from the data directory, see
``own_datasets``. ``catalogue`` finds both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from cleanlab_assets.datasets.folders import find_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd

OWN_PREDICTIONS = "own_predictions"
"""Name of the model that stands for out-of-sample predictions of the user's own."""
ColumnKind = Literal["numeric", "binary", "categorical", "date", "name", "text", "picture"]
EMBEDDED_KINDS = ("text", "picture")
"""Kinds of columns that become vectors before a model sees them."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of the source.

    ``kind`` decides the encoding: ``numeric`` values have an order and a distance, ``binary`` is 0/1, ``categorical``
    values are names of a few things, ``name`` values of many, which are alike where they are written alike; ``date``
    values are times, ``text`` is written for people, and a ``picture`` is the content of its file.
    ``is_feature=False`` marks the label, identifiers, weights and redundant columns: they stay in the raw dataset and
    are never shown to a model.
    """

    name: str
    kind: ColumnKind
    is_feature: bool = True
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    description: str = ""

    @property
    def is_embedded(self) -> bool:
        """Whether the values become vectors before a model sees them."""
        return self.is_feature and self.kind in EMBEDDED_KINDS


@dataclass(frozen=True, kw_only=True)
class Location:
    """One address that a source file can be had from.

    ``member`` and ``archive_sha256`` are set when the address is an archive (``.zip``, ``.tar.gz``, ``.tgz``) that
    holds the file under that name.
    """

    url: str
    member: str | None = None
    archive_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file of a source: its name under ``<data dir>/<dataset>/``, accepted SHA-256 values and addresses.

    ``package`` names an installed Python package that ships the file as a resource; such a file is never downloaded.
    A user's own file has neither SHA-256 nor address: any content is accepted. Where nobody published a SHA-256,
    ``is_pinned_on_first_use`` has it recorded beside the file on first use, as ``<name>.sha256``, and verified from
    then on, if the file is of the kind that its name says. ``is_folder`` marks a folder of the user's own files.
    ``directory`` is where a user's own file lies, if not in the folder of its dataset.
    """

    name: str
    sha256: tuple[str, ...]
    locations: tuple[Location, ...] = ()
    package: str | None = None
    is_pinned_on_first_use: bool = False
    is_folder: bool = False
    directory: Path | None = None

    def path_in(self, folder: Path) -> Path:
        """Return where the file lies, or should lie; ``folder`` is that of its dataset in the data directory."""
        return find_path(self.directory or folder, self.name)

    @property
    def is_own(self) -> bool:
        """Whether it is a file of the user's own, which nobody but the user can bring."""
        return not (self.sha256 or self.locations or self.package or self.is_pinned_on_first_use)


@dataclass(frozen=True, kw_only=True)
class NumericLabel:
    """The values that a numeric label may take, and their unit in words, such as ``dollars``."""

    minimum: float = -np.inf
    maximum: float = np.inf
    is_integer: bool = False
    unit: str = ""

    def find_allowed(self, values: np.ndarray) -> np.ndarray:
        """Return which values are allowed, bool of shape (n_rows,); a missing value is not."""
        is_allowed: np.ndarray = np.isfinite(values) & (values >= self.minimum) & (values <= self.maximum)
        if self.is_integer:
            is_allowed &= values == np.round(values)
        return is_allowed

    def to_allowed(self, values: np.ndarray) -> np.ndarray:
        """Return the nearest allowed value of each value, float64 of shape (n_rows,)."""
        rounded = np.round(values) if self.is_integer else values
        return np.clip(rounded, self.minimum, self.maximum).astype(np.float64)

    def __str__(self) -> str:
        kind = "whole numbers" if self.is_integer else "numbers"
        if np.isfinite(self.minimum) and np.isfinite(self.maximum):
            return f"{kind} from {self.minimum:g} to {self.maximum:g}"
        bounds = [f"at least {self.minimum:g}"] if np.isfinite(self.minimum) else []
        bounds += [f"at most {self.maximum:g}"] if np.isfinite(self.maximum) else []
        return f"{kind} of {bounds[0]}" if bounds else kind


@dataclass(frozen=True, kw_only=True)
class Gates:
    """Thresholds of the data-quality checks of one dataset; rates are shares of the audited rows, from 0 to 1."""

    label_issue_rate: float = 0.10
    outlier_rate: float = 0.05
    near_duplicate_rate: float = 0.05
    near_duplicates_across_splits: float = 0.05
    non_iid_p_value: float = 0.05
    rarest_class_share: float = 0.05
    expected_calibration_error: float = 0.10


@dataclass(frozen=True, kw_only=True)
class Panel:
    """How a dataset with several annotators is read: each row is one label that one annotator gave to one example.

    A row without annotator and without label holds an example that nobody has labelled yet. ``truth`` names the column
    of the true class, where the source knows it. ``is_preference`` says that labels are tastes: annotators who disagree
    may all be right. The limits are defaults of the training set: the most active annotators first, then the examples
    that they labelled most, then the annotators who still have enough labels.
    """

    example: str = "example"
    annotator: str = "annotator"
    truth: str | None = None
    has_ordered_classes: bool = False
    is_preference: bool = False
    max_examples: int | None = None
    max_annotators: int | None = None
    min_labels_per_example: int = 1
    min_labels_per_annotator: int = 2


class NotedTable(NamedTuple):
    """A raw table, and what its loader must tell of how it was read."""

    table: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """One catalogue entry.

    ``load`` takes the verified files by name and returns the raw table: ``row_id`` first (``<file>:<line>``, with
    lines counted from 1), then ``columns`` in order, in source order, with nothing dropped.
    ``class_names`` are the values that a class label may take, in the order of the probability columns;
    ``numeric_label`` says which values a numeric label may take. A dataset has one of the two.
    ``label_separator`` is set where a label names several classes, or none: a text such as ``calm|sad`` then.
    ``time_column`` names the column that orders the rows in time, where a random split would look into the future, and
    ``time_block`` says how many consecutive times belong together, such as the hours of a week: errors of a model are
    alike within such a block, and as good as independent between blocks.
    ``expected_rows`` is None where nobody documented it: in a user's own data.
    ``panel`` says which columns hold example and annotator where several annotators labelled the same examples.
    ``parts`` names the parts that the files of the source define, such as ``train`` and ``test``: the split is theirs.
    ``encoding`` is that of the text files where the user stated one. ``id_column`` holds the user's own names of rows;
    rows of one value of ``group_column`` stay on one side of the split and in one fold; ``split_column`` says ``train``
    or ``test`` where the source divides the rows. ``description_hash`` changes with what the user's description says;
    ``default_model`` is that of commands which name none, where it is not the family's; ``may_lack_labels`` says that
    rows without a label are no fault of the source. ``prediction_columns`` hold out-of-sample
    predictions of the user's own: the probability of each class in class order, or the predicted value.
    ``weight_column`` says how much a row counts in fits and metrics, a number of at least 0.
    ``truth_column`` holds the true label where the user knows it, and is missing elsewhere: no model sees it.
    ``own_models`` are references to the user's own models, see ``model_references``, and ``trusted_types`` the types
    beyond those of the catalogue that a stored one of them may hold.
    ``slice_columns`` say who labelled a row, where it comes from, or what else part of the rows it belongs to.
    ``encoders`` names by kind of column what turns texts and pictures into vectors, where it is not the default.
    ``class_descriptions`` says by the name of a class what belongs to it, for people and language models.
    ``load_with_notes`` stands beside ``load`` where there may be something to tell of how the files were read.
    """

    name: str
    families: tuple[str, ...]
    title: str
    description: str
    homepage: str
    licence: str
    citation: str
    files: tuple[SourceFile, ...]
    load: Callable[[Mapping[str, Path]], pd.DataFrame]
    label: str
    columns: tuple[Column, ...]
    expected_rows: int | None
    class_names: tuple[str, ...] = ()
    class_descriptions: Mapping[str, str] = field(default_factory=dict)
    label_separator: str | None = None
    numeric_label: NumericLabel | None = None
    time_column: str | None = None
    time_block: int = 1
    panel: Panel | None = None
    parts: tuple[str, ...] = ()
    encoding: str | None = None
    id_column: str | None = None
    group_column: str | None = None
    split_column: str | None = None
    weight_column: str | None = None
    truth_column: str | None = None
    description_hash: str = ""
    default_model: str = ""
    prediction_columns: tuple[str, ...] = ()
    own_models: tuple[str, ...] = ()
    trusted_types: frozenset[str] = frozenset()
    slice_columns: tuple[str, ...] = ()
    may_lack_labels: bool = False
    encoders: Mapping[str, str] = field(default_factory=dict)
    load_with_notes: Callable[[Mapping[str, Path]], NotedTable] | None = None
    gates: Gates = field(default_factory=Gates)

    @property
    def features(self) -> tuple[Column, ...]:
        """The columns that a model may see."""
        return tuple(column for column in self.columns if column.is_feature)

    @property
    def embedded_columns(self) -> tuple[Column, ...]:
        """The features that become vectors before a model sees them: texts and pictures."""
        return tuple(column for column in self.columns if column.is_embedded)

    @property
    def makes_comparison(self) -> bool:
        """Whether rows are kept for testing unless a run says otherwise: to compare variants takes a model of ours."""
        return not self.prediction_columns

    @property
    def carried_columns(self) -> tuple[str, ...]:
        """Columns that go with the rows under audit and are no features: predictions of the user's own, and slices."""
        features = {column.name for column in self.features}
        return (*self.prediction_columns, *(name for name in self.slice_columns if name not in features))

    @property
    def label_domain(self) -> NumericLabel:
        """The values that the numeric label may take.

        Raises:
            ValueError: the labels are class names.
        """
        if self.numeric_label is None:
            raise ValueError(f"the labels of {self.name} are class names, expected a numeric label")
        return self.numeric_label

    @property
    def allowed_labels(self) -> str:
        """The values that a label may take, in words."""
        if self.numeric_label is not None:
            return str(self.numeric_label)
        names = ", ".join(self.class_names)
        return names if self.label_separator is None else f"any number of {names}"

    def find_allowed_labels(self, labels: pd.Series) -> np.ndarray:
        """Return which labels may occur in the source, bool of shape (n_rows,)."""
        # Of a panel, examples that nobody labelled yet have no label.
        is_open: np.ndarray = labels.isna().to_numpy() & (self.may_lack_labels or self.panel is not None)
        if self.numeric_label is not None:
            is_known = self.numeric_label.find_allowed(labels.to_numpy(dtype=np.float64, na_value=np.nan))
            return np.asarray(is_open | is_known)
        if self.label_separator is None:
            return np.asarray(is_open | labels.isin(list(self.class_names)).to_numpy())
        known = set(self.class_names)
        return np.array([isinstance(label, str) and known.issuperset(self.split_label(label)) for label in labels])

    def split_label(self, label: str) -> list[str]:
        """Return the classes that a label names, in its order; an empty text names none."""
        if self.label_separator is None:
            return [label]
        return label.split(self.label_separator) if label else []

    def read(self, files: Mapping[str, Path]) -> NotedTable:
        """Return the raw table of the verified files, with what is to be told of it."""
        if self.load_with_notes is not None:
            return self.load_with_notes(files)
        return NotedTable(self.load(files), ())

    @property
    def is_embedded(self) -> bool:
        """Whether every file ships with an installed package, so that no download is needed."""
        return all(file.package is not None for file in self.files)
