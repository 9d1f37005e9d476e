"""Parse amounts of money from text in SQL, by the rules of clickstream/collecting/money.py.

Collecting has converted the amounts of trackers to numbers; the property that a goal names is as the site wrote it.
"""

from __future__ import annotations

from clickstream.model.commerce import LONGEST_TEXT, SYMBOLS
from clickstream.privacy.nobody import NOTHING

# Sums of decimals are exact in any order, and never NaN or infinite.
MONEY = "DECIMAL(18, 4)"

# Variants of the marks in numbers: minus, en dash, apostrophe, Arabic decimal and thousands separators, narrow and
# non-breaking spaces.
_MARKS = ("\u2212\u2013\u2019\u066b\u066c\u00a0\u202f\u2009", "--'.,   ")
_WORD = r"([^\d\s.,'()+-]{1,4}\.?)"
_TEXT = rf"^(?:{_WORD}\s*)?([+-]?)\s*(?:{_WORD}\s*)?(\d[\d.,'\s]*|[.,]\d+)(-?)\s*{_WORD}?$"
_PARTS = "['first', 'sign', 'second', 'digits', 'after', 'third']"
_BRACKETS = r"^\((.*)\)$"
_GROUPED = r"^\d{1,3}(?:[\s']\d{3})+(?:[.,]\d*)?$"
_NO_CODES = ", ".join(f"'{word}'" for word in sorted(NOTHING) if len(word) == 3 and word.isalpha())
_SYMBOLS = " ".join(f"WHEN '{symbol}' THEN '{code}'" for symbol, code in SYMBOLS.items())


def amounts(name: str, source: str) -> str:
    """Common table expressions that parse the columns `amount_text` and `code` of a source, texts or null.

    The last one, `name`, has the source's columns and these: `amount`, a decimal, null if the text has none; `named`,
    the currency of `code`, else the one within `amount_text`, else null.
    """
    return f"""
{name}_parts AS (
    SELECT *,
        trim(translate(amount_text, {_quoted(_MARKS[0])}, {_quoted(_MARKS[1])})) AS plain,
        regexp_extract(
            trim(regexp_replace(plain, '{_BRACKETS}', '\\1')),
            {_quoted(_TEXT)},
            {_PARTS}
        ) AS part
    FROM {source}
),
{name}_numbers AS (
    SELECT *,
        trim(part.digits) AS digits,
        CASE WHEN NOT regexp_matches(digits, '[\\s'']') THEN digits
            WHEN regexp_matches(digits, {_quoted(_GROUPED)})
                THEN regexp_replace(digits, '[\\s'']', '', 'g') END AS joined,
        list_filter([part.first, part.second, part.third], lambda word: word <> '') AS words,
        trim(coalesce(code, rtrim(words[1], '.'))) AS mark
    FROM {name}_parts
),
{name} AS (
    SELECT * EXCLUDE (plain, part, digits, joined, words, mark),
        coalesce(
            TRY_CAST(amount_text AS {MONEY}),
            CASE WHEN length(amount_text) <= {LONGEST_TEXT} AND len(words) < 2 THEN TRY_CAST(
                CASE WHEN regexp_matches(plain, '{_BRACKETS}') OR part.sign = '-'
                    OR (part.after = '-' AND NOT regexp_matches(digits, '[.,]$')) THEN '-' ELSE '' END
                || CASE
                    WHEN regexp_matches(joined, '^[^.]*\\.[^.,]*$') THEN replace(joined, ',', '')
                    WHEN regexp_matches(joined, '^\\d+,\\d{{3}}$') AND joined[1:2] <> '0,' THEN replace(joined, ',', '')
                    WHEN regexp_matches(joined, '^[^,]*,[^.,]*$') THEN replace(replace(joined, '.', ''), ',', '.')
                    WHEN regexp_matches(joined, '^[.\\d]*$') THEN replace(joined, '.', '')
                    WHEN regexp_matches(joined, '^[,\\d]*$') THEN replace(joined, ',', '')
                END AS {MONEY}
            ) END
        ) AS amount,
        CASE WHEN regexp_full_match(mark, '[A-Za-z]{{3}}') AND lower(mark) NOT IN ({_NO_CODES}) THEN upper(mark)
            ELSE CASE lower(mark) {_SYMBOLS} END END AS named
    FROM {name}_numbers
)""".strip()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
