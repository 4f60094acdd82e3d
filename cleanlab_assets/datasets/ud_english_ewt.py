"""UD English EWT: the English Web Treebank with universal part-of-speech tags, release 2.16."""

from __future__ import annotations

from functools import partial

from cleanlab_assets.datasets.dataset import Dataset, Gates, Location, SourceFile
from cleanlab_assets.datasets.formats.conllu import READ_CONLLU, UPOS
from cleanlab_assets.datasets.tagged_sentences import FAMILY, LABEL, TOKEN_COLUMNS, load_tagged_files

RELEASE = "r2.16"
_SHA256 = {
    "train": "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b",
    "dev": "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6",
    "test": "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd",
}
FILES = {part: f"en_ewt-ud-{part}.conllu" for part in _SHA256}
_ADDRESS = "https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT"

DATASET = Dataset(
    name="ud_english_ewt",
    families=(FAMILY,),
    title="Universal Dependencies English Web Treebank",
    description="Predict the part of speech of each word in weblogs, newsgroups, e-mails, reviews and answers.",
    homepage="https://universaldependencies.org/treebanks/en_ewt/",
    licence="CC BY-SA 4.0 (annotations)",
    citation=(
        "Silveira, N. et al. (2014). A Gold Standard Dependency Corpus for English. LREC 2014. "
        f"Universal Dependencies English EWT, release {RELEASE.removeprefix('r')}."
    ),
    files=tuple(
        SourceFile(name=name, sha256=(_SHA256[part],), locations=(Location(url=f"{_ADDRESS}/{RELEASE}/{name}"),))
        for part, name in FILES.items()
    ),
    load=partial(load_tagged_files, read=READ_CONLLU, parts=FILES, class_names=UPOS),
    label=LABEL,
    class_names=UPOS,
    columns=TOKEN_COLUMNS,
    parts=tuple(FILES),
    expected_rows=204_577 + 25_147 + 25_094,
    gates=Gates(label_issue_rate=0.05),
)
