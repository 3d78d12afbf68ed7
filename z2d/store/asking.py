"""A person's search words as questions that PostgreSQL understands, one for each language that there is.

    words so          all of them in one place          "these words"     one after the other
    one or other      either                            -word -"a b"      without that

A transcript is indexed by the rules of its language, so the words must be asked for by the same rules. Loose words that
are stop words of a language are left out there ("the"), unless there is nothing else; within quotes every word counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from z2d.store.clean import clean_text

MOST_WORDS = 24


class Item(NamedTuple):
    """A word or a phrase that is asked for."""

    text: str
    quoted: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """The question in each text search configuration: {"english": "'owl' & 'fli'"}. Empty: nothing can be found.

    `spoken` are the configurations of the transcripts, which are not asked in any other: most libraries speak one or
    two languages, and each one more costs time. `least` is how many words the shortest of the wanted phrases has; a
    loose word is a phrase of one.
    """

    by_config: Mapping[str, str]
    spoken: frozenset[str]
    least: int = 1

    @property
    def of_texts(self) -> str:
        """One question for all languages together."""
        return _either(self.by_config.values())

    @property
    def of_transcripts(self) -> str:
        """One question for all languages of transcripts together; one that finds nothing where there are none."""
        return _either(one for config, one in self.by_config.items() if config in self.spoken)


def _either(questions: Iterable[str]) -> str:
    return " | ".join(f"({one})" for one in dict.fromkeys(questions))


_TOKEN = re.compile(r'(-?)"([^"]*)"?|(-?)([^\s"]+)')


def read(q: str) -> list[list[Item]]:
    """The alternatives of a search line, each a list of what it wants; at most 24 words and phrases are looked at."""
    alternatives: list[list[Item]] = [[]]
    for found in list(_TOKEN.finditer(clean_text(q)))[:MOST_WORDS]:
        quoted = found[2] is not None
        item = Item(found[2] if quoted else found[4], quoted, bool(found[1] or found[3]))
        if not quoted and not item.negated and item.text.lower() == "or":
            alternatives.append([])
        elif item.text.strip():
            alternatives[-1].append(item)
    return [one for one in alternatives if one]


# Walks over the different values of each index: as many steps as there are languages, however many rows there are.
_ASK = """
    WITH RECURSIVE spoken AS (
        (SELECT language FROM transcripts ORDER BY language LIMIT 1)
        UNION ALL
        SELECT (SELECT language FROM transcripts t WHERE t.language > s.language ORDER BY language LIMIT 1)
        FROM spoken s WHERE s.language IS NOT NULL
    ), described AS (
        (SELECT language FROM job_metadata WHERE language > '' ORDER BY language LIMIT 1)
        UNION ALL
        SELECT (SELECT language FROM job_metadata m WHERE m.language > d.language ORDER BY language LIMIT 1)
        FROM described d WHERE d.language IS NOT NULL
    ), summed AS (
        (SELECT language FROM job_analysis WHERE is_current AND language > '' ORDER BY language LIMIT 1)
        UNION ALL
        SELECT (SELECT language FROM job_analysis a WHERE a.is_current AND a.language > s.language
                ORDER BY language LIMIT 1)
        FROM summed s WHERE s.language IS NOT NULL
    ), spelled AS (
        SELECT z2_ts_config(language)::text AS config, min(coalesce(language, '')) AS language,
            bool_or(spoken) AS spoken
        FROM (SELECT '' AS language, false AS spoken
              UNION ALL SELECT language, true FROM spoken WHERE language IS NOT NULL
              UNION ALL SELECT language, false FROM described
              UNION ALL SELECT language, false FROM summed) l
        GROUP BY 1
    )
    SELECT config, spoken, word.number - 1 AS number,
        phraseto_tsquery(z2_ts_exact(language), z2_apart(word.text))::text AS exact,
        numnode(plainto_tsquery(z2_ts_config(language), z2_apart(word.text))) = 0 AS stops
    FROM spelled CROSS JOIN unnest($1::text[]) WITH ORDINALITY word(text, number)
    ORDER BY config = 'simple', config, number
"""


async def ask(connection: Any, q: str) -> Asked:
    """The question in every language that the library holds."""
    alternatives = read(q)
    items = [item for one in alternatives for item in one]
    lexemes: dict[str, list[tuple[str, bool]]] = {}
    spoken = set()
    if items:
        for row in await connection.fetch(_ASK, [item.text for item in items]):
            lexemes.setdefault(row["config"], []).append((row["exact"], row["stops"]))
            if row["spoken"]:
                spoken.add(row["config"])
    by_config = {}
    for config, words in lexemes.items():
        following = iter(zip(items, words, strict=True))
        parts = [_conjunction([next(following) for _ in one]) for one in alternatives]
        if text := " | ".join(f"({part})" for part in parts if part):
            by_config[config] = text
    lengths = [
        exact.count(" <") + 1
        for words in lexemes.values()
        for item, (exact, _) in zip(items, words, strict=True)
        if exact and not item.negated
    ]
    return Asked(by_config, frozenset(spoken), min(lengths, default=1))


def _conjunction(words: Iterable[tuple[Item, tuple[str, bool]]]) -> str:
    """One alternative as a question; empty where it wants nothing, or only that something is absent."""
    wanted, stops, unwanted = [], [], []
    for item, (exact, is_stop) in words:
        if not exact:
            continue
        if item.negated:
            unwanted.append(f"!({exact})")
        elif is_stop and not item.quoted:
            stops.append(f"({exact})")
        else:
            wanted.append(f"({exact})")
    wanted = wanted or stops
    return " & ".join((*wanted, *unwanted)) if wanted else ""
