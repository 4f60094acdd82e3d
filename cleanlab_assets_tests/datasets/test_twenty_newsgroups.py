"""Twenty newsgroups from an archive of a few posts in the layout of the source."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from cleanlab_assets.datasets.source_tables import SourceFormatError
from cleanlab_assets.datasets.twenty_newsgroups import (
    CLASS_NAMES,
    DATASET,
    FILE,
    FOLDERS,
    LABEL,
    PART,
    TEXT,
    load_twenty_newsgroups,
    read_own_words,
)
from cleanlab_assets_tests.datasets.table_checks import assert_fits_declared_columns

if TYPE_CHECKING:
    from pathlib import Path

POST = """From: someone@example.org (Some One)
Subject: Re: Re: Orbit of the caf\xe9
Newsgroups: sci.space
Lines: 9

In article <1@example.org> other@example.org writes:
> I doubt it.
| So do I.

It falls around the earth.

--
Some One, Example University
"""


def write_archive(path: Path, *, without: str = "") -> Path:
    with tarfile.open(path / FILE, "w:gz") as archive:
        for folder in FOLDERS.values():
            for name in CLASS_NAMES:
                for number in ("1001", "999"):
                    if f"{folder}/{name}" == without:
                        continue
                    member = tarfile.TarInfo(f"{folder}/{name}/{number}")
                    content = POST.replace("falls", f"falls {number}").encode("latin-1")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return path / FILE


def test_each_post_is_a_row_with_its_newsgroup_and_part(tmp_path: Path) -> None:
    table = load_twenty_newsgroups({FILE: write_archive(tmp_path)})
    assert_fits_declared_columns(table, DATASET)
    assert len(table) == 2 * 20 * 2
    assert table["row_id"].iloc[0] == "train/alt.atheism:999", "numbers are in the order of their values"
    assert table[TEXT].iloc[0] == "Orbit of the caf\xe9\n\nIt falls 999 around the earth."
    assert table.groupby(PART, observed=True)[LABEL].nunique().to_dict() == {"train": 20, "test": 20}


def test_a_post_without_subject_or_words_is_empty() -> None:
    assert read_own_words("From: a@example.org\n\n> quoted\n") == ""
    assert read_own_words("") == ""


def test_a_rule_at_the_beginning_takes_nothing_away() -> None:
    assert (
        read_own_words("Subject: FAQ\n\n---\nQuestions\nand\nmany\nanswers")
        == "FAQ\n---\nQuestions\nand\nmany\nanswers"
    )


def test_an_archive_without_a_newsgroup_is_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path, without="20news-bydate-test/sci.med")
    with pytest.raises(SourceFormatError, match="found no folder 20news-bydate-test/sci"):
        load_twenty_newsgroups({FILE: path})
