"""The description of a table, drafted from what the file holds and what the user says; each line with its reason."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cleanlab_assets.datasets.dataset import EMBEDDED_KINDS, OWN_PREDICTIONS
from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.datasets.tables.columns import parse_texts
from cleanlab_assets.datasets.tables.delimited import Dialect, TableError, name_delimiter
from cleanlab_assets.datasets.tables.description import TABLE, TAKEN_NAMES, TEST_TABLE, Columns, Options
from cleanlab_assets.datasets.tables.files import (
    Form,
    SourceTable,
    guess_encoding_of,
    read_source_table,
    suffix_of,
)
from cleanlab_assets.datasets.tables.inference import Inference, infer_kind, infer_label
from cleanlab_assets.datasets.tables.labels import (
    merge_classes,
    name_classes_of_columns,
    read_label_sets,
    sort_classes,
    tell_spellings,
)
from cleanlab_assets.datasets.tables.matrices import ARRAY_ENDINGS, Matrix, read_matrix
from cleanlab_assets.datasets.tables.predictions import order_classes
from cleanlab_assets.datasets.tables.profiles import find_decimal, profile_column
from cleanlab_assets.datasets.weights import WEIGHTS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from cleanlab_assets.datasets.dataset import ColumnKind
    from cleanlab_assets.datasets.descriptions import OwnDataset
    from cleanlab_assets.datasets.tables.profiles import ColumnProfile

LONGEST_NAME = 40
MOST_COLUMNS_TOLD = 50
ROLES = ("id", "group", "time", "split", "weight", "truth", "source")
SOLE_ROLES = ("weight", "truth")
"""Roles of columns that have no other."""
SEPARATORS = (";", "|", ",", "/")
LEAST_JOINED_SHARE = 0.3
"""Share of the classes that hold a separator from which they may name several."""
_TAKEN_FOR = {"classification": "classes", "regression": "values to be predicted as numbers"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the user says of a table; what is None or empty is found out, or stays as the description has it.

    Attributes:
        file: the table.
        address: where the file was downloaded from, if it was.
        sha256: what the content of the file must be.
        test_file: the table of the test rows.
        labels: columns of the label, or patterns of them, such as ``tag_*``.
        family: task family.
        separator: what stands between two classes of a label.
        roles: column by role, see ``ROLES``.
        slices: columns by whose values the rate of label issues is told.
        ignore: columns that no model shall see.
        kinds: kind by feature.
        encoding: of text files.
        sheet: of an Excel file.
        predictions: file of the user's own predictions, or these themselves.
        features: file of features such as embeddings, or these themselves.
        text_encoder: turns texts into vectors.
        picture_encoder: turns pictures into vectors.
        is_from_python: whether messages name what the user says as an argument, not as an option of the command.
    """

    file: Path
    address: str = ""
    sha256: str = ""
    test_file: Path | None = None
    labels: tuple[str, ...] = ()
    family: str | None = None
    separator: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    slices: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    kinds: Mapping[str, ColumnKind] = field(default_factory=dict)
    encoding: str | None = None
    sheet: str | None = None
    predictions: Path | Matrix | None = None
    features: Path | Matrix | None = None
    text_encoder: str | None = None
    picture_encoder: str | None = None
    is_from_python: bool = False

    def option(self, name: str, value: str = "") -> str:
        """Return how the user says something: ``--task regression``, or ``task='regression'`` from Python."""
        if self.is_from_python:
            return f"{name}={value!r}" if value else f"{name}="
        return f"--{name.replace('_', '-')} {value}".rstrip()


@dataclass(frozen=True)
class Entry:
    """A line of a description: where it stands, such as ``("columns", "kinds", "age")``, its value and the reason."""

    place: tuple[str, ...]
    value: Any
    reason: str = ""


@dataclass(frozen=True)
class Draft:
    """A description that is not written yet.

    Attributes:
        entries: its lines.
        columns: what each column is taken for, and why, by its name.
        notes: what the user should know beside it.
    """

    entries: tuple[Entry, ...]
    columns: Mapping[str, tuple[str, str]]
    notes: tuple[str, ...]

    @property
    def content(self) -> dict[str, Any]:
        """What the description says, section by section."""
        content: dict[str, Any] = {}
        for entry in self.entries:
            section = content
            for name in entry.place[:-1]:
                section = section.setdefault(name, {})
            section[entry.place[-1]] = entry.value
        return content

    def value_of(self, *place: str) -> Any:
        """Return the value of a line, None where there is none."""
        return next((entry.value for entry in self.entries if entry.place == place), None)


def name_dataset(file: str) -> str:
    """Return the name of the dataset of a file name: that in small letters, digits and underscores."""
    stem = re.sub(r"[^a-z0-9]+", "_", file.partition(".")[0].lower()).strip("_")
    name = stem if stem[:1].isalpha() else f"data_{stem}".rstrip("_")
    return name[:LONGEST_NAME].rstrip("_")


def draft_description(
    request: Request, folder: Path, known: OwnDataset | None = None, *, source: SourceTable | None = None
) -> Draft:
    """Look at a table and describe it.

    Args:
        request: what the user says.
        folder: of the description; files within it are named relative to it.
        known: the description that is there already; what it says stays, unless the user says other.
        source: the table, if it is in memory; else the file of the request is read.

    Raises:
        TableError: the file holds no table; a column that the user names is absent; the label does not suit the task.
    """
    described = None if known is None else Columns(**known.columns)
    options = Options() if known is None else Options(**known.options)
    guessed = None
    if source is None:
        if known is not None:
            form = options.form(request.encoding or known.encoding)
        else:
            guessed = None if request.encoding else guess_encoding_of(request.file)
            form = Form(encoding=request.encoding or guessed, sheet=request.sheet)
        source = read_source_table(request.file, form, taken=TAKEN_NAMES)
    decimal = options.decimal if known is not None else find_decimal(source.columns, options.missing)
    described_names = set() if described is None else {*described.named}
    profiles = {
        name: profile_column(
            source.columns[name],
            name,
            decimal=decimal,
            mark=options.number_marks.get(name, "") if name in described_names else None,
            missing=options.missing,
        )
        for name in source.columns.column_names
    }
    request = _use_read_names(request, profiles)
    _require_named(request, profiles, source.name)
    labels = _find_labels(request, described, profiles, source.name)
    roles = _find_roles(request, described, labels)
    if "weight" in roles:
        _require_weights(profiles[roles["weight"]], request)
    features = _describe_features(request, described, profiles, {*labels, *roles.values()})
    if "id" not in roles:
        identifiers = [name for name, found in features.items() if found.is_identifier and profiles[name].is_unique]
        if described is None and identifiers:
            roles["id"] = identifiers[0]
    test = _read_test_table(request, known, folder, source.form, labels)
    sources = [source] if test is None else [source, test]
    label_profiles = [profiles[name] for name in labels]
    label_entries, notes = _describe_label(request, known, options, sources, label_profiles, truth=roles.get("truth"))
    classes: list[str] = next((entry.value for entry in label_entries if entry.place == ("class_names",)), [])
    matrix_entries, told = _describe_matrices(request, known, folder, classes, roles.get("id"))
    notes += told
    numbers = {name for name, found in features.items() if found.kind in ("numeric", "binary")}
    if any(entry.place == ("family",) and entry.value == "regression" for entry in label_entries):
        numbers |= {*labels}
    entries = [
        *label_entries,
        *matrix_entries,
        Entry(("format",), "table"),
        *_describe_files(request, source.form, folder, known),
        *_describe_roles(labels, roles, features, profiles),
        *_describe_slices(request, described),
        *_describe_options(request, source.form.dialect, options, decimal, is_new=known is None),
        *_describe_encoders(request, options, features, folder.parent),
        *_describe_number_marks(options, profiles, numbers),
    ]
    if known is None:
        dates = {name for name, found in features.items() if found.kind == "date"} | {roles.get("time")}
        date_entries, told = _describe_date_formats([profiles[name] for name in profiles if name in dates])
        entries += date_entries
        notes += told
    if guessed is not None:
        notes.append(f"{source.name}: the text is not UTF-8; it was read as {guessed}, as its characters suggest")
    has_features = any(entry.place[0] == "features" for entry in matrix_entries)
    if not has_features and not any(found.kind for found in features.values()):
        raise TableError(
            f"{source.name}: no column is left that a model could learn from: give one a kind by "
            f"{request.option('kind')}, or features in a file of their own by {request.option('features')}"
        )
    columns = {name: _tell(name, labels, roles, features, request) for name in profiles}
    return Draft(tuple(entries), columns, (*source.notes, *notes))


def _use_read_names(request: Request, profiles: Mapping[str, ColumnProfile]) -> Request:
    """Name columns as they are read, where the user names them as the file does."""

    def read(name: str) -> str:
        return f"{name}_" if name in TAKEN_NAMES and name not in profiles and f"{name}_" in profiles else name

    return replace(
        request,
        labels=tuple(map(read, request.labels)),
        roles={role: read(name) for role, name in request.roles.items()},
        slices=tuple(map(read, request.slices)),
        ignore=tuple(map(read, request.ignore)),
        kinds={read(name): kind for name, kind in request.kinds.items()},
    )


def _require_named(request: Request, profiles: Mapping[str, ColumnProfile], file: str) -> None:
    """Refuse columns that the user names and the file lacks, all at once."""
    named: dict[str, tuple[str, ...]] = {role: (name,) for role, name in request.roles.items()}
    named |= {"slice": request.slices, "ignore": request.ignore}
    has_option = not request.is_from_python  # the command has an option for texts of its own
    of_texts = tuple(name for name, kind in request.kinds.items() if has_option and kind == "text")
    named |= {"kind": tuple(name for name in request.kinds if name not in of_texts), "text": of_texts}
    errors = [
        f"{request.option(option)} {quote(name)}: {file} has no such column; {_tell_columns(profiles)}"
        for option, names in named.items()
        for name in names
        if name not in profiles
    ]
    if errors:
        raise TableError("\n".join(errors))


def _tell_columns(profiles: Mapping[str, ColumnProfile]) -> str:
    names = list(profiles)
    more = f" and {len(names) - MOST_COLUMNS_TOLD} more" if len(names) > MOST_COLUMNS_TOLD else ""
    return f"it has {', '.join(cut(name, 40) for name in names[:MOST_COLUMNS_TOLD])}{more}"


def _find_labels(
    request: Request, described: Columns | None, profiles: Mapping[str, ColumnProfile], file: str
) -> list[str]:
    """Return the columns of the label."""
    name = request.option("label")
    if not request.labels:
        if described is not None:
            return list(described.labels)
        raise TableError(f"{file}: say which column holds the label, by {name}; {_tell_columns(profiles)}")
    found: list[str] = []
    for pattern in request.labels:
        exact = [column for column in profiles if column == pattern]
        matching = exact or [column for column in profiles if fnmatchcase(column, pattern)]
        if not matching:
            raise TableError(f"{name} {quote(pattern)}: {file} has no such column; {_tell_columns(profiles)}")
        found += [column for column in matching if column not in found]
    if len(found) > 1 and (wrong := [column for column in found if not profiles[column].is_flag]):
        raise TableError(
            f"{name}: {file}: column {quote(wrong[0])} holds other values than 0 and 1, such as "
            f"{', '.join(profiles[wrong[0]].examples)}: several label columns are of 0 and 1, one for each class"
        )
    return found


def _find_roles(request: Request, described: Columns | None, labels: Sequence[str]) -> dict[str, str]:
    roles = (
        {} if described is None else {role: name for role in ROLES if (name := getattr(described, role)) is not None}
    )
    roles |= request.roles
    _refuse_contradictions(request, labels)
    for role, name in roles.items():
        if name in labels:
            raise TableError(f"{request.option(role)} {quote(name)}: the column is the label, expected another one")
        others = [other for other, taken in roles.items() if taken == name and other != role]
        if role in SOLE_ROLES and others:
            raise TableError(
                f"{request.option(role)} {quote(name)}: the column is the {others[0]}, expected another one"
            )
    return roles


def _refuse_contradictions(request: Request, labels: Sequence[str]) -> None:
    """Refuse a column that the user calls a feature of some kind, or of no use, and the label or a role as well."""
    for option, names in (("kind", tuple(request.kinds)), ("ignore", request.ignore)):
        for name in names:
            roles = ["label"] if name in labels else []
            # Time, group and source may be features besides.
            sole = ("id", "split", *SOLE_ROLES) if option == "kind" else tuple(request.roles)
            roles += [role for role in sole if request.roles.get(role) == name]
            if roles:
                raise TableError(
                    f"{request.option(option)} {quote(name)}: the column is the {roles[0]}, expected another one"
                )


def _require_weights(profile: ColumnProfile, request: Request) -> None:
    if profile.number_share < 0.5:  # noqa: PLR2004 - most values are no numbers: the wrong column
        raise TableError(
            f"{request.option('weight')} {quote(profile.name)}: found values such as "
            f"{', '.join(map(quote, profile.examples))}, expected numbers of at least 0"
        )


def _describe_features(
    request: Request, described: Columns | None, profiles: Mapping[str, ColumnProfile], taken: set[str]
) -> dict[str, Inference]:
    """Say of each column that is no label and has no role what it is; what the user said before stays."""
    said: dict[str, Inference] = {}
    if described is not None:
        said = {name: Inference(kind, "as described") for name, kind in described.kinds.items()}
        said |= {name: Inference(None, "ignored, as described") for name in described.ignore}
    if request.features is not None:
        file = request.features.name
        instead = Inference(None, f"features come from {file}")
        others = {name for name in profiles if name not in said}
        said |= {name: instead for name in others if infer_kind(profiles[name]).kind is not None}
    said |= {name: Inference(kind, "you said so") for name, kind in request.kinds.items()}
    said |= {name: Inference(None, "you said so") for name in request.ignore}
    roles_that_stay_features = {request.roles.get("time"), described.time if described else None}
    return {
        name: said[name] if name in said else infer_kind(profile)
        for name, profile in profiles.items()
        if name not in taken or name in roles_that_stay_features
    }


def _describe_label(
    request: Request,
    known: OwnDataset | None,
    options: Options,
    sources: Sequence[SourceTable],
    profiles: Sequence[ColumnProfile],
    *,
    truth: str | None,
) -> tuple[list[Entry], list[str]]:
    """Describe task family and classes, those that only the truth names too.

    What was described before stays for the same label.
    """
    separator = request.separator if request.separator is not None else options.separator
    inferred = infer_label(profiles, separator=separator)
    names = [profile.name for profile in profiles]
    is_same_label = known is not None and list(Columns(**known.columns).labels) == names
    family = request.family or (known.family if known is not None and is_same_label else inferred.family)
    notes = []
    if inferred.other is not None:
        how = request.option("task", inferred.other)
        notes = [f"label {quote(names[0])}: {inferred.reason}; for {_TAKEN_FOR[inferred.other]}: {how}"]
    file = " and ".join(source.name for source in sources)
    _require_label(family, profiles, file)
    reason = inferred.reason if family == inferred.family else "you said so"
    entries = [Entry(("family",), family, reason)]
    if family == "regression":
        is_whole = Entry(("options", "whole_numbers"), profiles[0].is_whole, "whether all labels are whole numbers")
        return [*entries, is_whole], notes
    if len(profiles) > 1:
        classes = name_classes_of_columns(names)
        return [*entries, Entry(("class_names",), classes, "of the columns of the label, in their order")], notes

    def count(name: str) -> Counter[str]:
        """Count the rows of each class that a column names."""
        counts: Counter[str] = Counter()
        for source in sources:
            column = source.columns[name]
            if family == "multilabel":
                counts.update(name for named in read_label_sets(column, separator, options.missing) for name in named)
            else:
                texts = parse_texts(column, name, missing=options.missing)
                counts.update(merge_classes(texts, options.merge)[0].dropna())
        return counts

    counts = count(names[0])
    _require_classes(counts, request, f"{file}, column {quote(names[0])}", family)
    if truth is not None:
        counts += count(truth)
    found = sort_classes(counts)
    if known is not None and is_same_label and (known.family, options.separator) == (family, separator):
        found = [*known.class_names, *(name for name in found if name not in known.class_names)]
    notes += [*tell_spellings(counts, options.merge), *_tell_separator(found, family, request)]
    return [*entries, Entry(("class_names",), found, f"the {len(found):,} classes of {file}")], notes


def _describe_matrix(
    given: Path | Matrix, section: str, folder: Path, id_column: str | None
) -> tuple[list[Entry], Matrix]:
    """Describe numbers of the rows that stand in a file of their own: which one, and how rows are found in it."""
    if isinstance(given, Matrix):
        return [], given
    has_ids = id_column is not None and id_column in _list_columns_of(given)
    entries = [Entry((section, "file"), name_file(given, folder))]
    if has_ids:
        entries.append(Entry((section, "id"), id_column, "rows are found by it"))
    return entries, read_matrix(given, id_column=id_column if has_ids else None)


def _describe_predictions(
    given: Path | Matrix, request: Request, folder: Path, classes: Sequence[str], id_column: str | None
) -> tuple[list[Entry], list[str]]:
    """Describe the user's own predictions: their file, and the order of the classes."""
    entries, found = _describe_matrix(given, "predictions", folder, id_column)
    entries.append(Entry(("model",), OWN_PREDICTIONS, "there are predictions of your own"))
    if not classes:
        return entries, []
    option = request.option("pred_probs")
    order = order_classes(found, classes, place=f"{option} takes them in the order of the classes or by their names")
    reason = "in the order of the classes" if found.columns is None else "by the names of the columns"
    entries.append(Entry(("predictions", "class_names"), list(order), reason))
    note = f"{found.name}: its columns are taken for the classes {', '.join(order)}, in this order"
    return entries, [] if found.columns is not None else [note]


def _describe_matrices(
    request: Request, known: OwnDataset | None, folder: Path, classes: Sequence[str], id_column: str | None
) -> tuple[list[Entry], list[str]]:
    """Describe predictions and features in files of their own; what was described before stays."""
    entries: list[Entry] = []
    notes: list[str] = []
    if request.predictions is not None:
        entries, notes = _describe_predictions(request.predictions, request, folder, classes, id_column)
    elif known is not None:
        entries += [Entry(("predictions", name), value) for name, value in known.predictions.items()]
    if request.features is not None:
        described, found = _describe_matrix(request.features, "features", folder, id_column)
        entries += described
        entries.append(Entry(("features", "dimensions"), found.numbers.shape[1], f"columns of {found.name}"))
    elif known is not None:
        entries += [Entry(("features", name), value) for name, value in known.features.items()]
    return entries, notes


def _list_columns_of(path: Path) -> list[str]:
    if suffix_of(path.name) in ARRAY_ENDINGS:
        return []
    return list(read_source_table(path).columns.column_names)


def _tell_separator(classes: Sequence[str], family: str, request: Request) -> list[str]:
    """Say that classes look as if each named several."""
    for separator in SEPARATORS if family == "classification" else ():
        parts = [part.strip() for name in classes for part in name.split(separator)]
        n_joined = sum(separator in name for name in classes)
        if n_joined >= LEAST_JOINED_SHARE * len(classes) and len(set(parts)) < len(classes):
            example = quote(next(name for name in classes if separator in name), 40)
            how = request.option("separator", separator)
            return [f"labels such as {example} may name several classes: to read them so: {how}"]
    return []


def _read_test_table(
    request: Request, known: OwnDataset | None, folder: Path, form: Form, labels: Sequence[str]
) -> SourceTable | None:
    """Read the file of the test rows, where there is one: it may hold classes that the train rows lack."""
    path = request.test_file
    if path is None and known is not None and TEST_TABLE in known.files:
        path = folder / Path(known.files[TEST_TABLE]).expanduser()
    if path is None:
        return None
    table = read_source_table(path, form, taken=TAKEN_NAMES)
    names = table.columns.column_names
    if absent := [name for name in labels if name not in names]:
        raise TableError(f"{table.name}: found no column {quote(absent[0])}, the label: it has {', '.join(names[:20])}")
    return table


def _require_label(family: str, profiles: Sequence[ColumnProfile], file: str) -> None:
    first = profiles[0]
    place = f"{file}, column {quote(first.name)}"
    if first.n_values == 0:
        raise TableError(f"{place}: the label has no value at all, expected another column")
    if family == "regression" and first.number_share < 0.5:  # noqa: PLR2004 - most labels are no numbers
        raise TableError(
            f"{place}: found labels such as {', '.join(map(quote, first.examples))}, expected numbers for regression"
        )
    if len(profiles) > 1 and family != "multilabel":
        raise TableError(f"{file}: found {len(profiles)} columns of the label, expected one for {family}")
    if family == "regression" and first.n_distinct < 2:  # noqa: PLR2004 - one value leaves nothing to learn
        raise TableError(f"{place}: every label is {quote(first.examples[0])}: there is nothing to tell apart")


def _require_classes(counts: Mapping[str, int], request: Request, place: str, family: str) -> None:
    if len(counts) < 2:  # noqa: PLR2004 - one class leaves nothing to tell apart
        only = "no class" if not counts else f"the class {quote(next(iter(counts)))} only"
        raise TableError(f"{place}: the label names {only}: there is nothing to tell apart")
    if family == "classification" and max(counts.values()) == 1:
        raise TableError(
            f"{place}: each of the {len(counts):,} labels differs from all others: it is no class; choose another "
            f"column by {request.option('label')}, or say {request.option('task', 'regression')} if it holds values"
        )


def _describe_files(request: Request, form: Form, folder: Path, known: OwnDataset | None) -> list[Entry]:
    files = {TABLE: request.file} | ({} if request.test_file is None else {TEST_TABLE: request.test_file})
    entries = [Entry(("files", role), name_file(path, folder)) for role, path in files.items()]
    if request.address:
        entries[0] = Entry(("files", TABLE), request.address)
    if request.sha256:
        entries.append(Entry(("sha256", TABLE), request.sha256))
    elif known is not None:
        entries += [Entry(("sha256", role), digits) for role, digits in known.sha256.items()]
    if known is not None and request.test_file is None and TEST_TABLE in known.files:
        entries.append(Entry(("files", TEST_TABLE), known.files[TEST_TABLE]))
    if form.encoding is not None:
        entries.append(Entry(("encoding",), form.encoding, "of the text, which is not UTF-8"))
    return entries


def name_file(path: Path, folder: Path) -> str:
    """Return how a description names a file: relative to its folder where it lies within."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links stay as the user named them
    return str(absolute.relative_to(folder)) if absolute.is_relative_to(folder) else str(absolute)


def choose_picture_encoder(data_dir: Path) -> tuple[str, str]:
    """Return what turns pictures into vectors, and why: a published network where its weights are at hand."""
    if any((data_dir / WEIGHTS_FOLDER).glob("resnet18-*.pth")):
        return "resnet18", f"its published weights are in {data_dir / WEIGHTS_FOLDER}"
    return "patches", "it needs no download; resnet18 takes published weights"


def _describe_encoders(
    request: Request, options: Options, features: Mapping[str, Inference], data_dir: Path
) -> list[Entry]:
    """Say what turns texts and pictures into vectors, where there are some."""
    kinds = {found.kind for found in features.values()}
    said = {"text": request.text_encoder, "picture": request.picture_encoder}
    entries = []
    for kind in EMBEDDED_KINDS:
        if kind in kinds and kind not in options.encoders:
            if said[kind] is not None:
                entries.append(Entry(("options", f"{kind}_encoder"), said[kind], "you said so"))
            elif kind == "picture":  # for what depends on the machine the description decides
                entries.append(Entry(("options", "picture_encoder"), *choose_picture_encoder(data_dir)))
    return entries


def _describe_roles(
    labels: Sequence[str],
    roles: Mapping[str, str],
    features: Mapping[str, Inference],
    profiles: Mapping[str, ColumnProfile],
) -> list[Entry]:
    entries = [Entry(("columns", "label"), labels[0] if len(labels) == 1 else list(labels))]
    for role, name in roles.items():
        profile = profiles[name]
        entries.append(Entry(("columns", role), name, f"{profile.n_distinct:,} different values"))
    id_column = roles.get("id")
    ignored = {name: found for name, found in features.items() if found.kind is None and name != id_column}
    if ignored:
        why = "; ".join(f"{cut(name, 40)}: {found.reason}" for name, found in ignored.items())
        entries.append(Entry(("columns", "ignore"), list(ignored), why))
    entries += [
        Entry(("columns", "kinds", name), found.kind, found.reason)
        for name, found in features.items()
        if found.kind is not None and name != id_column
    ]
    return entries


def _describe_slices(request: Request, described: Columns | None) -> list[Entry]:
    place = ("columns", "slices")
    if request.slices:
        return [Entry(place, list(request.slices), "you said so")]
    return [Entry(place, list(described.slices))] if described is not None and described.slices else []


def _describe_options(
    request: Request, dialect: Dialect | None, options: Options, decimal: str, *, is_new: bool
) -> list[Entry]:
    if not is_new:
        said = options.model_dump(exclude_defaults=True) | {
            "whole_numbers": None,
            "number_marks": None,
            "date_format": None,
        }
        entries = [Entry(("options", name), value) for name, value in said.items() if value is not None]
        entries += [Entry(("options", "date_format", name), text) for name, text in options.date_format.items()]
    else:
        entries = []
        if dialect is not None and dialect.delimiter != ",":
            reason = f"{name_delimiter(dialect.delimiter)} stands between fields"
            entries.append(Entry(("options", "delimiter"), dialect.delimiter, reason))
        if dialect is not None and dialect.quote != '"':
            entries.append(Entry(("options", "quote"), dialect.quote, "stands around fields"))
        if dialect is not None and dialect.escape is not None:
            entries.append(Entry(("options", "escape"), dialect.escape, "stands before quotes within fields"))
        if decimal != ".":
            entries.append(Entry(("options", "decimal"), decimal, "stands before the fraction of numbers"))
    changed = {"separator": request.separator, "sheet": request.sheet}
    changed |= {
        f"{kind}_encoder": encoder
        for kind, encoder in (("text", request.text_encoder), ("picture", request.picture_encoder))
        if kind in options.encoders
    }
    for name, value in changed.items():
        if value is not None:
            entries = [entry for entry in entries if entry.place != ("options", name)]
            entries.append(Entry(("options", name), value, "you said so"))
    return entries


def _describe_number_marks(
    options: Options, profiles: Mapping[str, ColumnProfile], numbers: Collection[str]
) -> list[Entry]:
    """Say what stands before or behind the numbers of columns, such as $ or %; what was described before stays."""
    found = {name: profile.mark for name, profile in profiles.items() if profile.mark and name in numbers}
    marks = found | options.number_marks
    why = "stands before or behind each number, and is left out"
    return [Entry(("options", "number_marks", name), mark, why) for name, mark in marks.items()]


def _describe_date_formats(profiles: Sequence[ColumnProfile]) -> tuple[list[Entry], list[str]]:
    """Say how dates that are texts are written, with a note of those whose day and month can change places."""
    formats = {profile.name: profile.date_format for profile in profiles if profile.date_format is not None}
    notes = [
        f"column {quote(name)}: dates are read as {found.text}, but may be {found.other}: to read them so, change "
        "date_format under [options]"
        for name, found in formats.items()
        if found.other is not None
    ]
    why = "%d is the day, %m the month"
    return [Entry(("options", "date_format", name), found.text, why) for name, found in formats.items()], notes


def _tell(
    name: str, labels: Sequence[str], roles: Mapping[str, str], features: Mapping[str, Inference], request: Request
) -> tuple[str, str]:
    """Say in words what a column is taken for, and why."""
    found = [role for role, column in roles.items() if column == name]
    if name in labels:
        return "label", ""
    if name in features and name != roles.get("id"):
        return ", ".join([features[name].kind or "ignored", *found]), features[name].reason
    said = "you said so" if name in request.roles.values() else "as described"
    return ", ".join(found), features[name].reason if name in features else said
