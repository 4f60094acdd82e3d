"""What each column of a table is: which roles the user gives, and what kinds the values tell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.errors import cut, quote
from cleanlab_assets.datasets.tables.delimited import TableError
from cleanlab_assets.datasets.tables.description import TAKEN_NAMES, Columns
from cleanlab_assets.datasets.tables.drafting.drafts import Entry, Request
from cleanlab_assets.datasets.tables.inference import Inference, infer_kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cleanlab_assets.datasets.tables.profiles import ColumnProfile

MOST_COLUMNS_TOLD = 50
ROLES = ("id", "group", "time", "split", "weight", "truth", "source")
SOLE_ROLES = ("weight", "truth")
"""Roles of columns that have no other."""


def use_read_names(request: Request, profiles: Mapping[str, ColumnProfile]) -> Request:
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


def require_named_columns(request: Request, profiles: Mapping[str, ColumnProfile], file: str) -> None:
    """Refuse columns that the user names and the file lacks, all at once."""
    named: dict[str, tuple[str, ...]] = {role: (name,) for role, name in request.roles.items()}
    named |= {"slice": request.slices, "ignore": request.ignore}
    has_option = not request.is_from_python  # the command has an option for texts of its own
    of_texts = tuple(name for name, kind in request.kinds.items() if has_option and kind == "text")
    named |= {"kind": tuple(name for name in request.kinds if name not in of_texts), "text": of_texts}
    errors = [
        f"{request.option(option)} {quote(name)}: {file} has no such column; {tell_columns(profiles)}"
        for option, names in named.items()
        for name in names
        if name not in profiles
    ]
    if errors:
        raise TableError("\n".join(errors))


def tell_columns(profiles: Mapping[str, ColumnProfile]) -> str:
    """Say which columns a table has, the first of them by name."""
    names = list(profiles)
    more = f" and {len(names) - MOST_COLUMNS_TOLD} more" if len(names) > MOST_COLUMNS_TOLD else ""
    return f"it has {', '.join(cut(name, 40) for name in names[:MOST_COLUMNS_TOLD])}{more}"


def find_roles(request: Request, described: Columns | None, labels: Sequence[str]) -> dict[str, str]:
    """Return the column of each role: what the user says, else what was described before.

    Raises:
        TableError: a column is the label or has another role that leaves no room for this one.
    """
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


def require_weights(profile: ColumnProfile, request: Request) -> None:
    """Refuse a column of weights that holds no numbers.

    Raises:
        TableError: most of its values are no numbers.
    """
    if profile.number_share < 0.5:  # noqa: PLR2004 - most values are no numbers: the wrong column
        raise TableError(
            f"{request.option('weight')} {quote(profile.name)}: found values such as "
            f"{', '.join(map(quote, profile.examples))}, expected numbers of at least 0"
        )


def describe_features(
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


def describe_roles(
    labels: Sequence[str],
    roles: Mapping[str, str],
    features: Mapping[str, Inference],
    profiles: Mapping[str, ColumnProfile],
) -> list[Entry]:
    """Describe the label, the columns with a role, what is ignored, and the kinds of the features."""
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


def describe_slices(request: Request, described: Columns | None) -> list[Entry]:
    """Describe by which columns the rate of label issues is told; what was described before stays."""
    place = ("columns", "slices")
    if request.slices:
        return [Entry(place, list(request.slices), "you said so")]
    return [Entry(place, list(described.slices))] if described is not None and described.slices else []


def tell_column(
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
