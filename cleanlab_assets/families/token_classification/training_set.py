"""The tokens under audit: an optional sample of sentences, the split by file or document, and the folds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from cleanlab_assets.datasets.errors import UnreadableInputError, quote
from cleanlab_assets.families.contracts import FOLD, GIVEN_LABEL, ROW_ID, SPLIT, TableContract, count, filled
from cleanlab_assets.families.raw_dataset import RawDatasetTable  # noqa: TC001 - a step tells its inputs by their types
from cleanlab_assets.families.step import DATASET, Settings, StepContext, TrainingSetTable, step
from cleanlab_assets.families.token_classification.plant import measure_confusion
from cleanlab_assets.families.training_set import store_training_set
from cleanlab_assets.methods.class_codes import decode_labels, encode_labels
from cleanlab_assets.methods.facts import TrainingSetFacts
from cleanlab_assets.methods.folds import divide_rows, draw_stratified_sample
from cleanlab_assets.methods.planted_errors import plant_label_errors, put_planted_errors, uniform_confusion
from cleanlab_assets.methods.shown import TableView
from cleanlab_assets.methods.training_set import (
    NO_FOLD,
    TEST,
    TRAIN,
    TrainingSet,
    count_rows_of_classes,
    train_rows,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cleanlab_assets.datasets.dataset import Dataset
    from cleanlab_assets.methods.shown import Shown

VALIDATION = "validation"
VALIDATION_FRACTION, TEST_FRACTION = 0.1, 0.2
"""Shares of the train tokens that are put aside, unless settings or files say otherwise."""
LEAST_OF_SHARE = 0.25
"""Share of what a part should get below which documents are too few or too unequal to fill it."""
SPLITS = (TRAIN, VALIDATION, TEST)
_SPLIT_OF_PART = {"train": TRAIN, "dev": VALIDATION, "test": TEST}
KEPT_COLUMNS = ("row_id", "document", "genre", "sentence_id", "token", "position", "sentence")


def build_token_training_set(
    raw: pd.DataFrame,
    dataset: Dataset,
    *,
    max_sentences: int | None,
    validation_fraction: float,
    test_fraction: float,
    folds: int,
    seed: int,
) -> TrainingSet:
    """Sample, split and fold the sentences of a raw dataset.

    The files say the split: train rows are learnt from, dev rows choose between variants, test rows compare them. Where
    there is no dev or test file, whole documents of the train file are put aside, alike in every genre if its documents
    suffice. Folds are made of documents in the same way. Where the documents cannot fill every part, or some sentence
    names none, sentences are divided in their place, those of equal text together; a note says so.

    Args:
        raw: raw table of the dataset, one row for each token.
        dataset: its catalogue entry.
        max_sentences: sentences of a random sample of the train part in which each genre keeps its share; None takes
            all.
        validation_fraction: share of the train tokens put aside as validation rows where there is no dev file; 0 puts
            none aside.
        test_fraction: the same for test rows where there is no test file.
        folds: number of folds of the train rows.
        seed: seed of the sample, the split and the folds.

    Returns:
        ``row_id``, ``document``, ``genre``, ``sentence_id``, ``token``, ``position``, ``sentence``, ``given_label``,
        ``split`` (train, validation or test) and ``fold`` (-1 on rows that are kept aside), in source order, and the
        ``carried_columns`` of the dataset.

    Raises:
        UnreadableInputError: there are fewer sentences of different text than parts to fill, or the train rows hold
            fewer than two tags.
        ValueError: a tag is none of the dataset's.
    """
    is_allowed = dataset.find_allowed_labels(raw[dataset.label])
    if not is_allowed.all():
        row = raw.iloc[int(np.argmin(is_allowed))]
        raise ValueError(
            f"{dataset.name}: row {row['row_id']!r} has {dataset.label} {row[dataset.label]!r}, "
            f"expected one of {dataset.allowed_labels}"
        )
    split = raw["part"].astype(object).map(_SPLIT_OF_PART).to_numpy(dtype=object)
    kept = np.flatnonzero(_draw_sentences(raw, split == TRAIN, max_sentences, seed=seed))
    table = raw.iloc[kept].reset_index(drop=True)
    split = split[kept]
    notes = []
    if max_sentences is not None:
        notes.append(f"the train part is a sample of at most {max_sentences:,} sentences, alike in every genre")

    rows = np.flatnonzero(split == TRAIN)
    shares = {TEST: test_fraction, VALIDATION: validation_fraction}
    aside = {name: share for name, share in shares.items() if share > 0 and not (split == name).any()}
    split[rows], train_folds, said = _divide_train_file(dataset, table.iloc[rows], aside, folds=folds, seed=seed)
    fold = np.full(len(table), NO_FOLD, dtype=np.int16)
    fold[rows] = train_folds
    notes += said

    built = table[[*KEPT_COLUMNS, *dataset.carried_columns]].copy()
    built["given_label"] = pd.Categorical(table[dataset.label], categories=list(dataset.class_names))
    built["split"] = pd.Categorical(split, categories=list(SPLITS))
    built["fold"] = fold
    rare_tags = _describe_rare_tags(built, dataset)
    learnt = built.loc[split == TRAIN, "given_label"]
    if learnt.nunique() < 2:  # noqa: PLR2004 - one tag leaves nothing to learn
        raise UnreadableInputError(
            f"{dataset.name}: found the tag {quote(str(learnt.iloc[0]))} alone in the {len(learnt):,} train rows, "
            "expected at least two tags"
        )
    notes += _describe_shared_sentences(built)
    return TrainingSet(table=built, notes=(*notes, *rare_tags), small_classes=tuple(rare_tags))


def validation_rows(training_set: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that choose between variants, in source order, renumbered from 0."""
    return training_set[training_set["split"] == VALIDATION].reset_index(drop=True)


def _draw_sentences(raw: pd.DataFrame, is_train: np.ndarray, max_sentences: int | None, *, seed: int) -> np.ndarray:
    """Return which rows stay: all but those of train sentences that are not in the sample."""
    if max_sentences is None:
        return np.ones(len(raw), dtype=bool)
    numbers, _ = pd.factorize(raw["sentence_id"])
    train, first = np.unique(numbers[is_train], return_index=True)
    genres = raw.loc[is_train, "genre"].cat.codes.to_numpy()[first]
    if len(np.unique(genres)) > max_sentences:  # documents of a genre each
        genres = np.zeros_like(genres)
    drawn = train[draw_stratified_sample(genres, max_sentences, seed=seed)]
    kept: np.ndarray = ~is_train | np.isin(numbers, drawn)
    return kept


@dataclass(frozen=True)
class _Division:
    """The train file divided: split and fold of each row (-1 on rows put aside), and whether all parts are filled."""

    split: np.ndarray
    fold: np.ndarray
    is_filled: bool


def _divide_train_file(
    dataset: Dataset, table: pd.DataFrame, aside: Mapping[str, float], *, folds: int, seed: int
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return split and fold of each row of the train file, and what is to be told of how it was divided.

    Args:
        dataset: the catalogue entry.
        table: the rows of the train file.
        aside: the share of each part that is put aside.
        folds: number of folds of the others.
        seed: seed of the division.
    """
    documents, sentences = (
        pd.factorize(table[name].astype(str))[0].astype(np.int64) for name in ("document", "sentence")
    )
    genres = table["genre"].cat.codes.to_numpy(dtype=np.int64)
    is_named = (table["document"].astype(str) != "").to_numpy()
    ways = [(sentences, genres, "sentences", 0.0), (sentences, np.zeros_like(genres), "sentences", 0.0)]
    if is_named.all():
        by_document = [(documents, strata, "documents", LEAST_OF_SHARE) for strata in (genres, np.zeros_like(genres))]
        ways = by_document + ways
    for groups, strata, kind, least in ways:
        found = _divide(groups, strata, aside, folds=folds, seed=seed, least=least)
        if found.is_filled:
            notes = [f"there is no file of {name} rows: {kind} of the train file were put aside" for name in aside]
            if is_named.any() and kind != "documents":
                notes.append(_say_why_not_by_document(table, is_named, _say_parts(aside, folds)))
            return found.split, found.fold, notes
    raise UnreadableInputError(
        f"{dataset.name}: found {sentences.max(initial=-1) + 1:,} sentences of different text to train on, expected at "
        f"least {folds + len(aside)}, one for each of {_say_parts(aside, folds)}, and more where they are of unequal "
        "length: add sentences, or ask for fewer folds (--folds)"
    )


def _say_why_not_by_document(table: pd.DataFrame, is_named: np.ndarray, parts: str) -> str:
    n_documents = table.loc[is_named, "document"].nunique()
    why = (
        f"the train file names {n_documents:,} document{'s' * (n_documents != 1)}, too few or too unequal for {parts}"
        if is_named.all()
        else f"{table.loc[~is_named, 'sentence_id'].nunique():,} sentences of the train file name no document"
    )
    return f"{why}: sentences are divided, so that those of one document lie in several parts"


def _divide(
    groups: np.ndarray, strata: np.ndarray, aside: Mapping[str, float], *, folds: int, seed: int, least: float
) -> _Division:
    """Divide rows into parts put aside, alike in every stratum, and folds, each group whole in one part.

    Filled is a part that has more than ``least`` of its share of the rows.
    """
    split = np.full(len(groups), TRAIN, dtype=object)
    fold = np.full(len(groups), NO_FOLD, dtype=np.int16)
    is_filled = len(groups) > 0
    for name, share in aside.items():
        rows = np.flatnonzero(split == TRAIN)
        is_aside = divide_rows(strata[rows], groups[rows], [share, 1 - share], seed=seed + len(name)) == 0
        is_filled &= bool(is_aside.sum() > least * share * len(rows))
        split[rows[is_aside]] = name
    rows = np.flatnonzero(split == TRAIN)
    # Documents are dealt out whatever their genre: a genre may have fewer documents than there are folds.
    fold[rows] = divide_rows(np.zeros_like(rows), groups[rows], [1 / folds] * folds, seed=seed + 1)
    sizes = np.bincount(fold[rows], minlength=folds)
    is_filled &= bool((sizes > least * len(rows) / folds).all())
    return _Division(split, fold, is_filled)


def _say_parts(aside: Mapping[str, float], folds: int) -> str:
    parts = [*(f"{name} rows" for name in aside), f"{folds} folds"]
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if aside else parts[-1]


def _describe_shared_sentences(table: pd.DataFrame) -> list[str]:
    """Say how many sentences that are kept aside have the words of a train sentence, which a model may have learnt."""
    sentences = table[table["position"] == 1]
    known = set(sentences.loc[sentences["split"] == TRAIN, "sentence"])
    notes = []
    for name in (VALIDATION, TEST):
        aside = sentences.loc[sentences["split"] == name, "sentence"]
        if n_shared := int(aside.isin(known).sum()):
            notes.append(f"{n_shared:,} of {len(aside):,} {name} sentences have the words of a train sentence")
    return notes


def _describe_rare_tags(table: pd.DataFrame, dataset: Dataset) -> list[str]:
    has_test_rows = bool((table["split"] == TEST).any())
    counts, present = count_rows_of_classes(table, dataset), set(table["given_label"].astype(str))
    absent = [str(name) for name in counts.index if name not in present]
    notes = [f"no row has the tag{'s' * (len(absent) > 1)} {', '.join(absent)}"] if absent else []
    for name, found in counts.drop(index=absent).iterrows():
        if found["folds"] == 0:
            notes.append(f"tag {name!r} has no train row")
        elif found["folds"] == 1:
            notes.append(f"the train rows of tag {name!r} are all in one fold: its model never saw the tag")
        if found["test"] == 0 and has_test_rows:
            notes.append(f"tag {name!r} has no test row: test metrics say nothing about it")
    return notes


CONFUSED_MODEL = "logistic_regression"
"""The model whose confusion structure errors are planted by."""


class TrainingSetSettings(Settings):
    """Which sentences are audited, how they are divided, and which tag errors are planted."""

    max_sentences: int | None = Field(
        None, ge=20, le=100_000_000, description="Random sample of the train sentences, alike by genre; all if absent."
    )
    validation_fraction: float | None = Field(
        None,
        ge=0.05,
        le=0.4,
        description="Share of the train tokens that validate, where there is no dev file: 0.1 if absent, none where "
        "the dataset brings predictions along and no test file.",
    )
    test_fraction: float | None = Field(
        None,
        ge=0.0,
        le=0.4,
        description="Share of the train tokens kept for testing, where there is no test file: 0.2 if absent, none "
        "where the dataset brings predictions along. Without test rows no variants are compared.",
    )
    folds: int = Field(5, ge=2, le=20, description="Folds of the cross-validation on the train rows, by document.")
    seed: int = Field(42, ge=0, le=1_000_000, description="Seed of everything random in the chain.")
    planted_error_fraction: float = Field(
        0.0, ge=0.0, le=0.5, description="Share of the train tags made wrong on purpose, to measure detection."
    )
    planted_error_kind: Literal["uniform", "model_confusion"] = Field(
        "uniform", description="Any other tag, or a tag that the logistic regression confuses with the right one."
    )

    def shares_aside(self, dataset: Dataset) -> dict[str, float]:
        """Return the shares of a dataset's train tokens to put aside."""
        makes_comparison = dataset.makes_comparison if self.test_fraction is None else self.test_fraction > 0
        keeps_rows = makes_comparison or "test" in dataset.parts
        said = {"validation_fraction": self.validation_fraction, "test_fraction": self.test_fraction}
        defaults = {"validation_fraction": VALIDATION_FRACTION, "test_fraction": TEST_FRACTION}
        return {
            name: share if share is not None else defaults[name] if keeps_rows else 0.0 for name, share in said.items()
        }


@step(
    "pandas",
    level=DATASET,
    code_version="3",
    facts=TrainingSetFacts,
    contract=TableContract(
        "TokenTrainingSet",
        "Tokens under audit with their sentence, given tag, split and fold (-1 on rows that are kept aside).",
        (
            ROW_ID,
            *filled("sentence_id", "sentence", "token"),
            count("position", 1),
            GIVEN_LABEL,
            SPLIT,
            FOLD,
        ),
    ),
    settings=TrainingSetSettings,
)
def training_set(context: StepContext, settings: TrainingSetSettings, raw_dataset: RawDatasetTable) -> TrainingSetTable:
    """The tokens under audit: an optional sample of sentences, the split by file, and folds of whole documents.

    Models learn from the train file, the dev file chooses between variants, the test file compares them; the tags of
    all are audited. Tag errors can be planted in the train rows to measure how well they are found; other tags are
    never touched.
    """
    built = build_token_training_set(
        raw_dataset.value,
        context.dataset,
        max_sentences=settings.max_sentences,
        **settings.shares_aside(context.dataset),
        folds=settings.folds,
        seed=settings.seed,
    )
    table = built.table
    if settings.planted_error_fraction > 0:
        build = context.pipeline_factory(settings.seed, {}, model=CONFUSED_MODEL)
        rows, seed = train_rows(table), settings.seed
        codes = encode_labels(rows["given_label"])
        confusion = uniform_confusion(len(context.dataset.class_names))
        if settings.planted_error_kind == "model_confusion":
            confusion = measure_confusion(rows, codes, build=build, seed=seed)
        fraction = settings.planted_error_fraction
        planted = plant_label_errors(codes, fraction=fraction, confusion=confusion, seed=seed)
        labels = decode_labels(planted.labels, rows["given_label"])
        table = put_planted_errors(table, planted, labels, fraction=fraction)
    facts = TrainingSetFacts(
        seed=settings.seed,
        folds=settings.folds,
        notes=[*raw_dataset.facts.notes, *built.notes],
        small_classes=list(built.small_classes),
    )
    columns = ("row_id", "token", "given_label", "split", "fold", "sentence")
    return store_training_set(table, facts, columns=columns, show=_show_sizes)


def _show_sizes(table: pd.DataFrame) -> dict[str, Shown]:
    balance = pd.crosstab(table["given_label"], table["split"]).reset_index().astype({"given_label": str})
    return {
        "train_sentences": int(table.loc[table["split"] == TRAIN, "sentence_id"].nunique()),
        "class_balance": TableView(balance, len(balance)),
    }
