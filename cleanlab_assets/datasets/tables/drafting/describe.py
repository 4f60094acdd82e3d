"""The description of a table, drafted from what the file holds and what the user says; each line with its reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.tables.description import TABLE, TAKEN_NAMES, TEST_TABLE, Columns, Options
from cleanlab_assets.datasets.tables.drafting.columns import (
    describe_features,
    describe_roles,
    describe_slices,
    find_roles,
    require_named_columns,
    require_weights,
    tell_column,
    use_read_names,
)
from cleanlab_assets.datasets.tables.drafting.drafts import Draft, Entry, Request, name_file
from cleanlab_assets.datasets.tables.drafting.labels import describe_label, find_labels, read_test_table
from cleanlab_assets.datasets.tables.drafting.matrices import describe_matrices
from cleanlab_assets.datasets.tables.drafting.options import (
    describe_date_formats,
    describe_encoders,
    describe_number_marks,
    describe_options,
)
from cleanlab_assets.datasets.tables.files import Form, SourceTable, guess_encoding_of, read_source_table
from cleanlab_assets.datasets.tables.profiles import find_decimal, profile_column

if TYPE_CHECKING:
    from pathlib import Path

    from cleanlab_assets.datasets.descriptions import OwnDataset

LONGEST_NAME = 40


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
    request = use_read_names(request, profiles)
    require_named_columns(request, profiles, source.name)
    labels = find_labels(request, described, profiles, source.name)
    roles = find_roles(request, described, labels)
    if "weight" in roles:
        require_weights(profiles[roles["weight"]], request)
    features = describe_features(request, described, profiles, {*labels, *roles.values()})
    if "id" not in roles:
        identifiers = [name for name, found in features.items() if found.is_identifier and profiles[name].is_unique]
        if described is None and identifiers:
            roles["id"] = identifiers[0]
    test = read_test_table(request, known, folder, source.form, labels)
    sources = [source] if test is None else [source, test]
    label_profiles = [profiles[name] for name in labels]
    label_entries, notes = describe_label(request, known, options, sources, label_profiles, truth=roles.get("truth"))
    classes: list[str] = next((entry.value for entry in label_entries if entry.place == ("class_names",)), [])
    matrix_entries, told = describe_matrices(request, known, folder, classes, roles.get("id"))
    notes += told
    numbers = {name for name, found in features.items() if found.kind in ("numeric", "binary")}
    if any(entry.place == ("family",) and entry.value == "regression" for entry in label_entries):
        numbers |= {*labels}
    entries = [
        *label_entries,
        *matrix_entries,
        Entry(("format",), "table"),
        *_describe_files(request, source.form, folder, known),
        *describe_roles(labels, roles, features, profiles),
        *describe_slices(request, described),
        *describe_options(request, source.form.dialect, options, decimal, is_new=known is None),
        *describe_encoders(request, options, features, folder.parent),
        *describe_number_marks(options, profiles, numbers),
    ]
    if known is None:
        dates = {name for name, found in features.items() if found.kind == "date"} | {roles.get("time")}
        date_entries, told = describe_date_formats([profiles[name] for name in profiles if name in dates])
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
    columns = {name: tell_column(name, labels, roles, features, request) for name in profiles}
    return Draft(tuple(entries), columns, (*source.notes, *notes))


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
