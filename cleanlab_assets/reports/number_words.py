"""Numbers that a text writes in words: "fifteen rows", "twenty percent", "half of", "one in three", "twice the limit".

Belongs here: finding such phrases and what they claim. Whether a claim is a fact is decided in ``number_grounding``.
One, two and three are everyday words ("one of the classes"): they count only before rows, labels and per cent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["number", "percentage", "share", "ratio", "range"]

_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
_SMALL += "seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_VALUES = {word: value for value, word in enumerate(_SMALL.split())}
_VALUES |= {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
_SCALES = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_ORDINALS = ("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_PARTS = {part: value for value, part in enumerate(_ORDINALS, start=3)}
_PARTS |= {"half": 2, "quarter": 4, "hundredth": 100}
_MULTIPLES = {"twice": 2, "double": 2, "doubles": 2, "doubled": 2, "thrice": 3, "triple": 3, "triples": 3, "tripled": 3}
_PLURALS = {"dozens": (24, 120), "hundreds": (200, 1000), "thousands": (2000, 10**6), "millions": (2 * 10**6, 10**9)}
EVERYDAY = 3
"""Largest number that is an everyday word."""


def _any_of(words: object) -> str:
    return "|".join(sorted(words, key=len, reverse=True))  # type: ignore[call-overload]


_ATOM, _SCALE, _PART = _any_of(_VALUES), _any_of(_SCALES), _any_of(_PARTS)
_COMPARED = r"as|the|that|its|what|more|less|chance|above|better|worse|\w+er"
_COUNTED = r"(?:\w+\s)?(?:row|label|value|error|outlier|duplicate)s?"
_NUMBER = (
    rf"(?:(?:{_ATOM})|a[\s-](?:{_SCALE}))"
    rf"(?:[\s-](?:{_ATOM}|{_SCALE})\b|(?<=hundred)\sand\s(?:{_ATOM})\b|(?<=thousand)\sand\s(?:{_ATOM})\b)*"
)
_PHRASE = re.compile(
    rf"""\b(?:
      (?P<part>{_NUMBER})\s(?P<of>in|out\sof)\s(?:every\s)?(?P<whole>{_NUMBER})
    | (?P<parts>(?:a|one)[\s-](?:{_PART})(?=\sof\b) | one-(?:{_PART}) | (?:{_ATOM})[\s-](?:{_PART})s)
    | (?P<half>half(?=\s(?:of|the|all|its|these|those)\b) | (?<=\bby\s)half | (?<=\bthan\s)half | (?<=\bover\s)half)
    | (?P<plural>{_any_of(_PLURALS)})(?=\sof\b)
    | (?P<multiple>{_any_of(_MULTIPLES)})(?=\s(?:as|the|that|its|what)\b)
    | (?P<times>{_NUMBER})(?:\stimes(?=\s(?:{_COMPARED})\b) | -?fold(?![\s-]cross))
    | (?P<number>{_NUMBER})
      (?: (?P<percent>[\s-](?:per\s?cent|percentage[\s-]points?)\b|\s?%)
        | (?P<counts>(?=\s{_COUNTED}\b(?!\s(?:of\seach|per|at\sa)\b))) )?
    )(?!\w)""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class NumberPhrase:
    """A number in words, from ``start`` to ``end`` of the text, and what it claims.

    ``number``: ``value`` of something; ``percentage``: ``value`` per cent; ``share``: about so large a part of a whole;
    ``ratio``: about ``value`` times something; ``range``: a number from ``value`` to below ``high``. ``parts`` are both
    numbers of "two out of five".
    """

    text: str
    kind: Kind
    value: Decimal
    high: Decimal | None = None
    parts: tuple[Decimal, ...] = ()


def find_number_phrases(text: str) -> list[NumberPhrase]:
    """Return the numbers that a text writes in words, everyday words left out.

    Args:
        text: text with plain hyphens and spaces.
    """
    return [phrase for match in _PHRASE.finditer(text) for phrase in _read_phrase(match)]


def _read_phrase(match: re.Match[str]) -> Iterator[NumberPhrase]:
    text = match[0]
    if match["part"]:
        part, whole = _parse(match["part"]), _parse(match["whole"])
        counts = (part, whole) if match["of"].lower() != "in" else ()
        if whole:
            yield NumberPhrase(text, "share", part / whole, parts=counts)
    elif match["parts"]:
        count, name = re.split(r"[\s-]", text.lower())
        yield NumberPhrase(text, "share", Decimal(_VALUES.get(count, 1)) / _PARTS[name.removesuffix("s")])
    elif match["half"]:
        yield NumberPhrase(text, "share", Decimal("0.5"))
    elif match["plural"]:
        low, high = _PLURALS[text.lower()]
        yield NumberPhrase(text, "range", Decimal(low), high=Decimal(high))
    elif match["multiple"]:
        yield NumberPhrase(text, "ratio", Decimal(_MULTIPLES[text.lower()]))
    elif match["times"]:
        yield NumberPhrase(text, "ratio", _parse(match["times"]))
    else:
        value = _parse(match["number"])
        if match["percent"]:
            yield NumberPhrase(text, "percentage", value)
        elif value > EVERYDAY or value == 0 or match["counts"] is not None:
            yield NumberPhrase(text, "number", value)


def _parse(words: str) -> Decimal:
    """Return the number of a phrase such as "two hundred and fifteen" or "a dozen"."""
    total, current = 0, 0
    for word in re.split(r"[\s-]", words.lower()):
        if word in _VALUES:
            current += _VALUES[word]
        elif word in _SCALES:
            current = max(current, 1) * _SCALES[word]
            if _SCALES[word] >= _SCALES["thousand"]:
                total, current = total + current, 0
    return Decimal(total + current)
