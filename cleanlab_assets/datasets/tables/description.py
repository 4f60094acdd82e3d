"""What the description of a table says beside what every ``dataset.toml`` says: roles, kinds and form."""

from __future__ import annotations

from typing import Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from cleanlab_assets.datasets.dataset import EMBEDDED_KINDS, ColumnKind, NumericLabel
from cleanlab_assets.datasets.descriptions import require_distinct
from cleanlab_assets.datasets.errors import quote
from cleanlab_assets.datasets.headers import AUDIT_COLUMNS
from cleanlab_assets.datasets.tables.columns import MISSING
from cleanlab_assets.datasets.tables.delimited import Dialect
from cleanlab_assets.datasets.tables.files import Form

TABLE = "table"
TEST_TABLE = "test"
"""The files of a table by their role: all rows or the train rows, and the test rows where they have a file."""
GIVEN_SPLIT = "given_split"
"""Column that says which rows are train and which are test rows, where the user's files say so."""
LABEL_SET = "label_set"
"""Column of the labels that several columns of 0 and 1 make together."""
TAKEN_NAMES = AUDIT_COLUMNS | {GIVEN_SPLIT, LABEL_SET}
"""Names that a column of the file may not have: it gets another one when it is read."""


class Columns(BaseModel):
    """What ``[columns]`` says; each column of the file is named by a role, among the ignored ones, or with its kind.

    Attributes:
        label: the column of the label, or for several labels also a list of columns of 0 and 1.
        id: the user's own name of a row.
        group: rows of one value stay on one side of the split and in one fold.
        time: orders the rows, so that split and folds are blocks of time.
        split: says ``train`` or ``test`` of each row.
        weight: how much a row counts in fits and metrics, a number of at least 0.
        truth: the true label where it is known: the audit is measured by it, and no model sees it.
        source: who labelled a row, or where it comes from.
        slices: columns by whose values the rate of label issues is told, beside ``source``; they may be features.
        ignore: columns that no model sees.
        kinds: of the features; those of ``group``, ``time`` and ``source`` are features only if they have a kind.
            Those of the kinds ``text`` and ``picture`` may stand as roles of these names instead.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str | tuple[str, ...]
    id: str | None = None
    group: str | None = None
    time: str | None = None
    split: str | None = None
    weight: str | None = None
    truth: str | None = None
    source: str | None = None
    slices: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    kinds: dict[str, ColumnKind] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _take_roles_for_kinds(cls, said: dict[str, Any]) -> dict[str, Any]:
        """Take ``text = "body"`` for ``kinds.body = "text"``, and pictures likewise."""
        kinds = dict(said.get("kinds", {}))
        for kind in EMBEDDED_KINDS:
            names = said.get(kind, ())
            kinds |= dict.fromkeys([names] if isinstance(names, str) else names, kind)
        others = {name: value for name, value in said.items() if name not in (*EMBEDDED_KINDS, "kinds")}
        return {**others, "kinds": kinds}

    @model_validator(mode="after")
    def _check_names(self) -> Columns:
        roles = tuple(name for name in (self.id, self.split, self.weight, self.truth) if name is not None)
        require_distinct((*self.labels, *roles, *self.ignore, *self.kinds))
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The columns of the label."""
        return (self.label,) if isinstance(self.label, str) else self.label

    @property
    def label_name(self) -> str:
        """The name of the label in the raw table."""
        return self.label if isinstance(self.label, str) else LABEL_SET

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that the description names, once."""
        roles = (self.id, self.group, self.time, self.split, self.weight, self.truth)
        named = (name for name in roles if name is not None)
        return tuple(dict.fromkeys((*self.labels, *named, *self.all_slices, *self.ignore, *self.kinds)))

    @property
    def all_slices(self) -> tuple[str, ...]:
        """The columns by whose values the rate of label issues is told, each once."""
        return tuple(dict.fromkeys((*([] if self.source is None else [self.source]), *self.slices)))


class MatrixFile(BaseModel):
    """What is said of numbers of the rows that stand in a file of their own.

    Attributes:
        file: an array of NumPy, or a table.
        id: column of a table that names the rows like the role ``id``; rows come in the order of the table if absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    id: str | None = None


class PredictionsFile(MatrixFile):
    """What ``[predictions]`` says of out-of-sample predictions of the user's own.

    Attributes:
        class_names: the class of each column, where probabilities are predicted.
    """

    class_names: tuple[str, ...] = ()


class FeaturesFile(MatrixFile):
    """What ``[features]`` says of features in a file of their own, such as embeddings.

    Attributes:
        dimensions: how many columns the file has.
    """

    dimensions: int = Field(ge=1)


class Options(BaseModel):
    """What ``[options]`` says.

    Attributes:
        delimiter: what stands between two fields of a text file.
        quote: what stands around a field.
        escape: what stands before a quote within quotes, where it is not doubled.
        decimal: what stands before the fraction of a number.
        number_marks: by column of numbers that are texts what stands before or behind them, such as $ or %; commas may
            stand between their thousands then. 12.5% is 12.5.
        date_format: format by column of dates that are texts, such as ``%d/%m/%Y``.
        missing: texts that stand for a missing value.
        sheet: of an Excel file; the first if absent.
        separator: what stands between two classes of a label that names several.
        merge: spellings of classes, and what each is read as.
        whole_numbers: whether a numeric label is a whole number.
        minimum: least value of a numeric label.
        maximum: largest value of a numeric label.
        unit: of a numeric label, in words.
        time_block: consecutive times that belong together, see ``Dataset.time_block``.
        text_encoder: turns columns of the kind ``text`` into vectors; ``tfidf`` if absent.
        picture_encoder: turns columns of the kind ``picture`` into vectors; ``patches`` if absent.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    delimiter: str = ","
    quote: str = '"'
    escape: str | None = None
    decimal: Literal[".", ","] = "."
    number_marks: dict[str, str] = Field(default_factory=dict)
    date_format: dict[str, str] = Field(default_factory=dict)
    missing: tuple[str, ...] = MISSING
    sheet: str | None = None
    separator: str | None = None
    merge: dict[str, str] = Field(default_factory=dict)
    whole_numbers: bool = False
    minimum: float | None = None
    maximum: float | None = None
    unit: str = ""
    time_block: int = Field(1, ge=1)
    text_encoder: str | None = None
    picture_encoder: str | None = None

    @field_validator("delimiter", "quote", "escape")
    @classmethod
    def _check_character(cls, value: str | None) -> str | None:
        if value is not None and len(value) != 1:
            raise ValueError("expected one character")
        return value

    @field_validator("number_marks")
    @classmethod
    def _check_marks(cls, marks: dict[str, str]) -> dict[str, str]:
        for name, mark in marks.items():
            if not mark or any(character in "0123456789.,+-" or character.isspace() for character in mark):
                raise ValueError(f"of {quote(name)}: found {quote(mark)}, expected a mark such as $, % or EUR")
        return marks

    @field_validator("date_format")
    @classmethod
    def _check_date_format(cls, formats: dict[str, str]) -> dict[str, str]:
        for name, text in formats.items():
            if "%" not in text:
                raise ValueError(f"of {quote(name)}: found {quote(text)}, expected a format such as %d/%m/%Y")
            # Nothing is read here: it raises ValueError for what is no format.
            pd.to_datetime(pd.Series([""]), format=text, errors="coerce")
        return formats

    def form(self, encoding: str | None) -> Form:
        """Return how the file is written."""
        dialect = Dialect(delimiter=self.delimiter, quote=self.quote, escape=self.escape)
        return Form(encoding=encoding, dialect=dialect, sheet=self.sheet)

    @property
    def encoders(self) -> dict[str, str]:
        """What turns texts and pictures into vectors, by kind of column, where it is not the default."""
        chosen = {"text": self.text_encoder, "picture": self.picture_encoder}
        return {kind: name for kind, name in chosen.items() if name is not None}

    def numeric_label(self) -> NumericLabel:
        """Return which values a numeric label may take."""
        bounds = {name: getattr(self, name) for name in ("minimum", "maximum") if getattr(self, name) is not None}
        return NumericLabel(**bounds, is_integer=self.whole_numbers, unit=self.unit)
