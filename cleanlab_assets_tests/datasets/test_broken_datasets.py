"""A dataset of the user's own that cannot be described concerns nobody but who asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.datasets.dataset import Dataset
from cleanlab_assets.datasets.descriptions import OwnDatasetError
from cleanlab_assets.datasets.own_datasets import find_own_datasets
from cleanlab_assets.definitions import build_definitions
from cleanlab_assets.orchestration.chain import build_family
from cleanlab_assets.orchestration.datasets import forget_datasets
from cleanlab_assets.orchestration.families import all_families
from cleanlab_assets.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PANEL = """
family = "multiannotator"
format = "annotations"
class_names = ["cat", "dog"]
[files]
labels = "labels.csv"
features = "examples.csv"
"""
WORDS = """
family = "token_classification"
format = "conllu"
[files]
train = "train.conllu"
"""
LABELS = b"example,annotator,label\na,x,cat\nb,x,dog\n"
NESTED = "options = " + "[" * 5000 + "]" * 5000

NOT_UTF_8 = (
    r"examples\.csv, line 1, byte offset 10: found the byte 0xf6, which is not UTF-8: state the encoding in data"
)

FAULTS: dict[str, tuple[str, bytes, str]] = {
    "latin_1": (PANEL, "example,größe\na,1\n".encode("latin-1"), NOT_UTF_8),
    "utf_16_without_mark": (PANEL, "example,size\na,1\n".encode("utf-16-le"), r'encoding = "utf-16-le"$'),
    "unknown_encoding": (
        'encoding = "latin-99"' + PANEL,
        b"",
        r"dataset\.toml: encoding: expected .*, found 'latin-99'",
    ),
    "encoding_of_no_text": ('encoding = "hex"' + PANEL, b"", r"dataset\.toml: encoding: expected .*, found 'hex'"),
    "class_twice": (PANEL.replace("dog", "cat"), b"", r"dataset\.toml: class_names: 'cat' stands there twice"),
    "option_twice": (
        PANEL + '[options]\ncategorical = ["size", "size"]\n',
        b"example,size\na,1\n",
        r"dataset\.toml: options\.categorical: 'size' stands there twice",
    ),
    "column_twice": (PANEL, b"example,size,size\na,1,2\n", r"line 1, column 3: column 2 is named 'size' too: rename"),
    **{
        f"column_{name}": (PANEL, f"example,{name}\na,1\n".encode(), rf"column 2: .* is named '{name}': rename yours")
        for name in ("row_id", "label", "annotator", "split", "rank", "given_label")
    },
    "long_name": (PANEL.replace("examples.csv", "x" * 300), b"", r"files\.features: .* a name of at most 255 bytes"),
    "nul_in_a_name": (PANEL.replace("examples.csv", r"a\u0000b.csv"), b"", r"dataset\.toml: .*null"),
    "list_for_a_text": (WORDS + "[options]\ntag_field = [1, 2]\n", b"", r"dataset\.toml: "),
    "deep_nesting": (NESTED, b"", r"dataset\.toml: is nested too deep"),
    "not_utf_8": (PANEL + "# größe", b"example,size\na,1\n", r"dataset\.toml"),
}


def write_fault(data_dir: Path, fault: str) -> Path:
    """Write a dataset with a fault into a data directory, and return its folder."""
    description, features, _ = FAULTS[fault]
    folder = data_dir / fault
    folder.mkdir()
    (folder / "dataset.toml").write_bytes(description.encode("latin-1" if fault == "not_utf_8" else "utf-8"))
    (folder / "examples.csv").write_bytes(features)
    return folder


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory that the catalogue reads, with one dataset that is fine."""
    folder = tmp_path / "pets"
    folder.mkdir()
    (folder / "dataset.toml").write_text(PANEL)
    (folder / "labels.csv").write_bytes(LABELS)
    (folder / "examples.csv").write_bytes(b"example,size\na,1\nb,2\n")
    monkeypatch.setenv("CLEANLAB_DEMO_DATA_DIR", str(tmp_path))
    forget_datasets()
    yield tmp_path
    forget_datasets()


@pytest.mark.parametrize("fault", FAULTS)
def test_the_reason_names_the_file_in_one_line_and_the_others_stay(data_dir: Path, fault: str) -> None:
    folder = write_fault(data_dir, fault)

    found = find_own_datasets(data_dir)

    assert isinstance(found["pets"], Dataset)
    error = found[fault]
    assert isinstance(error, OwnDatasetError)
    with pytest.raises(OwnDatasetError, match=FAULTS[fault][2]):
        raise error
    assert str(folder) in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 600


def test_a_folder_in_the_place_of_the_description_is_named(data_dir: Path) -> None:
    (data_dir / "odd" / "dataset.toml").mkdir(parents=True)
    error = find_own_datasets(data_dir)["odd"]
    assert str(error) == f"{data_dir / 'odd' / 'dataset.toml'} cannot be read: Is a directory"


def test_the_code_location_loads_and_the_web_ui_shows_the_reason(data_dir: Path) -> None:
    write_fault(data_dir, "latin_1")
    build_family.cache_clear()
    try:
        settings = Settings(_env_file=None, artifacts_dir=str(data_dir / "artifacts"), data_dir=data_dir)
        graph = build_definitions(settings).resolve_asset_graph()
        for family in all_families():
            shown = graph.get(family.key("raw_dataset")).metadata["left_out"]
            assert "which is not UTF-8" in str(shown)
            assert "latin_1" in str(shown)
    finally:
        build_family.cache_clear()
