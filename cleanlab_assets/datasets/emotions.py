"""Emotions: which of six moods does a piece of music have? Rhythm and timbre of 593 songs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cleanlab_assets.datasets.archives import GZIP_MEMBER
from cleanlab_assets.datasets.arff import parse_indicators, read_arff
from cleanlab_assets.datasets.dataset import Column, Dataset, Gates, Location, SourceFile
from cleanlab_assets.datasets.source_tables import LABEL_SEPARATOR, label_set_column, parse_numbers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

FILE = "emotions.arff"
LABEL = "moods"
MIRROR = "https://raw.githubusercontent.com/nicoladimauro/dcsn/9ccbd71fbbf5be377cb7b49efb1abaa4e0388b0c"
"""A public copy at a fixed commit: Mulan itself offers the file in a RAR archive only."""
CLASS_NAMES = ("amazed-suprised", "happy-pleased", "relaxing-calm", "quiet-still", "sad-lonely", "angry-aggresive")
"""As the source spells them."""
_TIMBRE = tuple(
    f"{outer}_Acc1298_{inner}_Mem40_{part}"
    for outer in ("Mean", "Std")
    for inner in ("Mean", "Std")
    for part in ("Centroid", "Rolloff", "Flux", *(f"MFCC_{number}" for number in range(13)))
)
_RHYTHM = (
    *("BH_LowPeakAmp", "BH_LowPeakBPM", "BH_HighPeakAmp", "BH_HighPeakBPM", "BH_HighLowRatio"),
    *("BHSUM1", "BHSUM2", "BHSUM3"),
)


def load_emotions(files: Mapping[str, Path]) -> pd.DataFrame:
    """Read the raw table from the ARFF file; the six yes-or-no columns become one label that names the moods.

    Raises:
        SourceFormatError: the header has other attributes, a line does not have 78 fields, a feature is no number, or
            a mood is written otherwise than ``0``/``1`` or ``FALSE``/``TRUE``.
    """
    fields = read_arff(files[FILE], [*_TIMBRE, *_RHYTHM, *CLASS_NAMES])
    table = fields[["row_id"]].copy()
    for name in (*_TIMBRE, *_RHYTHM):
        table[name] = parse_numbers(fields, name)
    table[LABEL] = label_set_column(parse_indicators(fields, CLASS_NAMES), CLASS_NAMES)
    return table


DATASET = Dataset(
    name="emotions",
    families=("multilabel",),
    title="Emotions in music",
    description="Predict the moods of a piece of music, one to three of six, from rhythm and timbre.",
    homepage="https://mulan.sourceforge.net/datasets-mlc.html",
    licence="not stated",
    citation=(
        "Trohidis, K., Tsoumakas, G., Kalliris, G. & Vlahavas, I. (2008). Multilabel classification of music into "
        "emotions. Proceedings of the 9th International Conference on Music Information Retrieval (ISMIR)."
    ),
    files=(
        SourceFile(
            name=FILE,
            sha256=("6f2f790047073d1293ac0872c0d55f2dc98b6177802fc96c6b66b309dfee1e4b",),
            locations=(Location(url=f"{MIRROR}/data/multilabel/emotions.orig.arff.gz", member=GZIP_MEMBER),),
        ),
    ),
    load=load_emotions,
    label=LABEL,
    class_names=CLASS_NAMES,
    label_separator=LABEL_SEPARATOR,
    columns=(
        *(Column(name=name, kind="numeric") for name in (*_TIMBRE, *_RHYTHM)),
        Column(name=LABEL, kind="categorical", is_feature=False, description="The moods that listeners named."),
    ),
    expected_rows=593,
    # Three listeners named the moods, which are a matter of taste: doubt is the rule here.
    gates=Gates(label_issue_rate=0.25),
)
