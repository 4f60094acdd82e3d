from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.orchestration.datasets import all_datasets, forget_datasets
from cleanlab_assets_tests.datasets.test_broken_datasets import write_fault
from cleanlab_assets_tests.datasets.test_own_encodings import FORMS, write

if TYPE_CHECKING:
    from cleanlab_assets_tests.cli.conftest import AuditedHome, Home

CLOSED_PORT = "http://127.0.0.1:9"


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Failed downloads are tried again at once."""
    monkeypatch.setattr("cleanlab_assets.datasets.download.time.sleep", lambda _: None)


def test_the_list_shows_what_is_audited(audited_home: AuditedHome) -> None:
    printed = audited_home.run("list")
    assert printed.exit_code == ExitCode.FINE, printed.output
    rows = {name: next(line for line in printed.stdout.splitlines() if f"│ {name}" in line) for name in all_datasets()}
    assert "logistic_regression" in rows["breast_cancer"]
    assert "embedded" in rows["breast_cancer"]
    assert "logistic_regression" not in rows["digits"]
    assert "download" in rows["adult_income"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("diabetes", ["rows: 442", "models: extra_trees", "licence:", "label: progression: whole numbers", "│ bmi"]),
        ("adult_income", ["adult.data", "(missing)", "from https://", "SHA-256", "split: at random, equal rows"]),
        ("bike_sharing", ["split: by time (instant)"]),
        ("ud_english_ewt", ["split: by file (train, dev, test)"]),
        ("knn", ["tasks: classification"]),
        ("regression", ["outlier_detectors.budgets", "near_duplicates_across_splits", "comparison_report", "ridge"]),
    ],
)
def test_a_dataset_a_model_and_a_family_are_described(name: str, told: list[str], home: Home) -> None:
    printed = home.run("describe", name)
    assert printed.exit_code == ExitCode.FINE, printed.output
    assert [text for text in told if text not in printed.stdout] == []


def test_an_unknown_name_is_wrong_use_that_lists_all_names(home: Home) -> None:
    printed = home.run("describe", "iris")
    assert printed.exit_code == ExitCode.WRONG_USE
    for name in ("breast_cancer", "knn", "regression"):
        assert name in printed.stderr


def test_an_embedded_dataset_is_verified_where_it_lies(home: Home) -> None:
    printed = home.run("download-data", "diabetes")
    assert printed.exit_code == ExitCode.FINE, printed.output
    lines = printed.stdout.strip().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("diabetes: /") and line.endswith("bytes, verified") for line in lines)
    assert not (home.path / "data").exists()


def test_an_unknown_dataset_cannot_be_downloaded(home: Home) -> None:
    printed = home.run("download-data", "iris")
    assert printed.exit_code == ExitCode.WRONG_USE
    assert printed.stderr.strip().endswith(", all")


@pytest.mark.usefixtures("no_waiting")
def test_each_dataset_that_cannot_be_reached_is_told_in_its_own_line_and_the_others_are_verified(home: Home) -> None:
    printed = home.run("download-data", "all", HTTPS_PROXY=CLOSED_PORT, https_proxy=CLOSED_PORT)
    assert printed.exit_code == ExitCode.RUN_FAILED, printed.output
    embedded = {name for name, dataset in all_datasets().items() if dataset.is_embedded}
    assert {line.partition(":")[0] for line in printed.stdout.strip().splitlines()} == embedded
    errors = [line for line in printed.stderr.splitlines() if not line.startswith("  ")]
    assert errors.pop() == f"error: {len(errors)} of {len(all_datasets())} datasets are incomplete"
    absent = sorted(set(all_datasets()) - embedded)
    assert len(errors) == len(absent)
    for name, line in zip(absent, errors, strict=True):
        assert line.startswith("error: cannot download ")
        assert str(home.path / "data" / name) in line, "it says where to put the file by hand"


def test_a_dataset_that_cannot_be_described_stops_only_commands_that_name_it(home: Home) -> None:
    (home.path / "data").mkdir()
    write_fault(home.path / "data", "latin_1")
    forget_datasets()
    try:
        listed = home.run("list")
        assert listed.exit_code == ExitCode.FINE, listed.output
        assert "latin_1" in listed.stdout
        assert "whichisnotUTF-8" in re.sub(r"[\s│]", "", listed.stdout), "the cells of the table are folded"
        assert home.run("describe", "digits").exit_code == ExitCode.FINE
        for command in ("describe latin_1", "run -d latin_1", "sweep latin_1", "gate -d latin_1"):
            ended = home.run(*command.split())
            assert ended.exit_code == ExitCode.WRONG_USE, command
            (line,) = ended.stderr.splitlines()
            assert "latin_1/examples.csv, line 1, byte offset 10: found the byte 0xf6, which is not UTF-8" in line
    finally:
        forget_datasets()


@pytest.mark.parametrize(
    ("form", "split"),
    [
        ("coco", "at random, equal rows together"),
        ("voc", "at random, equal rows together"),
        ("mask_pairs", "at random, equal rows together"),
        ("conll2003", "at random, whole documents or equal sentences together"),
    ],
)
def test_files_and_folders_of_the_users_own_are_told_where_they_are_and_absent_ones_as_missing(
    home: Home, form: str, split: str
) -> None:
    folder = write(home.path / "data", form, "latin-1", stated="latin-1")
    forget_datasets()
    try:
        told = home.run("describe", "mine").stdout.splitlines()
        assert f"split: {split}" in told
        assert "encoding: latin-1, where no byte order mark says another" in told
        files = FORMS[form].files.values()
        assert [f"{name}: {folder / name}, any content" in told for name in files] == [True] * len(files)
        for name in files:
            (folder / name).rename(folder / f"no_{name}")
        told = home.run("describe", "mine").stdout.splitlines()
        assert [f"{name}: {folder / name} (missing), any content" in told for name in files] == [True] * len(files)
        asked = home.run("download-data", "mine")
        assert asked.exit_code == ExitCode.WRONG_USE
        assert f"{folder / next(iter(files))} does not exist: put the" in asked.stderr
        assert "catalogue" not in asked.stderr
    finally:
        forget_datasets()


def test_the_split_of_own_files_is_by_file_where_they_are_its_parts(home: Home) -> None:
    folder = write(home.path / "data", "conll2003", "utf-8")
    description = folder / "dataset.toml"
    description.write_text(description.read_text() + 'test = "e.txt"\n')
    forget_datasets()
    try:
        assert "split: by file (train, test)" in home.run("describe", "mine").stdout.splitlines()
    finally:
        forget_datasets()
