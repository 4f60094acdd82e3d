"""Sources with wrong labels whose truth is known, for ``review_loop.py``: as their owner has them, and as they change.

A unit is what comes, goes and moves as a whole: a row, a sentence, an example of several annotators, or an image. What
only the simulation knows of each row lies beside the raw table, where no audit sees it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from cleanlab_assets.audits import AuditRun
from cleanlab_assets.datasets import digit_scenes, digits, digits_panel, grammar_sentences
from cleanlab_assets.datasets.boxes import box_iou
from cleanlab_assets.datasets.dataset import Panel
from cleanlab_assets.datasets.download import resolve_source_files
from cleanlab_assets.datasets.images import decode_image, encode_png, make_image_table, read_image_table
from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets.families.object_detection.metrics import ScoredDetections
from cleanlab_assets.families.object_detection.plant import LEAST_SHIFTED_IOU, plant_box_errors
from cleanlab_assets.families.object_detection.training_set import read_boxed_images
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.class_metrics import ScoredPredictions
from cleanlab_assets.methods.class_predictions import predict_all_classes
from cleanlab_assets.methods.planted_errors import plant_label_errors, uniform_confusion
from cleanlab_assets.methods.seeding import seed_generator
from cleanlab_assets.reviews.corrected_labels import find_corrected_labels
from cleanlab_assets.reviews.corrections import REVIEWED, list_examples
from cleanlab_assets.reviews.decisions import BoxLabel
from cleanlab_assets.reviews.element_answers import ADD_BOX, CLASS_IS, DROP
from cleanlab_assets.reviews.elements import name_missing_box, parse_missing_box, read_given_boxes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.methods.bootstrap import ScoredRows

GIVEN_IS_RIGHT, LABEL_IS = "given is right", "label is"


class Said(NamedTuple):
    """What a reviewer says of a row, or of an element of an image, as ``ReviewedRows.decide`` takes it."""

    verdict: str
    label: str = ""
    element: str = ""


class Source(NamedTuple):
    """The rows of a source as its owner has them.

    Attributes:
        raw: raw table, the rows of a unit one after the other.
        known: for each row what only the simulation knows: ``item``, what a reviewer decides of, whose number stays
            whatever happens to the row; ``unit``; ``version``, which rises where the row becomes another one by its
            features; and the true
            labels under the names of the label columns.
    """

    raw: pd.DataFrame
    known: pd.DataFrame

    def take(self, rows: np.ndarray) -> Source:
        """Return some rows, in the order of their places."""
        return Source(self.raw.iloc[rows].reset_index(drop=True), self.known.iloc[rows].reset_index(drop=True))

    def take_units(self, units: Sequence[int] | np.ndarray) -> Source:
        """Return the rows of some units, in the order of these."""
        places = self.known.groupby("unit", sort=False).indices
        return self.take(np.concatenate([places[unit] for unit in units]))


class World(NamedTuple):
    """A source with wrong labels, rows that come to it later, and rows with true labels to measure models on."""

    dataset: Dataset
    source: Source
    reserve: Source
    clean: Source


class State(NamedTuple):
    """How things stand: the rows of the source, what was decided of them, and the audit of the corrected labels.

    Attributes:
        source: the rows.
        corrections: how each decision stands.
        corrected: the corrected dataset.
        audited: the raw table with the corrected labels.
        run: its audit, whose results are computed when they are asked for.
    """

    source: Source
    corrections: pd.DataFrame
    corrected: pd.DataFrame
    audited: pd.DataFrame
    run: AuditRun


class Kind(ABC):
    """One kind of labels: how its sources are made and change, and what a reviewer who knows the truth says."""

    name: str
    family = "classification"
    model = "logistic_regression"
    metric = "accuracy"
    labels: tuple[str, ...]
    """The columns of the source that hold labels."""
    settings: Mapping[str, Mapping[str, Any]] = {}
    can_mend = True
    """Whether the owner can mend a label in the source as it was decided."""
    is_known_by_name = False
    """Whether a row stays the same where its features change, since its key is a name of the owner's."""

    def __init__(self, sizes: tuple[int, int, int], *, error_share: float = 0.1) -> None:
        """Take the numbers of units of the source, of the reserve and of the clean rows, and the share of errors."""
        self.sizes, self.error_share = sizes, error_share

    @abstractmethod
    def draw(self, seed: int, directory: Path) -> World:
        """Make a source with errors; files of it lie in ``directory``."""

    @abstractmethod
    def publish(self, dataset: Dataset, raw: pd.DataFrame) -> pd.DataFrame:
        """Return the raw table of rows in their new order, as the loader of the dataset names them."""

    @abstractmethod
    def change_features(self, raw: pd.DataFrame, is_changed: np.ndarray) -> pd.DataFrame:
        """Return the rows with another value of a feature in some of them, bool of shape (n_rows,)."""

    def audit(self, dataset: Dataset, raw: pd.DataFrame, *, seed: int) -> AuditRun:
        """Return the audit of a raw table."""
        settings = {**self.settings, "training_set": {"seed": seed, **self.settings.get("training_set", {})}}
        of_rows = replace(dataset, files=(), load=lambda _: raw, load_with_notes=None)
        return AuditRun(family=self.family, model=self.model, dataset=of_rows, columns={}, notes=(), settings=settings)

    def answer(self, state: State, place: int, issue: Mapping[Any, Any]) -> list[Said]:  # noqa: ARG002
        """Say what is right of a row, of its elements first.

        Args:
            state: how things stand.
            place: of the row in the source.
            issue: the row in the label issues.
        """
        given, truth = (str(table[self.labels[0]].iloc[place]) for table in state.source)
        return [Said(GIVEN_IS_RIGHT) if given == truth else Said(LABEL_IS, truth)]

    def find_wrong(self, state: State) -> np.ndarray:
        """Return which labels are wrong as they are corrected, bool of shape (n_rows,)."""
        label = self.labels[0]
        return (state.audited[label].astype(str) != state.source.known[label]).to_numpy(dtype=bool)

    def score(self, state: State, world: World, seed: int) -> dict[str, ScoredRows]:
        """Return the predictions for the clean rows of models trained on the given, corrected and true labels."""
        raw, known = state.source
        label = self.labels[0]
        labels = {"given": raw[label], "corrected": state.audited[label], "true": known[label].astype(raw[label].dtype)}
        return self._score(world, raw, labels, seed)

    def _score(
        self, world: World, rows: pd.DataFrame, labels: Mapping[str, pd.Series[Any]], seed: int
    ) -> dict[str, ScoredRows]:
        context, names = self.context_of(world), list(world.dataset.class_names)
        clean = world.clean.raw[context.features]
        truth = encode_labels(pd.Series(pd.Categorical(world.clean.known[self.labels[0]], names)))
        found: dict[str, ScoredRows] = {}
        for name, given in labels.items():
            model = context.pipeline_factory(seed, {})().fit(rows[context.features], encode_labels(given))
            found[name] = ScoredPredictions(truth, predict_all_classes(model, clean, n_classes=len(names)))
        return found

    def context_of(self, world: World) -> StepContext:
        """Return the context in which models are built."""
        return StepContext(
            family=self.family,
            dataset=world.dataset,
            model=self.model,
            data_dir=Path("data"),
            reserved_columns=frozenset(),
        )

    def _divide(self, dataset: Dataset, raw: pd.DataFrame, unit: np.ndarray, seed: int) -> World:
        """Draw the units of each part, and plant errors in the labels of the first two.

        Args:
            dataset: catalogue entry.
            raw: raw table with true labels.
            unit: of each row, int64 of shape (n_rows,).
            seed: of the draw and of the errors.
        """
        truth = {name: raw[name].astype(object) for name in self.labels}
        known = pd.DataFrame({"item": np.arange(len(raw)), "unit": unit, "version": 0, **truth})
        units = seed_generator(seed, "units").permutation(np.unique(unit))[: sum(self.sizes)]
        whole = Source(raw, known)
        source, reserve, clean = (whole.take_units(found) for found in np.split(units, np.cumsum(self.sizes)[:2]))
        source, reserve = self._plant(source, dataset, seed), self._plant(reserve, dataset, seed + 1)
        return World(dataset, source._replace(raw=self.publish(dataset, source.raw)), reserve, clean)

    def _plant(self, part: Source, dataset: Dataset, seed: int) -> Source:
        label, confusion = part.raw[self.labels[0]], self._confuse(dataset.class_names)
        planted = plant_label_errors(encode_labels(label), fraction=self.error_share, confusion=confusion, seed=seed)
        return part._replace(raw=part.raw.assign(**{self.labels[0]: decode_labels(planted.labels, label)}))

    def _confuse(self, class_names: Sequence[str]) -> np.ndarray:
        """Return how often a class is mistaken for each other one, shape (n_classes, n_classes)."""
        return uniform_confusion(len(class_names))


class Digits(Kind):
    """The handwritten digits of scikit-learn."""

    name = "digits"
    labels = (digits.LABEL,)

    def draw(self, seed: int, directory: Path) -> World:
        raw = digits.load_digits(resolve_source_files(digits.DATASET, directory))
        return self._divide(digits.DATASET, raw, np.arange(len(raw)), seed)

    def publish(self, dataset: Dataset, raw: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        return raw.assign(row_id=[f"{digits.FILE}:{line}" for line in range(1, len(raw) + 1)])

    def change_features(self, raw: pd.DataFrame, is_changed: np.ndarray) -> pd.DataFrame:
        return _darken(raw, is_changed)


class OwnTable(Kind):
    """A CSV file of the user's own: parcels, which go to one of three teams by size, way and place."""

    name = "a CSV file"
    labels = ("team",)
    teams = ("bikes", "lorries", "vans")

    def draw(self, seed: int, directory: Path) -> World:
        self.file = directory / "parcels" / "parcels.csv"
        self.file.parent.mkdir()
        classes = ", ".join(f'"{team}"' for team in self.teams)
        (self.file.parent / "dataset.toml").write_text(
            f'family = "classification"\nformat = "table"\ntitle = "Parcels"\nclass_names = [{classes}]\n\n'
            '[files]\ntable = "parcels.csv"\n\n[columns]\nlabel = "team"\n\n'
            '[columns.kinds]\nweight = "numeric"\nlength = "numeric"\nroad = "numeric"\nis_fragile = "binary"\n'
            'place = "categorical"\n',
            encoding="utf-8",
        )
        dataset = find_own_datasets(directory)["parcels"]
        if isinstance(dataset, Exception):
            raise dataset
        raw = self.publish(dataset, self._make_rows(sum(self.sizes), seed))
        return self._divide(dataset, raw, np.arange(len(raw)), seed)

    def publish(self, dataset: Dataset, raw: pd.DataFrame) -> pd.DataFrame:
        raw.drop(columns="row_id", errors="ignore").to_csv(self.file, index=False)
        return dataset.read({self.file.name: self.file}).table

    def change_features(self, raw: pd.DataFrame, is_changed: np.ndarray) -> pd.DataFrame:
        return raw.assign(length=raw["length"] + is_changed)

    def _make_rows(self, n_rows: int, seed: int) -> pd.DataFrame:
        rng = seed_generator(seed, "parcels")
        table = pd.DataFrame(
            {
                "weight": rng.gamma(2, 6, n_rows).round(2),
                "length": rng.normal(70, 25, n_rows).round(1),
                "road": rng.gamma(2, 10, n_rows).round(1),
                "is_fragile": rng.integers(2, size=n_rows),
                "place": rng.choice(["centre", "suburb", "village", "harbour"], n_rows),
            }
        )
        load = table["weight"] / 12 + table["length"] / 70 + (table["place"] == "harbour") - 0.5 * table["is_fragile"]
        way = table["road"] / 20 + (table["place"] == "village") - (table["place"] == "centre")
        table["team"] = np.where(load > 2.5, "lorries", np.where(way > 0.8, "vans", "bikes"))
        return table


class Sentences(Kind):
    """The tagged words of grammar sentences, each sentence once; a tag is mistaken for the one that resembles it."""

    name = "sentences"
    family = "token_classification"
    labels = (grammar_sentences.DATASET.label,)
    mistaken_for: Mapping[str, str] = {
        "ADJ": "NOUN",
        "ADP": "ADV",
        "ADV": "ADJ",
        "DET": "PRON",
        "NOUN": "VERB",
        "NUM": "DET",
        "PRON": "DET",
        "PROPN": "NOUN",
        "PUNCT": "NUM",
        "VERB": "NOUN",
    }

    def draw(self, seed: int, directory: Path) -> World:  # noqa: ARG002
        dataset, raw = grammar_sentences.DATASET, grammar_sentences.load_grammar_sentences({})
        raw = raw[raw["sentence_id"].isin(raw.drop_duplicates("sentence")["sentence_id"])].reset_index(drop=True)
        raw["part"] = pd.Categorical(["train"] * len(raw), list(dataset.parts))
        return self._divide(dataset, raw, pd.factorize(raw["sentence_id"])[0], seed)

    def publish(self, dataset: Dataset, raw: pd.DataFrame) -> pd.DataFrame:
        # A blank line stands between two sentences.
        lines = np.arange(len(raw)) + (raw["position"] == 1).cumsum()
        return raw.assign(row_id=[f"{dataset.name}:{line}" for line in lines])

    def change_features(self, raw: pd.DataFrame, is_changed: np.ndarray) -> pd.DataFrame:
        words, sentences = (raw[name].astype(object) for name in ("token", "sentence"))
        words = words.mask(is_changed & (words == "."), "!")
        sentences = sentences.mask(is_changed, sentences.str.removesuffix(".") + "!")
        return raw.assign(token=words.astype("category"), sentence=sentences.astype("category"))

    def _confuse(self, class_names: Sequence[str]) -> np.ndarray:
        names = np.array(class_names)
        return np.array([names == self.mistaken_for[name] for name in class_names], dtype=np.float64)


class Annotators(Kind):
    """Digits labelled by a simulated panel, drawn anew by seed: annotators err by themselves."""

    name = "annotators"
    family = "multiannotator"
    labels = (digits_panel.LABEL,)
    settings: Mapping[str, Mapping[str, Any]] = {"training_set": {"test_fraction": 0.0}}
    can_mend = False  # a decision is of an example, which has no label of its own in the source
    is_known_by_name = True

    def draw(self, seed: int, directory: Path) -> World:
        whole = digits_panel.DATASET
        raw = digits_panel.load_digits_panel(resolve_source_files(whole, directory), seed=seed)
        raw = raw[raw[digits_panel.LABEL].notna()].reset_index(drop=True)
        truth = raw.pop(digits_panel.TRUTH).astype(object)
        columns = tuple(column for column in whole.columns if column.name != digits_panel.TRUTH)
        dataset = replace(whole, columns=columns, panel=Panel())
        world = self._divide(dataset, raw, pd.factorize(raw["example"])[0], seed)
        source, reserve, clean = (
            part._replace(
                known=part.known.assign(item=part.known["unit"], label=truth.iloc[part.known["item"]].to_numpy())
            )
            for part in (world.source, world.reserve, world.clean)
        )
        clean = clean.take(np.flatnonzero(~clean.known["unit"].duplicated()))
        return World(dataset, source, reserve, clean)

    def publish(self, dataset: Dataset, raw: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        return raw  # a row is named after its example and annotator, wherever it stands

    def change_features(self, raw: pd.DataFrame, is_changed: np.ndarray) -> pd.DataFrame:
        return _darken(raw, is_changed)

    def answer(self, state: State, place: int, issue: Mapping[Any, Any]) -> list[Said]:
        truth = str(state.source.known["label"].iloc[place])
        return [Said(GIVEN_IS_RIGHT) if str(issue["given_label"]) == truth else Said(LABEL_IS, truth)]

    def find_wrong(self, state: State) -> np.ndarray:
        """Return of which examples the consensus is wrong, a decided label in its place where there is one."""
        consensus = state.run.result("consensus_labels").value.set_index("row_id")
        examples = list_examples(Panel(), state.corrected, state.corrections).set_index("example").loc[consensus.index]
        # A majority vote that was found right is no correction of any label of an annotator.
        is_reviewed = (examples["label_source"] == REVIEWED).to_numpy()
        label = consensus["consensus_label"].astype(object).mask(is_reviewed, consensus["majority_vote_label"])
        label = label.mask(examples["label"].notna(), examples["label"])
        is_wrong: np.ndarray = (label != _truth_of_examples(state.source).loc[consensus.index]).to_numpy(dtype=bool)
        return is_wrong

    def score(self, state: State, world: World, seed: int) -> dict[str, ScoredRows]:
        """Return the predictions for the clean rows of models trained on majority votes, these corrected, and truth."""
        rows = state.run.result("training_set").value
        found = find_corrected_labels(world.dataset, state.corrected)
        truth = _truth_of_examples(state.source).loc[rows["row_id"]].set_axis(rows.index)
        labels = {
            "given": rows["given_label"],
            "corrected": rows["given_label"] if found is None else found.correct(rows)["given_label"],
            "true": truth.astype(rows["given_label"].dtype),
        }
        return self._score(world, rows, labels, seed)

    def _plant(self, part: Source, dataset: Dataset, seed: int) -> Source:  # noqa: ARG002
        return part


class Boxes(Kind):
    """The boxes of composed scenes; an image is decided box by box, and then as a whole."""

    name = "boxes"
    family = "object_detection"
    model = "small_detector"
    metric = "map_50"
    labels = ("boxes", "box_labels", digit_scenes.DATASET.label)

    def __init__(self, sizes: tuple[int, int, int], *, epochs: int, error_share: float = 0.3) -> None:
        """Take the sizes, how long the detector is trained, and the share of the images with an error."""
        super().__init__(sizes, error_share=error_share)
        self.epochs = epochs
        self.settings = {
            "training_set": {"test_fraction": 0.0},
            "predictions": {"parameters": {"epochs": epochs}},
        }

    def draw(self, seed: int, directory: Path) -> World:
        dataset = digit_scenes.DATASET
        table = digits.load_digits(resolve_source_files(dataset, directory))
        glyphs = table[list(digits.PIXELS)].to_numpy(dtype=np.float64).reshape(-1, digits.SIDE, digits.SIDE) / 16
        codes = table[digits.LABEL].cat.codes.to_numpy()
        scenes = digit_scenes.compose_scenes(glyphs, codes, n_scenes=sum(self.sizes), seed=seed)
        raw = make_image_table(replace(scene, instance_mask=None, class_mask=None) for scene in scenes)
        return self._divide(dataset, raw, np.arange(len(raw)), seed)

    def publish(self, dataset: Dataset, raw: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002
        return raw  # an image is known by its name

    def change_features(self, raw: pd.DataFrame, is_changed: np.ndarray) -> pd.DataFrame:
        rows = zip(raw["image"], is_changed, strict=True)
        return raw.assign(image=[_mark(picture) if changed else picture for picture, changed in rows])

    def answer(self, state: State, place: int, issue: Mapping[Any, Any]) -> list[Said]:  # noqa: ARG002
        """Say what is right of each box that is wrong or flagged, and that the image is right then."""
        raw, known = state.source
        given = read_given_boxes(raw.iloc[place].to_dict())
        table = state.run.result("box_issues").value
        flagged = table.loc[(table["row_id"] == raw["row_id"].iloc[place]) & table["is_box_issue"], "element"].tolist()
        return [*review_boxes(given, _read_boxes(known.iloc[place]), flagged), Said(GIVEN_IS_RIGHT)]

    def find_wrong(self, state: State) -> np.ndarray:
        """Return which images have other boxes than they should, bool of shape (n_images,)."""
        tables = (table.to_dict("records") for table in (state.audited, state.source.known))
        found, truth = ([sorted(map(str, _read_boxes(row))) for row in rows] for rows in tables)
        return np.array([one != other for one, other in zip(found, truth, strict=True)])

    def score(self, state: State, world: World, seed: int) -> dict[str, ScoredRows]:
        """Return the predictions for the clean images of detectors trained on given, corrected and true boxes."""
        raw, known = state.source
        names = world.dataset.class_names
        clean = read_boxed_images(world.clean.raw, names)
        tables = {"given": raw, "corrected": state.audited, "true": raw.assign(**known[list(self.labels)])}
        build = self.context_of(world).pipeline_factory(seed, {"epochs": self.epochs})
        return {
            name: ScoredDetections(clean, build().fit(read_boxed_images(table, names)).predict(clean))
            for name, table in tables.items()
        }

    def _plant(self, part: Source, dataset: Dataset, seed: int) -> Source:
        images = read_image_table(part.raw, dataset.class_names)
        return part._replace(raw=make_image_table(plant_box_errors(images, fraction=self.error_share, seed=seed)[0]))


def _darken(raw: pd.DataFrame, is_changed: np.ndarray) -> pd.DataFrame:
    pixel = digits.PIXELS[0]
    return raw.assign(**{pixel: raw[pixel] + is_changed})


def _mark(picture: bytes) -> bytes:
    pixels = decode_image(picture).copy()
    pixels[0, 0] = 255 - pixels[0, 0]
    return encode_png(pixels)


def _truth_of_examples(source: Source) -> pd.Series[Any]:
    examples = pd.Series(source.known["label"].to_numpy(dtype=object), index=source.raw["example"])
    return examples[~examples.index.duplicated()]


def _read_boxes(row: Mapping[Any, Any] | pd.Series[Any]) -> list[BoxLabel]:
    boxes, labels = json.loads(row["boxes"]), json.loads(row["box_labels"])
    return [BoxLabel(class_name=label, corners=box) for label, box in zip(labels, boxes, strict=True)]


def review_boxes(given: Mapping[str, BoxLabel], truth: Sequence[BoxLabel], flagged: Sequence[str]) -> list[Said]:
    """Say of every box that is wrong or flagged what is right, and draw the boxes that are missing.

    Args:
        given: the given boxes by name.
        truth: the true boxes.
        flagged: names of what the audit flags, objects that nobody boxed among them.
    """
    open_truth, said = list(truth), list[Said]()
    wrong = {}
    for name, box in given.items():
        if box in open_truth:
            open_truth.remove(box)
            said += [Said(GIVEN_IS_RIGHT, element=name)] if name in flagged else []
        else:
            wrong[name] = box
    for name, box in wrong.items():
        found = _find_object(box, open_truth, LEAST_SHIFTED_IOU)
        if found is None:
            said.append(Said(DROP, element=name))
            continue
        open_truth.remove(found)
        is_renamed = found.corners == box.corners
        said.append(Said(CLASS_IS, found.class_name, name) if is_renamed else Said(LABEL_IS, str(found), name))
    for name in flagged:
        predicted = parse_missing_box(name)
        if predicted is not None and (found := _find_object(predicted, open_truth, 0.5)) is not None:
            open_truth.remove(found)
            said.append(Said(LABEL_IS, str(found), name))
        elif predicted is not None:
            said.append(Said(GIVEN_IS_RIGHT, element=name))
    return said + [Said(ADD_BOX, element=name_missing_box(box.class_name, box.corners)) for box in open_truth]


def _find_object(box: BoxLabel, truth: Sequence[BoxLabel], least_iou: float) -> BoxLabel | None:
    """Return the true box that a box stands for; None where it stands for none."""
    if not truth:
        return None
    overlaps = box_iou(np.array([box.corners]), np.array([one.corners for one in truth]))[0]
    return truth[int(overlaps.argmax())] if overlaps.max() >= least_iou else None
