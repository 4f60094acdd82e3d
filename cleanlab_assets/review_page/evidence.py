"""The evidence of a row, from the tables of its audit: what a family or a dataset has not is left out.

What there is follows from the catalogue entry, from the steps that the family has and from the columns of its tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cleanlab_assets.datasets.errors import cut
from cleanlab_assets.methods.class_predictions import PROBABILITY_PREFIX
from cleanlab_assets.methods.training_set import train_rows
from cleanlab_assets.reports.formatting import MISSING, NO_CLASS, format_number, format_value
from cleanlab_assets.review_page.item import (
    Candidate,
    Cell,
    Opinion,
    OtherRow,
    Picture,
    SecondOpinion,
    Token,
    Vote,
)
from cleanlab_assets.review_page.norms import find_norms
from cleanlab_assets.reviews.elements import has_elements
from cleanlab_assets.reviews.rows import find_label_kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cleanlab_assets.datasets.dataset import Column, Dataset
    from cleanlab_assets.reviews.rows import ReviewedRows

N_CANDIDATES = 3
N_NEIGHBORS = 5
LONGEST_NOTE = 140
"""Characters of the text of another row."""
MOST_DUPLICATES = 10
MOST_VOTES = 50
MOST_TOKENS = 400
LONGEST_TEXT = 20_000
ANNOTATED_IMAGE = "image"


def has_sentences(dataset: Dataset) -> bool:
    """Whether the rows are tokens of sentences."""
    return {"sentence", "position", "token"} <= {column.name for column in dataset.columns}


@dataclass(frozen=True)
class Evidence:
    """Finds the evidence of a row.

    Attributes:
        rows: the rows of the dataset.
        issues: label issues of the model, and of rows that were not audited just the row id.
        find_table: the table of a step of the family by its name; None where there is none.
        issues_by_model: the label issues of other models.
        draws_findings: whether the family draws what was found over a picture.
    """

    rows: ReviewedRows
    issues: pd.DataFrame
    find_table: Callable[[str], pd.DataFrame | None]
    issues_by_model: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    draws_findings: bool = False

    @property
    def _dataset(self) -> Dataset:
        return self.rows.dataset

    @cached_property
    def _columns(self) -> tuple[Column, ...]:
        """The columns that are shown as values of the row, features first."""
        dataset = self._dataset
        hidden = {dataset.label, *dataset.prediction_columns}
        if dataset.panel is not None:
            hidden |= {dataset.panel.annotator, dataset.panel.truth or ""}
        if has_sentences(dataset):
            hidden |= {"sentence", "position", "token"}
        if has_elements(dataset):
            hidden |= {ANNOTATED_IMAGE, "boxes", "box_labels", "instance_mask", "class_mask"}
        if dataset.truth_column is not None:
            hidden.add(dataset.truth_column)
        shown = [column for column in dataset.columns if column.name not in hidden]
        return tuple(sorted(shown, key=lambda column: not column.is_feature))

    @cached_property
    def _norms(self) -> Mapping[str, Any]:
        return find_norms(self.rows.raw, tuple(column for column in self._columns if column.is_feature))

    def prepare(self) -> None:
        """Compute what every item needs, so that the first one does not wait for it."""
        _ = self._norms, self._classes, self._place_in_issues
        for name in ("predictions", "training_set", "neighbor_graph", "duplicate_sets"):
            self._find_place(name, "")

    def list_texts(self, place: int) -> list[Cell]:
        """Return the texts of a row that are written for people."""
        found = [column.name for column in self._columns if column.kind == "text"]
        return [Cell(name=name, value=_shorten(self.rows.raw[name].iloc[place])) for name in found]

    def list_pictures(self, place: int) -> list[Picture]:
        """Return the pictures of a row; a missing one is left out."""
        if has_elements(self._dataset):
            drawn = [Picture(name="what was found", source="")] if self.draws_findings else []
            return [*drawn, Picture(name="the picture alone", source=ANNOTATED_IMAGE)]
        return [
            Picture(name=column.name, source=column.name)
            for column in self._columns
            if column.kind == "picture" and isinstance(self.rows.raw[column.name].iloc[place], bytes)
        ]

    def list_cells(self, place: int) -> list[Cell]:
        """Return the other values of a row, and how the features among them differ from other rows."""
        cells = []
        for column in self._columns:
            if column.kind in {"text", "picture"}:
                continue
            value, norm = self.rows.raw[column.name].iloc[place], self._norms.get(column.name)
            unusual = "" if norm is None else norm.describe(value)
            cells.append(Cell(name=column.name, value=format_value(value), unusual=unusual))
        return cells

    def list_tokens(self, place: int) -> list[Token]:
        """Return the tokens of the sentence of a token; of a long one those around it."""
        if not has_sentences(self._dataset):
            return []
        raw = self.rows.raw
        start = place - int(raw["position"].iloc[place]) + 1
        first = max(start, place - MOST_TOKENS // 2)
        positions = raw["position"].iloc[place + 1 : first + MOST_TOKENS].to_numpy()
        ends = np.flatnonzero(positions == 1)
        end = place + 1 + (int(ends[0]) if len(ends) else len(positions))
        labels = self.rows.given
        return [
            Token(text=str(raw["token"].iloc[at]), label=self.show(labels.iloc[at]), is_row=at == place)
            for at in range(first, end)
        ]

    def list_candidates(self, row_id: str, at: int, given: str | None) -> list[Candidate]:
        """Return the likeliest labels of a row, likeliest first; the suggested one is among them."""
        kind = find_label_kind(self._dataset)
        suggested = self.issues["suggested_label"].iloc[at]
        if kind == "annotations" or pd.isna(suggested):
            return []
        if kind != "class":
            text = str(suggested)
            label = self._dataset.split_label(text) if kind == "set" else text
            return [Candidate(label=label, shown=self.show(suggested), is_given=text == given)]
        likely = self.find_probabilities(row_id)
        ranked = sorted(likely, key=lambda name: -likely[name])[:N_CANDIDATES]
        if str(suggested) not in ranked:
            ranked = [str(suggested), *ranked][:N_CANDIDATES]
        return [
            Candidate(label=name, shown=self.show(name), probability=likely.get(name), is_given=name == given)
            for name in ranked
        ]

    def find_probabilities(self, row_id: str) -> dict[str, float]:
        """Return the predicted probability of each class; empty where there are none."""
        table, at = self.find_table("predictions"), self._find_place("predictions", row_id)
        if table is None or at < 0 or not self._classes:
            return {}
        values = self._probabilities[at]
        return {name: float(value) for name, value in zip(self._classes, values, strict=True) if np.isfinite(value)}

    def list_votes(self, key: str) -> list[Vote]:
        """Return the labels that annotators gave to an example."""
        panel = self._dataset.panel
        if panel is None:
            return []
        votes = self.rows.raw.iloc[self._places_of_examples.get(key, [])]
        votes = votes[votes[panel.annotator].notna() & votes[self._dataset.label].notna()].head(MOST_VOTES)
        quality = self._quality_of_annotators
        return [
            Vote(annotator=str(name), label=self.show(label), quality=quality.get(str(name), ""))
            for name, label in zip(votes[panel.annotator], votes[self._dataset.label], strict=True)
        ]

    def list_neighbors(self, row_id: str) -> list[OtherRow]:
        """Return the nearest train rows of a row, nearest first."""
        graph, at = self.find_table("neighbor_graph"), self._find_place("neighbor_graph", row_id)
        if graph is None or at < 0:
            return []
        others = self._train_rows
        found = []
        for number in range(1, N_NEIGHBORS + 1):
            if f"neighbor_{number}" not in graph:
                break
            other = int(graph[f"neighbor_{number}"].iloc[at])
            distance = float(graph[f"distance_{number}"].iloc[at])
            found.append(self._describe_row(others["row_id"].iloc[other], others["given_label"].iloc[other], distance))
        return found

    def list_duplicates(self, row_id: str) -> list[OtherRow]:
        """Return the other rows of the set of near duplicates that a row belongs to."""
        table, at = self.find_table("duplicate_sets"), self._find_place("duplicate_sets", row_id)
        if table is None or at < 0:
            return []
        others = table[(table["duplicate_set"] == table["duplicate_set"].iloc[at]).to_numpy(dtype=bool, na_value=False)]
        others = others[others["row_id"] != row_id].head(MOST_DUPLICATES)
        return [
            self._describe_row(other["row_id"], other["given_label"], float(other["distance"]))
            for other in others.to_dict("records")
        ]

    def list_opinions(self, row_id: str) -> list[Opinion]:
        """Return what the audits of other models say of a row."""
        opinions = []
        for model, issues in self.issues_by_model.items():
            at = self._find_in(model, issues, row_id)
            if at >= 0:
                opinions.append(
                    Opinion(
                        model=model,
                        is_flagged=bool(issues["is_label_issue"].iloc[at]),
                        suggested=self.show(issues["suggested_label"].iloc[at]),
                        quality=format_number(float(issues["label_quality"].iloc[at])),
                    )
                )
        return opinions

    def find_second_opinion(self, key: str, given: Any) -> SecondOpinion | None:
        """Return what a language model says of the given label of a row; None where it gave no verdict on it."""
        said = self._verdicts.get((key, str(given)))
        if said is None:
            return None
        return SecondOpinion(
            is_given_defensible=bool(said["is_given_defensible"]),
            label=self.show(said["likeliest_label"]),
            confidence=float(said["confidence"]),
            sentence=str(said["sentence"]),
        )

    def show(self, label: Any) -> str:
        """Return a label as people read it."""
        if isinstance(label, list):
            return ", ".join(label) or NO_CLASS
        if label is None or pd.isna(label):
            return MISSING
        if self._dataset.numeric_label is not None:
            return format_number(float(label))
        names = self._dataset.split_label(str(label))
        return ", ".join(names) or NO_CLASS

    def is_audited(self, row_id: str) -> bool:
        """Whether the page can show a row."""
        return row_id in self._place_in_issues

    def _describe_row(self, row_id: Any, label: Any, distance: float) -> OtherRow:
        far = "" if np.isnan(distance) else format_number(distance)
        name = str(row_id)
        place = self.rows.find(name)
        return OtherRow(
            row_id=name,
            label=self.show(label),
            distance=far,
            note=" ".join(cut(text.value, LONGEST_NOTE) for text in self.list_texts(place)),
            picture=next((picture.source for picture in self.list_pictures(place) if picture.source), ""),
            can_be_shown=self.is_audited(name),
        )

    @cached_property
    def _verdicts(self) -> Mapping[tuple[str, str], Mapping[Any, Any]]:
        """The verdicts by row key and given label: one on another label than the row has now says nothing of it."""
        table = self.find_table("second_opinion")
        if table is None:
            return {}
        found = table[table["outcome"] == "verdict"].to_dict("records")
        return {(said["row_key"], said["given_label"]): said for said in found}

    @cached_property
    def _place_in_issues(self) -> Mapping[str, int]:
        return {row_id: at for at, row_id in enumerate(self.issues["row_id"])}

    @cached_property
    def _classes(self) -> tuple[str, ...]:
        """The classes that have a column of probabilities."""
        table = self.find_table("predictions")
        if table is None:
            return ()
        return tuple(name for name in self._dataset.class_names if f"{PROBABILITY_PREFIX}{name}" in table)

    @cached_property
    def _probabilities(self) -> np.ndarray:
        """Probabilities of these classes, shape (n_rows, n_classes)."""
        table = self.find_table("predictions")
        if table is None:
            return np.empty((0, 0))
        names = [f"{PROBABILITY_PREFIX}{name}" for name in self._classes]
        return table[names].to_numpy(dtype=np.float64, na_value=np.nan)

    @cached_property
    def _train_rows(self) -> pd.DataFrame:
        table = self.find_table("training_set")
        if table is None:
            return pd.DataFrame(columns=["row_id", "given_label"])
        return train_rows(table)[["row_id", "given_label"]]

    @cached_property
    def _places_of_examples(self) -> Mapping[Any, Any]:
        return self.rows.raw.reset_index(drop=True).groupby(self.rows.keys.to_numpy(), sort=False).indices

    @cached_property
    def _quality_of_annotators(self) -> Mapping[str, str]:
        table = self.find_table("annotator_quality")
        if table is None:
            return {}
        names, qualities = table["annotator"].astype(str), table["annotator_quality"]
        return {name: format_number(quality) for name, quality in zip(names, qualities, strict=True)}

    def _find_place(self, step: str, row_id: str) -> int:
        """Return the position of a row in the table of a step; -1 where it is not in it."""
        table = self.find_table(step)
        return -1 if table is None else self._find_in(f"{step} ", table, row_id)

    def _find_in(self, name: str, table: pd.DataFrame, row_id: str) -> int:
        places = self._places.setdefault(name, {})
        if not places and len(table):
            places.update({row_id: at for at, row_id in enumerate(table["row_id"])})
        return places.get(row_id, -1)

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        return {}


def _shorten(text: Any) -> str:
    if text is None or pd.isna(text):
        return MISSING
    found = str(text)
    return found if len(found) <= LONGEST_TEXT else f"{found[:LONGEST_TEXT]}… ({len(found):,} characters)"
