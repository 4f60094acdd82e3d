"""`cleanlab-demo audit`: a table of the user's own becomes a dataset of the catalogue, and is audited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from cleanlab_assets import audit
from cleanlab_assets.cli.terminal import ExitCode
from cleanlab_assets.datasets.images import encode_png
from cleanlab_assets_tests.cli.conftest import FAST, LEAN
from cleanlab_assets_tests.datasets.source_server import Reply, run_source_server

if TYPE_CHECKING:
    from cleanlab_assets_tests.cli.conftest import Home

CLASSES = np.array(["billing", "delivery", "other"])
WORDS = (("invoice", "money", "paid"), ("parcel", "door", "late"), ("login", "password", "page"))


def write_tickets(path: Path, n_rows: int = 240) -> list[str]:
    """Write tickets whose features tell their class; return the row ids of those that are given another one."""
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=n_rows)
    wrong = rng.choice(n_rows, size=12, replace=False)
    given = truth.copy()
    given[wrong] = (truth[wrong] + 1) % 3
    table = pd.DataFrame(
        {
            "ticket": [f"T{number * 7919 % 1000:04}" for number in range(n_rows)],
            "amount": (truth * 4 + rng.normal(size=n_rows)).round(2),
            "channel": np.array(["mail", "phone", "web"])[(truth + (rng.random(n_rows) < 0.1)) % 3],
            "country": "NL",
            "opened": pd.date_range("2024-01-29", periods=n_rows, freq="5h").strftime("%d.%m.%Y %H:%M"),
            "note": [" ".join([*rng.choice(WORDS[code], 3), f"please help {row}"]) for row, code in enumerate(truth)],
            "category": CLASSES[given],
        }
    )
    table.to_csv(path, index=False, sep=";", decimal=",")
    return [f"{path.name}:{row + 2}" for row in sorted(wrong.tolist())]


def test_a_file_is_audited_by_one_command_and_is_a_dataset_from_then_on(home: Home) -> None:
    wrong = write_tickets(home.path / "tickets.csv")

    audited = home.run_process("cleanlab-demo", "audit", "tickets.csv", "--label", "category", *LEAN, "-o", "out.json")

    assert audited.returncode == ExitCode.FINE, audited.stderr
    assert "country" in audited.stdout
    assert "it has one value only, 'NL'" in audited.stdout
    assert f"description: {home.path}/data/tickets/dataset.toml" in audited.stdout
    result = json.loads((home.path / "out.json").read_text(encoding="utf-8"))
    issues = pd.read_parquet(result["assets"]["label_issues"]["path"]).sort_values("rank")
    assert len(issues) == 240, "every row is audited"
    assert len(set(issues["row_id"].head(len(wrong))) & set(wrong)) >= len(wrong) - 1, "the wrong labels rank first"
    tickets = pd.read_csv(home.path / "tickets.csv", sep=";")["ticket"]
    lines = issues["row_id"].str.rpartition(":")[2].astype(int)
    assert issues["own_id"].tolist() == tickets.iloc[lines - 2].tolist()

    in_memory = audit(
        pd.read_csv(home.path / "tickets.csv", sep=";", decimal=","),
        label="category",
        model=result["model"],
        settings={"training_set.folds": 2},
    ).label_issues.sort_values("rank")
    same = [name for name in issues if name != "row_id"]
    pd.testing.assert_frame_equal(
        in_memory[same].reset_index(drop=True), issues[same].reset_index(drop=True), check_categorical=False
    )

    again = home.run("run", "-d", "tickets", *LEAN)
    assert again.exit_code == ExitCode.FINE, again.output
    assert "tickets: dataset level is up to date" in again.stdout
    assert "tickets" in home.run("list").stdout
    described = home.run("describe", "tickets")
    assert f"tickets.csv: {home.path}/tickets.csv" in described.stdout


def test_to_describe_only_writes_and_says_what_each_column_is_taken_for(home: Home) -> None:
    write_tickets(home.path / "tickets.csv")

    described = home.run("audit", str(home.path / "tickets.csv"), "-l", "category", "--describe-only")

    assert described.exit_code == ExitCode.FINE, described.output
    for column, kind in {"ticket": "id", "amount": "numeric", "opened": "date", "note": "text"}.items():
        assert any(column in line and f" {kind} " in line for line in described.stdout.splitlines()), column
    assert "task: classification, 3 different names" in described.stdout
    text = (home.path / "data/tickets/dataset.toml").read_text(encoding="utf-8")
    assert 'delimiter = ";" # a semicolon stands between fields' in text
    assert not home.artifacts.exists()

    changed = home.run("audit", str(home.path / "tickets.csv"), "--ignore", "note", "--describe-only")
    assert "columns.ignore: ['country', 'note'] (was ['country'])" in changed.stdout
    unchanged = home.run("audit", str(home.path / "tickets.csv"), "--describe-only")
    assert "dataset.toml, unchanged" in unchanged.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tickets.csv",), "say which column holds the label, by --label; it has ticket, amount"),
        (("tickets.csv", "-l", "kind"), "--label 'kind': tickets.csv has no such column"),
        (("tickets.csv", "-l", "category", "--task", "clustering"), "--task 'clustering': expected one of"),
        (("tickets.csv", "-l", "category", "--kind", "amount"), "--kind 'amount': expected COLUMN=KIND"),
        (("tickets.csv", "-l", "category", "--pred-probs", "none.npy"), "none.npy: does not exist"),
        (
            ("tickets.csv", "-l", "category", "--name", "My data"),
            "--name 'My data': expected up to 200 lower-case letters",
        ),
        (("tickets.csv", "-l", "category", "--name", "digits"), "digits is already the name of a dataset: name yours"),
        (("other.csv", "-l", "category"), "other.csv: does not exist"),
        ((".", "-l", "category"), "--label: a folder of pictures has its classes by its folders"),
        (("broken.csv", "-l", "category"), "broken.csv, line 3: found 3 fields, expected 2"),
    ],
)
def test_wrong_use_and_unreadable_files_end_with_their_code_and_leave_nothing(
    home: Home, arguments: tuple[str, ...], message: str
) -> None:
    write_tickets(home.path / "tickets.csv")
    (home.path / "broken.csv").write_text("a,category\n1,x\n1,x,2\n3\n", encoding="utf-8")
    file, *others = arguments

    ended = home.run("audit", str(home.path / file), *others)

    assert ended.exit_code == ExitCode.WRONG_USE
    assert message in ended.stderr
    assert "Traceback" not in ended.output
    assert not (home.path / "data").exists()


@pytest.mark.slow
def test_predictions_of_your_own_are_audited_and_gated_without_a_model(home: Home) -> None:
    """No model is fitted, and no asset of one is made; another model may be audited beside them."""
    wrong = write_tickets(home.path / "tickets.csv")
    table = pd.read_csv(home.path / "tickets.csv", sep=";", decimal=",")
    likely = [next(code for code, words in enumerate(WORDS) if note.split()[0] in words) for note in table["note"]]
    probabilities = np.full((len(table), 3), 0.1)
    probabilities[np.arange(len(table)), likely] = 0.8
    shuffled = (
        pd.DataFrame(probabilities, columns=CLASSES).assign(ticket=table["ticket"]).sample(frac=1, random_state=0)
    )
    shuffled.to_csv(home.path / "p.csv", index=False)
    arguments = ("-l", "category", "--pred-probs", "p.csv", "-o", "out.json")

    audited = home.run_process("cleanlab-demo", "audit", "tickets.csv", *arguments)

    assert audited.returncode == ExitCode.FINE, audited.stderr
    assert "does cleaning help? not compared: the predictions are your own" in audited.stdout
    result = json.loads((home.path / "out.json").read_text(encoding="utf-8"))
    assert result["model"] == "own_predictions"
    assert "retrained_model" not in result["assets"]
    issues = pd.read_parquet(result["assets"]["label_issues"]["path"]).sort_values("rank")
    assert set(issues["row_id"].head(len(wrong))) == set(wrong)
    gate = home.run_process("cleanlab-demo", "gate", "-d", "tickets")
    assert gate.returncode == ExitCode.FINE, gate.stderr
    again = home.run_process("cleanlab-demo", "run", "-d", "tickets")
    assert "tickets|own_predictions: model level is up to date" in again.stdout, again.stderr

    (home.path / "p.csv").write_text("ticket,billing,delivery,other\nT0000,1,0,0\n", encoding="utf-8")
    changed = home.run_process("cleanlab-demo", "run", "-d", "tickets")
    assert changed.returncode == ExitCode.WRONG_USE
    assert "p.csv: 239 rows of tickets.csv are absent" in changed.stderr.replace("\n", " ")


@pytest.mark.slow
def test_without_a_comparison_every_row_is_a_train_row(home: Home) -> None:
    write_tickets(home.path / "tickets.csv")
    arguments = ("-l", "category", "-m", "knn", "--no-comparison", "--no-datalab", "--folds", "2", "-o", "out.json")

    audited = home.run_process("cleanlab-demo", "audit", "tickets.csv", *arguments)

    assert audited.returncode == ExitCode.FINE, audited.stderr
    assert "does cleaning help? not compared: no test rows are kept" in audited.stdout
    result = json.loads((home.path / "out.json").read_text(encoding="utf-8"))
    assert set(pd.read_parquet(result["assets"]["label_issues"]["path"])["split"]) == {"train"}
    assert result["assets"]["retrained_model"], "the model is fitted on all rows"


def test_a_file_at_an_address_is_downloaded_verified_and_described(home: Home) -> None:
    write_tickets(home.path / "tickets.csv")
    content = (home.path / "tickets.csv").read_bytes()
    with run_source_server() as server:
        address = server.serve("/tickets.csv", Reply(body=content))
        described = home.run("audit", address, "-l", "category", "--describe-only")
        assert described.exit_code == ExitCode.FINE, described.output
        path = home.path / "data" / "tickets" / "dataset.toml"
        assert f'table = "{address}"' in path.read_text(encoding="utf-8")
        assert (path.parent / "tickets.csv").read_bytes() == content
        again = home.run("audit", address, "--ignore", "note", "--describe-only")
        assert "columns.ignore: ['country', 'note']" in again.stdout, again.output
        assert server.requests == ["/tickets.csv"], "it is downloaded once"

        wrong = home.run("audit", address, "-l", "category", "--sha256", "0" * 64, "--name", "other", "--describe-only")
        assert wrong.exit_code == ExitCode.WRONG_USE
        assert "expected SHA-256" in wrong.stderr
        absent = home.run("audit", f"{server.base_url}/absent.csv", "-l", "category")
        assert absent.exit_code == ExitCode.RUN_FAILED
        assert "HTTP 404" in absent.stderr
    assert not (home.path / "data" / "other" / "dataset.toml").exists()


def test_a_description_of_another_file_is_not_overwritten(home: Home) -> None:
    write_tickets(home.path / "tickets.csv")
    (home.path / "other").mkdir()
    write_tickets(home.path / "other" / "tickets.csv", 90)
    assert home.run("audit", str(home.path / "tickets.csv"), "-l", "category", "--describe-only").exit_code == 0

    ended = home.run("audit", str(home.path / "other" / "tickets.csv"), "-l", "category", "--describe-only")

    assert ended.exit_code == ExitCode.WRONG_USE
    assert f"describes other data, {home.path}/tickets.csv: name yours by --name" in ended.stderr


def write_pictures(root: Path, n_pictures: int = 90) -> set[str]:
    """Write pictures whose pattern tells their class; return the names of those that lie in the wrong folder."""
    rng = np.random.default_rng(0)
    down, across = np.indices((12, 12)) // 3 % 2 * 150
    names, wrong = ("across", "down"), set()
    for number in range(n_pictures):
        is_down = bool(rng.integers(2))
        is_wrong = number % 18 == 4
        folder = root / names[is_down != is_wrong]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (down if is_down else across) + rng.integers(0, 90, (12, 12))
        (folder / f"{number:03}.png").write_bytes(encode_png(pixels.astype(np.uint8)))
        if is_wrong:
            wrong.add(f"{folder.name}/{number:03}.png")
    return wrong


@pytest.mark.slow
def test_a_folder_of_pictures_is_audited_by_one_command(home: Home) -> None:
    wrong = write_pictures(home.path / "shots")

    audited = home.run_process("cleanlab-demo", "audit", "shots", *FAST, "--no-prune", "-o", "out.json")

    assert audited.returncode == ExitCode.FINE, audited.stderr
    assert "90 files" in audited.stdout
    result = json.loads((home.path / "out.json").read_text(encoding="utf-8"))
    issues = pd.read_parquet(result["assets"]["label_issues"]["path"]).sort_values("rank")
    assert set(issues["row_id"].head(len(wrong))) == wrong, "the wrong labels rank first"
    page = Path(result["assets"]["datalab_report"]["path"]).read_text(encoding="utf-8")
    assert page.count('class="thumbnail"') >= len(wrong)


def test_options_of_tables_do_not_go_with_a_folder(home: Home) -> None:
    write_pictures(home.path / "shots", n_pictures=4)
    refused = home.run("audit", str(home.path / "shots"), "--label", "class")
    assert refused.exit_code == ExitCode.WRONG_USE
    assert "--label: a folder of pictures has its classes by its folders" in " ".join(refused.stderr.split())


def test_a_folder_that_was_described_is_brought_up_to_date_and_another_one_refused(home: Home) -> None:
    for name in ("shots", "other"):
        write_pictures(home.path / name, n_pictures=6)
    first = home.run("audit", str(home.path / "shots"), "--describe-only")
    assert first.exit_code == ExitCode.FINE, first.stderr
    again = home.run("audit", str(home.path / "shots"), "--describe-only", "--picture-encoder", "resnet18")
    assert "options.picture_encoder: 'resnet18' (was 'patches')" in again.stdout
    third = home.run("audit", str(home.path / "other"), "--describe-only", "--name", "shots")
    assert third.exit_code == ExitCode.WRONG_USE
    assert "describes other data" in third.stderr


@pytest.mark.slow
def test_an_encoder_that_there_is_not_ends_the_run_with_one_line(home: Home) -> None:
    write_pictures(home.path / "shots", n_pictures=40)
    failed = home.run_process("cleanlab-demo", "audit", "shots", *LEAN, "--picture-encoder", "eyes")
    assert failed.returncode == ExitCode.WRONG_USE, failed.stdout + failed.stderr
    assert "encoder of pictures 'eyes': expected patches or resnet18" in " ".join(failed.stderr.split())


@pytest.mark.slow
def test_a_changed_picture_makes_the_audit_stale_and_a_new_class_is_refused(home: Home) -> None:
    write_pictures(home.path / "shots", n_pictures=40)
    home.run("audit", str(home.path / "shots"), "--describe-only")
    quick = ("cleanlab-demo", "run", "-d", "shots", "-m", "logistic_regression", *LEAN)
    assert home.run_process(*quick).returncode == ExitCode.FINE
    assert "dataset level is up to date" in home.run_process(*quick).stdout
    picture = next((home.path / "shots" / "down").glob("*.png"))
    picture.write_bytes(encode_png(np.zeros((9, 9), dtype=np.uint8)))
    assert "raw_dataset (shots has changed)" in home.run_process(*quick).stdout
    (home.path / "shots" / "aslant").mkdir()
    picture.rename(home.path / "shots" / "aslant" / picture.name)
    refused = home.run_process(*quick)
    assert refused.returncode == ExitCode.WRONG_USE
    assert "found the folder 'aslant', which is none of the class_names" in " ".join(refused.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kind", "category=text"), "--kind 'category': the column is the label, expected another one"),
        (("--text", "note", "--weight", "note"), "--kind 'note': the column is the weight, expected another one"),
        (("--ignore", "amount", "--weight", "amount"), "--ignore 'amount': the column is the weight, expected"),
        (("--weight", "note"), "--weight 'note': found values such as"),
        (
            ("--text-encoder", "words2vec"),
            "encoder of texts 'words2vec': expected tfidf, or sentence-",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused_before_anything_is_written(
    arguments: tuple[str, ...], message: str, home: Home
) -> None:
    write_tickets(home.path / "tickets.csv")
    ended = home.run("audit", str(home.path / "tickets.csv"), "-l", "category", *arguments, "--describe-only")
    assert ended.exit_code == ExitCode.WRONG_USE
    assert message in " ".join(ended.stderr.split())
    assert not (home.path / "data" / "tickets").exists()
