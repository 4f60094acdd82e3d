"""Which numbers a text about an audit may state: the facts of the audit, in any rounded form.

A language model writes fluent sentences around figures that it made up. This module reads every number of a text and
names those that are no fact, and the metrics that the audit does not hold. It accepts

- a fact rounded to any number of significant digits, with or without thousands separators, with a scale word or in
  scientific notation; a share (a fact from -1 to 1) also in per cent. A share that is neither 0 nor 1 is never stated
  as 0, 1, 0 % or 100 %;
- the size of a negative fact; a number with a sign must have the sign of its fact;
- numbers within the facts' own sentences and names, and names of classes where the text says that it means a class;
- a few derived numbers, listed at `collect_numbers`;
- what is no claim about the data: list markers, ordinals up to the tenth, "the top 20" (round numbers up to 100), the
  level of a 95 % interval, an interval that includes zero, names such as F1 and R2.

Numbers in words are read too, see ``number_words``: a part ("half of", "one in three") and a multiple ("twice the
limit") must be within a tenth of a share and of a ratio among the facts.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from cleanlab_assets.reports.number_words import NumberPhrase, find_number_phrases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cleanlab_assets.reports.audit_facts import AuditFacts

NAMES_WITH_DIGITS = frozenset({"f1", "r2"})
ABOUT = Decimal("0.1")
"""How far, relatively, a part or a multiple in words may be from its fact."""
SCALES = {"k": 3, "thousand": 3, "m": 6, "million": 6, "billion": 9}

_SPELLINGS = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-")  # hyphens, the en dash and the minus sign
    | dict.fromkeys("\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb`", '"')
    | {"\u2014": " ", "\u00d7": "x"}  # the em dash and the multiplication sign
)
_PERCENT = r"(?:%|per\s?cent\b|percentage[\s-]points?\b|pp\b)"
_TOKEN = re.compile(
    rf"""
    (?P<name>[^\W\d]\w*?\d\w*)                                                # F1, x10, model_2
    | (?P<sign>(?<![\w)\]%])[-+])?
      (?: (?P<whole>\d{{1,3}}(?:[,\ '"_]\d{{3}})+(?!\d) | \d+) (?P<decimals>\.\d+)? | (?<![\w.])(?P<bare>\.\d+) )
      (?: e(?P<exponent>[-+]?\d{{1,3}})(?!\w) | \s?[x*]\s?10\^?(?P<power>[-+]\d{{1,3}}|(?<=\^)\d{{1,3}}) )?
      (?: (?P<scale>[\s-]?(?:thousand|million|billion) | (?-i:[kKM]))\b )?
      (?P<suffix>[^\W\d_]\w*)?
      (?P<percent>[\s-]?{_PERCENT})?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NO_CLAIM = re.compile(
    rf"""
    ^\s*\(?\d{{1,2}}[.)](?=\s)                                                 # 1. first item
    | \bstep\s\d{{1,2}}\b
    | \b(?:[1-9]|10)(?:st|nd|rd|th)\b
    | \b(?:top|first|worst|lowest|highest|next|last)[\s-](?:[1-9]?[05]|100)\b(?![.,]?\d|[\s-]?{_PERCENT})
    | \b(?:top|first|worst|lowest|highest|next|last)[\s-](?:five|ten|fifteen|(?:twen|thir|for|fif)ty|hundred)\b
    | \b95[\s-]?{_PERCENT}[\s-]*(?:\w+[\s-]+){{0,2}}?(?:confidence|intervals?|CI)\b
    | \b(?:includ|contain|cross|span|exclud|straddl|cover|above|below)\w*\s(?:zero|0)\b(?![.,]?\d|[\s-]?{_PERCENT})
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)
_BEFORE_CLASS = re.compile(r"""(?:\b(?:class|label|categor)\w*\s(?:"?\d+"?,?\s(?:and\s|or\s)?)*"?|")$""", re.IGNORECASE)
_RANGE = re.compile(r"\s?(?:-|to|and|or|±)\s?")


_METRIC_WORDS = {
    "AUC": ("roc_auc", "auroc"),
    "AUROC": ("roc_auc", "auroc"),
    "accuracy": ("accuracy",),
    "F1": ("f1",),
    "log loss": ("log_loss",),
    "R2": ("r2",),
    "RMSE": ("rmse",),
    "MAE": ("mae",),
}


@dataclass(frozen=True)
class FactNumbers:
    """What a text may state: ``values`` of facts, and ``ratios`` of them that it may tell as a multiple.

    ``names`` are words of theirs that hold numbers, ``classes`` those named by whole numbers.
    """

    values: frozenset[Decimal]
    names: frozenset[str]
    classes: frozenset[str]
    ratios: frozenset[Decimal] = frozenset()


class _Number(NamedTuple):
    start: int
    end: int
    value: Decimal
    sign: str
    is_percent: bool


def collect_numbers(facts: AuditFacts) -> FactNumbers:
    """Collect the numbers that a text about an audit may state; those of single rows are not among them.

    Every number among the facts and within their texts, and these derived ones: train and test rows together; the rows
    and the share that are not flagged; the share of each class and the number of classes; the share of the rows in
    near-duplicate sets and of the estimated errors; how many issue types there are, ran, did not run and found
    something; how many variants there are; and 0.5, the AUROC of chance, if errors were planted. Ratios are those of a
    rate to its limit, and of the average precision of planted errors to chance.
    """
    values: set[Decimal] = set()
    names: set[str] = set()
    for leaf in _list_leaves(facts.model_dump(exclude={"worst_rows", "label_distribution"})):
        if isinstance(leaf, str):
            # In prose a name such as "map_50" is written with spaces.
            found, named = _read_text(f"{leaf}\n{leaf.replace('_', ' ')}")
            values |= found
            names |= named
        else:
            values.add(leaf)
    labels = {_normalize(name).strip() for name in facts.label_distribution}
    classes = {name for name in labels if name.isdecimal()}
    for name in labels - classes:
        found, named = _read_text(name)
        values |= found
        names |= named
    derived = [*facts.label_distribution.values(), *_derive_numbers(facts)]
    values |= {_to_decimal(value) for value in derived if math.isfinite(value)}
    ratios = frozenset(_to_decimal(ratio) for ratio in _derive_ratios(facts))
    return FactNumbers(frozenset(values), frozenset(names), frozenset(classes), ratios)


def find_ungrounded_numbers(text: str, facts_numbers: FactNumbers) -> list[str]:
    """Return the numbers of a text that are no facts, as they are written, each once."""
    text = _NO_CLAIM.sub(lambda match: " " * len(match[0]), _normalize(text))
    ungrounded = []
    tokens = list(_TOKEN.finditer(text))
    numbers = [_read_number(match) for match in tokens]
    for position, (match, number) in enumerate(zip(tokens, numbers, strict=True)):
        if _is_name(match, facts_numbers, before=text[: match.start()]):
            continue
        following = numbers[position + 1] if position + 1 < len(numbers) else None
        if number is None or not _is_grounded(number, following, text, facts_numbers.values):
            ungrounded.append(match[0].strip())
    ungrounded += [item.text for item in find_number_phrases(text) if not _is_grounded_phrase(item, facts_numbers)]
    return list(dict.fromkeys(ungrounded))


def find_unknown_metrics(text: str, facts: AuditFacts) -> list[str]:
    """Return the usual metrics that a text speaks of and the audit does not hold, such as AUC in a regression."""
    names = [facts.primary_metric, *facts.cross_validation, *(name for item in facts.variants for name in item.metrics)]
    known = " ".join([*names, "" if facts.detection is None else "auroc"])
    return [
        word
        for word, parts in _METRIC_WORDS.items()
        if re.search(rf"\b{word}\b", _normalize(text), re.IGNORECASE) and not any(part in known for part in parts)
    ]


def _derive_numbers(facts: AuditFacts) -> list[float]:
    n_train = max(facts.n_train, 1)
    status = [item.status for item in facts.issue_types]
    derived = [
        facts.n_train + facts.n_test,
        facts.n_train - facts.n_label_issues,
        1 - facts.label_issue_rate,
        facts.n_duplicate_rows / n_train,
        (facts.estimated_errors or 0) / n_train,
        len(status),
        status.count("ran"),
        status.count("not run"),
        sum(1 for item in facts.issue_types if item.n_issues),
        len(facts.variants),
    ]
    if facts.detection is not None:
        derived.append(0.5)
    if facts.family == "classification":
        counts = facts.label_distribution.values()
        derived += [len(counts), *(count / n_train for count in counts)]
    return derived


def _derive_ratios(facts: AuditFacts) -> list[float]:
    shares = {item.issue_type: item.share for item in facts.issue_types}
    rates = {
        "label_issue_rate": facts.label_issue_rate,
        "outlier_rate": shares.get("outlier"),
        "near_duplicate_rate": shares.get("near_duplicate"),
        "expected_calibration_error": facts.expected_calibration_error,
    }
    ratios = [rate / facts.limits[name] for name, rate in rates.items() if rate and facts.limits.get(name)]
    if facts.detection is not None and facts.detection.planted_share:
        ratios.append(facts.detection.average_precision / facts.detection.planted_share)
    return [ratio for ratio in ratios if math.isfinite(ratio)]


def _list_leaves(value: object) -> Iterator[Decimal | str]:
    if isinstance(value, dict):
        for name, entry in value.items():
            yield str(name)
            yield from _list_leaves(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _list_leaves(entry)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield _to_decimal(value)


def _read_text(text: str) -> tuple[set[Decimal], set[str]]:
    """Return the numbers of a fact's own text, and its words that are or hold numbers."""
    text = _normalize(text)
    values, names = set(), {phrase.text.lower() for phrase in find_number_phrases(text)}
    for match in _TOKEN.finditer(text):
        number = _read_number(match)
        if any(character.isalpha() for character in match[0]):
            names.add(match[0].strip().casefold())
        if number is not None:
            values.add(number.value)
            if number.is_percent:
                values.add(number.value.scaleb(-2))
    return values, names


def _normalize(text: str) -> str:
    """Unify the spellings of digits, spaces, quotes and minus signs; drop what does not print."""
    text = re.sub(r"[^\S\n]", " ", unicodedata.normalize("NFKC", text).translate(_SPELLINGS))
    return "".join(character for character in text if character.isprintable() or character == "\n")


def _read_number(match: re.Match[str]) -> _Number | None:
    if match["name"]:
        return None
    value = Decimal(re.sub(r"\D", "", match["whole"] or "0") + (match["decimals"] or match["bare"] or ""))
    value = value.scaleb(int(match["exponent"] or match["power"] or 0))
    value = value.scaleb(SCALES.get((match["scale"] or "").strip(" -").lower(), 0))
    sign = match["sign"] or ""
    return _Number(
        start=match.start(),
        end=match.end(),
        value=-value if sign == "-" else value,
        sign=sign,
        is_percent=bool(match["percent"]),
    )


def _is_name(match: re.Match[str], facts_numbers: FactNumbers, *, before: str) -> bool:
    word = match[0].strip().casefold()
    if word in NAMES_WITH_DIGITS or word in facts_numbers.names:
        return True
    return word in facts_numbers.classes and _BEFORE_CLASS.search(before) is not None


def _is_grounded(number: _Number, following: _Number | None, text: str, facts: frozenset[Decimal]) -> bool:
    if number.is_percent:
        return any(_is_percentage(number, fact) for fact in facts)
    if any(_has_sign(number, fact) and _is_rounding(abs(number.value), abs(fact)) for fact in facts):
        return True
    # "between 4 and 5 %": the sign stands at the end of the range only.
    if following is None or not following.is_percent or not _RANGE.fullmatch(text[number.end : following.start]):
        return False
    return any(_is_percentage(number, fact) for fact in facts)


def _is_percentage(number: _Number, fact: Decimal) -> bool:
    if abs(fact) > 1 or not _has_sign(number, fact):
        return False
    stated, percent = abs(number.value), abs(fact).scaleb(2)
    if stated in (0, 100) and _is_whole(stated):
        return stated == percent
    return _is_rounding(stated, percent) or _is_rounding(stated.scaleb(-2), abs(fact))


def _is_rounding(stated: Decimal, fact: Decimal) -> bool:
    """Whether a number is a fact, rounded to the digits that are written; a whole number may end in rounded zeros."""
    if stated == fact:
        return True
    if _is_whole(stated):
        if fact < 1:
            return False
        stated = stated.normalize()
    unit = Decimal(1).scaleb(min(_exponent(stated), fact.adjusted()))
    return 2 * abs(stated - fact) <= unit


def _is_grounded_phrase(phrase: NumberPhrase, facts_numbers: FactNumbers) -> bool:
    if phrase.text.lower() in facts_numbers.names:
        return True
    sizes = {abs(fact) for fact in facts_numbers.values}
    if phrase.kind == "range":
        return any(phrase.value <= size < (phrase.high or phrase.value) for size in sizes)
    if phrase.kind == "ratio":
        return any(_is_about(phrase.value, ratio) for ratio in facts_numbers.ratios)
    if phrase.kind == "share":
        is_count = bool(phrase.parts) and sizes.issuperset(phrase.parts)
        return is_count or any(_is_about(phrase.value, size) for size in sizes if size <= 1)
    number = _Number(0, 0, phrase.value, "", is_percent=phrase.kind == "percentage")
    return _is_grounded(number, None, "", facts_numbers.values)


def _is_about(stated: Decimal, fact: Decimal) -> bool:
    return abs(stated - fact) <= ABOUT * fact


def _has_sign(number: _Number, fact: Decimal) -> bool:
    return not number.sign or fact == 0 or (fact < 0) == (number.sign == "-")


def _is_whole(value: Decimal) -> bool:
    return _exponent(value) >= 0


def _exponent(value: Decimal) -> int:
    return int(value.as_tuple().exponent)


def _to_decimal(value: float) -> Decimal:
    return Decimal(repr(value))
