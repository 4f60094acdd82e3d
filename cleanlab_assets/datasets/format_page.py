"""What docs/formats.md says: every form of data with its rules, files and options, as the code has them."""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.own_datasets import all_formats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from cleanlab_assets.datasets.descriptions import Format

_INTRODUCTION = """\
# Forms of data

A folder `<data directory>/<name>/` with a `dataset.toml` is a dataset of that name. `family` says what is asked of the
data and `format` how its files are written; `[files]` names them and `[options]` says what they leave open. What is
wrong with a file is told by its name, with line or field, what was found, what was expected and what to do: the first
20 faults, and how many more there are.

Text is UTF-8 with or without a byte order mark, UTF-16 or UTF-32 by its mark, or in the `encoding` that
`dataset.toml` states; XML says its own. LF, CR LF and CR end a line.

This page is made of the modules in `cleanlab_assets/datasets/formats`; a test keeps the two the same.
"""
_ATTRIBUTE = re.compile(r"(\w+): (.*)")
_EXAMPLE = re.compile(r"::\n\n((?:    .*\n|\n)+)")


def write_format_page() -> str:
    """Return the page in Markdown: the rules of all forms of data, by name."""
    return "\n".join([_INTRODUCTION, *(_describe_format(form) for _, form in sorted(all_formats().items()))])


def describe_options(options: type[BaseModel]) -> dict[str, str]:
    """Return what the docstring of a section says of each of its fields.

    Raises:
        ValueError: a field is not described under ``Attributes``.
    """
    said: dict[str, str] = {}
    for section in reversed(options.__mro__):  # what it shares with others is said where it is defined
        _, _, attributes = (section.__doc__ or "").partition("Attributes:\n")
        for line in inspect.cleandoc(attributes).splitlines():
            if (start := _ATTRIBUTE.fullmatch(line)) is not None:
                name, said[start[1]] = start[1], start[2]
            elif line and name in said:
                said[name] += f" {line.strip()}"
    if silent := options.model_fields.keys() - said.keys():
        raise ValueError(f"{options.__module__}.{options.__name__} does not describe {', '.join(sorted(silent))}")
    return {name: said[name] for name in options.model_fields}


def _describe_format(form: Format) -> str:
    parts = [
        f"## {form.name}\n",
        f"{_to_markdown(form.rules or '')}\n",
        f"Task families: {', '.join(form.families)}.\n",
    ]
    parts += [
        "| `[files]` | what it is |\n| --- | --- |",
        *(f"| `{role}` | {what} |" for role, what in form.files.items()),
    ]
    if form.options is not None and form.options.model_fields:
        parts += ["\n| `[options]` | default | what it says |\n| --- | --- | --- |", *_list_options(form.options)]
    return "\n".join([*parts, ""])


def _list_options(options: type[BaseModel]) -> Iterator[str]:
    for name, said in describe_options(options).items():
        field = options.model_fields[name]
        default = None if field.is_required() else field.get_default(call_default_factory=True)
        shown = "" if default in (None, (), {}, "") else f"`{_as_toml(default)}`"
        yield f"| `{name}` | {shown} | {_to_markdown(said)} |"


def _as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{', '.join(map(_as_toml, value))}]" if isinstance(value, tuple) else json.dumps(value)


def _to_markdown(text: str) -> str:
    """Return a docstring in Markdown: its examples are blocks of TOML, its literals code."""

    def to_block(example: re.Match[str]) -> str:
        return f":\n\n~~~toml\n{inspect.cleandoc(example[1])}\n~~~\n\n"

    return _EXAMPLE.sub(to_block, f"{inspect.cleandoc(text)}\n").replace("``", "`").replace("~~~", "```").strip()
