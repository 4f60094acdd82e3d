"""Twenty newsgroups: 18,846 posts to newsgroups of 1993, in the version that is divided by date."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

from cleanlab_assets.datasets.archives import extract_archive
from cleanlab_assets.datasets.dataset import Column, Dataset, Location, SourceFile
from cleanlab_assets.datasets.source_tables import SourceFormatError, label_column
from cleanlab_assets.datasets.text_files import read_text
from cleanlab_assets.scratch import temporary_directory

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "20news-bydate.tar.gz"
TEXT = "post"
LABEL = "newsgroup"
PART = "part"
FOLDERS = {"train": "20news-bydate-train", "test": "20news-bydate-test"}
CLASS_NAMES = (
    "alt.atheism",
    *("comp.graphics", "comp.os.ms-windows.misc", "comp.sys.ibm.pc.hardware", "comp.sys.mac.hardware"),
    "comp.windows.x",
    "misc.forsale",
    *("rec.autos", "rec.motorcycles", "rec.sport.baseball", "rec.sport.hockey"),
    *("sci.crypt", "sci.electronics", "sci.med", "sci.space"),
    "soc.religion.christian",
    *("talk.politics.guns", "talk.politics.mideast", "talk.politics.misc", "talk.religion.misc"),
)
MAX_UNPACKED_BYTES = 200 * 1024**2
_SUBJECT = re.compile(r"^Subject:\s*(?:re:\s*)*(.*)$", re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(r"^\s*[>|]|\b(?:writes|wrote|says|said)\s*:?\s*$|^In article\b", re.IGNORECASE)
_SIGNATURE = re.compile(r"^\s*-{2,}\s*$")


def load_twenty_newsgroups(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the raw table from the archive: a folder for each part, in it one for each newsgroup, a file for each post.

    A post is its subject and its own words: the other lines of the header name the newsgroup or the author, and lines
    that quote others or sign the post tell a model who writes, not what about.

    Raises:
        ArchiveError: the archive is damaged or unsafe.
        SourceFormatError: a folder is missing.
    """
    rows = []
    # The directory of the archive may not be written to.
    with temporary_directory() as scratch:
        top = scratch / "unpacked"
        extract_archive(files[FILE], top, max_bytes=MAX_UNPACKED_BYTES)
        for part, folder in FOLDERS.items():
            for name in CLASS_NAMES:
                if not (top / folder / name).is_dir():
                    raise SourceFormatError(f"{FILE}: found no folder {folder}/{name}, expected the posts of {name}")
                for post in sorted((top / folder / name).iterdir(), key=lambda path: (len(path.name), path.name)):
                    place = f"{part}/{name}:{post.name}"
                    rows.append((place, read_own_words(read_text(post, "latin-1")), name, part))
    table = pd.DataFrame(rows, columns=["row_id", TEXT, LABEL, PART])
    table[LABEL] = label_column(table[LABEL], CLASS_NAMES)
    return table.assign(**{PART: pd.Categorical(table[PART], categories=list(FOLDERS))})


def read_own_words(post: str) -> str:
    """Return the subject of a post and the lines that its author wrote; missing subjects and empty posts are empty."""
    header, _, body = post.partition("\n\n")
    subject = _SUBJECT.search(header)
    lines = [line for line in body.split("\n") if not _QUOTED.search(line)]
    ends = [position for position, line in enumerate(lines) if _SIGNATURE.match(line)]
    if ends and ends[-1] >= len(lines) // 2:  # a rule in the first half sets off what comes after it
        lines = lines[: ends[-1]]
    return "\n".join([subject.group(1).strip() if subject else "", *lines]).strip()


DATASET = Dataset(
    name="twenty_newsgroups",
    families=("classification",),
    title="Twenty newsgroups",
    description="Tell which of 20 newsgroups a post of 1993 was sent to; the test posts are the later ones.",
    homepage="https://qwone.com/~jason/20Newsgroups/",
    licence="not stated; public posts",
    citation="Lang, K. (1995). NewsWeeder: Learning to filter netnews. International Conference on Machine Learning.",
    files=(
        SourceFile(
            name=FILE,
            sha256=("8f1b2514ca22a5ade8fbb9cfa5727df95fa587f4c87b786e15c759fa66d95610",),
            locations=(Location(url="https://ndownloader.figshare.com/files/5975967"),),
        ),
    ),
    load=load_twenty_newsgroups,
    label=LABEL,
    class_names=CLASS_NAMES,
    split_column=PART,
    columns=(
        Column(name=TEXT, kind="text", description="Subject and own words of the post."),
        Column(name=LABEL, kind="categorical", is_feature=False, description="The newsgroup."),
        Column(name=PART, kind="categorical", is_feature=False, description="train, or the later test."),
    ),
    expected_rows=18846,
)
