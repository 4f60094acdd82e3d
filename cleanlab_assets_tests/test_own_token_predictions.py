"""Predictions of the user's own for tagged tokens: arrays and tables of any order, and the audit that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import AuditRun, UnknownResultError
from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.errors import UnreadableInputError
from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets.families.chain import checks_of
from cleanlab_assets.families.registry import family_of
from cleanlab_assets.families.step import StepContext
from cleanlab_assets.models.catalogue import models_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cleanlab_assets.families.step import CheckResult

TAGS = ("B", "I", "O")
SIZES = np.random.default_rng(0).integers(2, 7, 80)
N_TOKENS, N_WRONG = int(SIZES.sum()), 9
WHY_NOT = "the predictions are your own, so that no model is fitted"


def make_tokens() -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Return words, given tags as codes, honest probabilities, and the positions of the wrong tags."""
    rng = np.random.default_rng(1)
    truth, wrong = rng.integers(3, size=N_TOKENS), rng.choice(N_TOKENS, N_WRONG, replace=False)
    given = truth.copy()
    given[wrong] = (truth[wrong] + 1) % 3
    probabilities = np.full((N_TOKENS, 3), 0.1) + rng.uniform(0, 0.01, (N_TOKENS, 3))
    probabilities[np.arange(N_TOKENS), truth] += 0.7
    words = [f"{'bio'[code]}{number % 17}" for number, code in enumerate(truth)]
    return words, given, probabilities / probabilities.sum(axis=1, keepdims=True), wrong


def split(values: np.ndarray) -> list[np.ndarray]:
    return np.split(values, np.cumsum(SIZES)[:-1])


def tabulate(*, sentence: str = "number", by_place: bool = False) -> pd.DataFrame:
    """Return the honest predictions as a table whose sentences and tokens are named in one of two ways."""
    words, _, probabilities, _ = make_tokens()
    owners, starts = np.repeat(np.arange(len(SIZES)), SIZES), np.cumsum(SIZES) - SIZES
    lines = np.arange(N_TOKENS) + owners + 1
    place = np.arange(N_TOKENS) - starts[owners] + 1
    names = {"number": owners + 1, "id": [f"train.txt:{lines[starts[owner]]}" for owner in owners]}[sentence]
    table = pd.DataFrame({"sentence": names, "token": place if by_place else words})
    return table.assign(**{tag: probabilities[:, code] for code, tag in enumerate(TAGS)})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset of tagged tokens in a data directory, without its predictions."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/words"
    folder.mkdir(parents=True)
    words, given, _, _ = make_tokens()
    lines = [f"{word} {TAGS[code]}" for word, code in zip(words, given, strict=True)]
    text = "\n\n".join("\n".join(part) for part in split(np.array(lines)))
    (folder / "train.txt").write_text(f"{text}\n", encoding="utf-8")
    return folder


def describe(folder: Path, file: str, said: str = "") -> None:
    text = 'family = "token_classification"\nformat = "conll2003"\nclass_names = ["B", "I", "O"]\n'
    text += f'[files]\ntrain = "train.txt"\n[predictions]\nfile = "{file}"\n{said}'
    (folder / "dataset.toml").write_text(text, encoding="utf-8")


def audit(folder: Path, model: str = "own_predictions") -> AuditRun:
    dataset = find_own_datasets(folder.parent)["words"]
    if not isinstance(dataset, Dataset):
        raise dataset
    settings = {"training_set": {"folds": 3}}
    return AuditRun(
        family="token_classification", model=model, dataset=dataset, columns={}, notes=(), settings=settings
    )


def judge(run: AuditRun, name: str) -> CheckResult:
    check = next(check for check in checks_of(family_of(run.family)) if check.name == name)
    context = StepContext(family=run.family, dataset=run.dataset, model=run.model, data_dir=__file__)  # type: ignore[arg-type]
    return check.run(context, **{step: run.result(step) for step in check.inputs})


def write_arrays(path: Path, arrays: list[np.ndarray]) -> None:
    np.savez(path, *arrays)


WAYS: dict[str, Callable[[Path], None]] = {
    "sentences.npz": lambda path: write_arrays(path, split(make_tokens()[2])),
    "tokens.npy": lambda path: np.save(path, make_tokens()[2]),
    "tokens.npz": lambda path: write_arrays(path, [make_tokens()[2]]),
    "numbers.csv": lambda path: tabulate().to_csv(path, index=False),
    "ids.parquet": lambda path: tabulate(sentence="id").to_parquet(path),
    "places.csv": lambda path: tabulate(by_place=True).sample(frac=1, random_state=0).to_csv(path, index=False),
    "shuffled.csv": lambda path: (
        tabulate(sentence="id")[["O", "I", "B", "token", "sentence"]]
        .sort_values("sentence", kind="stable", ascending=False)
        .to_csv(path, index=False)
    ),
}


@pytest.mark.parametrize("file", WAYS)
def test_predictions_are_those_of_their_tokens_whatever_their_form(folder: Path, file: str) -> None:
    WAYS[file](folder / file)
    describe(folder, file)
    table = audit(folder).result("predictions").value
    lines = table["row_id"].str.rpartition(":")[2].astype(int).to_numpy()
    assert (np.diff(lines) > 0).all()
    found = table[[f"probability_{tag}" for tag in TAGS]].to_numpy()
    np.testing.assert_allclose(found, make_tokens()[2], rtol=1e-5)


def test_everything_but_comparison_and_final_model_follows_from_them(folder: Path) -> None:
    write_arrays(folder / "p.npz", split(make_tokens()[2]))
    describe(folder, "p.npz")
    run = audit(folder)
    wrong = make_tokens()[3]
    training_set = run.result("training_set")
    assert set(training_set.value["split"]) == {"train"}, "no row is kept for testing"
    worst = run.label_issues.sort_values("rank")["row_id"].head(N_WRONG)
    assert set(worst) == set(training_set.value["row_id"].iloc[wrong])
    sentences = run.result("sentence_issues").value.sort_values("rank")["sentence_id"].astype(str)
    owners = training_set.value["sentence_id"].astype(str).iloc[wrong]
    assert set(sentences.head(owners.nunique())) == set(owners)
    assert len(run.result("common_errors").value)
    assert run.comparison.verdict == "not compared"
    assert run.facts.why_not_compared == WHY_NOT
    assert f"does cleaning help? not compared: {WHY_NOT}" in str(run).splitlines()
    assert "taken for the classes B, I, O, in this order" in run.report().content
    with pytest.raises(UnknownResultError, match="own_predictions is not fitted: there is nothing to retrain"):
        run.result("retrained_model")
    assert "not measured" in judge(run, "detection_power").description
    for name in ("predictions_are_out_of_sample", "probabilities_are_valid", "no_sentence_in_two_parts"):
        assert judge(run, name).passed, name
    assert "own_predictions" in models_for(run.family, run.dataset)


def test_predictions_that_repeat_the_given_tags_look_in_sample(folder: Path) -> None:
    np.save(folder / "p.npy", np.eye(3)[make_tokens()[1]])
    describe(folder, "p.npy")
    run = audit(folder)
    assert not judge(run, "predictions_are_out_of_sample").passed
    assert str(run).splitlines()[1].startswith("warning: the predictions look in-sample")
    assert "the predictions look in-sample" in run.report().content


def test_another_model_is_audited_beside_them_without_seeing_them(folder: Path) -> None:
    np.save(folder / "p.npy", make_tokens()[2])
    describe(folder, "p.npy")
    run = audit(folder, "logistic_regression")
    assert run.comparison.why_not == "no test rows are kept"
    assert not [name for name in run.label_issues if "own_prediction" in str(name)]


def test_the_order_of_the_classes_can_be_said(folder: Path) -> None:
    np.save(folder / "p.npy", make_tokens()[2][:, ::-1])
    describe(folder, "p.npy", 'class_names = ["O", "I", "B"]')
    table = audit(folder).result("predictions").value
    np.testing.assert_allclose(table["probability_B"], make_tokens()[2][:, 0], rtol=1e-5)


def test_probabilities_that_nearly_sum_to_one_are_divided_and_it_is_said(folder: Path) -> None:
    np.save(folder / "p.npy", make_tokens()[2] * 1.0005)
    describe(folder, "p.npy")
    run = audit(folder)
    said = f"p.npy: the probabilities of {N_TOKENS:,} rows were divided by their sum"
    assert any(said in note for note in run.facts.notes)


def change(row: int, column: str, value: str) -> pd.DataFrame:
    table = tabulate().astype({"token": object, "sentence": object})
    table.loc[row, column] = value
    return table


def arrays(change_of: Callable[[list[np.ndarray]], list[np.ndarray]]) -> Callable[[Path], None]:
    return lambda path: write_arrays(path, change_of(split(make_tokens()[2])))


FIRST, SECOND = int(SIZES[0]), int(SIZES[1])
WRONG: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a token less": (
        "p.npz",
        arrays(lambda given: [given[0], given[1][1:], *given[2:]]),
        rf"array 'arr_1': found the shape \({SECOND - 1}, 3\), expected \({SECOND}, 3\): the tokens of sentence "
        rf"'train\.txt:{FIRST + 2}', which begins in train\.txt:{FIRST + 2}",
    ),
    "a class less": ("p.npz", arrays(lambda given: [one[:, :2] for one in given]), r"\(\d, 2\), expected \(\d, 3\)"),
    "a sentence less": ("p.npz", arrays(lambda given: given[:-1]), "found 79 arrays, expected 80, one for each"),
    "rows less": (
        "p.npy",
        lambda path: np.save(path, make_tokens()[2][1:]),
        f"found {N_TOKENS - 1:,} rows, expected {N_TOKENS:,}",
    ),
    "no number": (
        "p.npy",
        lambda path: np.save(path, np.where(np.arange(N_TOKENS)[:, None] == 1, np.nan, make_tokens()[2])),
        r"p\.npy, train\.txt:2, column 1: found nan, expected a finite number",
    ),
    "no distribution": (
        "p.npy",
        lambda path: np.save(path, make_tokens()[2] * 0.9),
        r"p\.npy, train\.txt:1: the probabilities sum to 0\.9, expected 1",
    ),
    "no column": (
        "p.csv",
        lambda path: tabulate().drop(columns="token").to_csv(path, index=False),
        r"p\.csv: found no column 'token': it has sentence, B, I, O, expected sentence, token and one for each class",
    ),
    "another class": (
        "p.csv",
        lambda path: tabulate().rename(columns={"O": "X"}).to_csv(path, index=False),
        "found the columns B, I, X, expected one for each of the 3 classes",
    ),
    "another word": (
        "p.csv",
        lambda path: change(1, "token", "spam").to_csv(path, index=False),
        r"p\.csv:3, column token: found 'spam', expected '\w+', the token of the source",
    ),
    "an unknown sentence": (
        "p.csv",
        lambda path: change(0, "sentence", "s1").to_csv(path, index=False),
        r"p\.csv:2, column sentence: found 's1', expected the id of a sentence, such as 'train\.txt:1', or its number",
    ),
    "a row less": (
        "p.csv",
        lambda path: tabulate().iloc[1:].to_csv(path, index=False),
        rf"found {FIRST - 1} rows of sentence 'train\.txt:1', expected {FIRST}, one for each token; so it is with 1 s",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_predictions_that_do_not_fit_the_tokens_are_named(folder: Path, fault: str) -> None:
    file, write, message = WRONG[fault]
    write(folder / file)
    describe(folder, file)
    with pytest.raises(UnreadableInputError, match=message):
        audit(folder).result("raw_dataset")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ('id = "x"', "predictions.id: found 'x', expected none: tokens are found by the columns sentence and token"),
        ('class_names = ["B", "I"]', "predictions.class_names: found B, I, expected each of the possible tags once"),
        ('files = "x"', "predictions.files: Extra inputs are not permitted"),
    ],
)
def test_what_may_not_be_said_of_them_is_named(folder: Path, said: str, message: str) -> None:
    describe(folder, "p.npy", said)
    with pytest.raises(UnreadableInputError) as caught:
        audit(folder)
    assert message in str(caught.value)


def test_a_form_that_takes_no_predictions_refuses_them(folder: Path) -> None:
    describe(folder, "p.npy")
    text = (folder / "dataset.toml").read_text(encoding="utf-8")
    text = text.replace("conll2003", "coco").replace("token_classification", "object_detection")
    (folder / "dataset.toml").write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableInputError, match="predictions: found this section, which coco does not read"):
        audit(folder)
