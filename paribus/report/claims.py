"""The page of all claims: what each says, its verdict, its evidence, and what was not run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from paribus.analysis.claim_registry import ClaimRecord, CompoundClaim, wholes
from paribus.report.formatting import NOTHING, number
from paribus.report.tables import Line, markdown
from paribus.report.text import pathless

HOW = (
    "Every claim that a suite declares, in the order of their numbers. A claim was stated before anything ran: a "
    "variant, a score, a direction, a margin where one is needed. Claims of several parts need them all: `supported` "
    "means that every part is, `refuted` that at least one part is (the opposite, or equivalence, was shown), "
    "`undecided` all else."
)


def page(found: Sequence[ClaimRecord], places: Collection[str]) -> str:
    """The whole page.

    Args:
        found: every declared claim.
        places: on the pages that stand beside this one, which can be linked to, such as ``depth.md#claims-all-cpu``.
    """
    claims = wholes(found)
    blocks = ["# Claims", HOW, *summary(claims), markdown([_line(claim) for claim in claims])]
    for claim in claims:
        blocks += _section(claim, places)
    return "\n\n".join(blocks) + "\n"


def summary(claims: Sequence[CompoundClaim]) -> list[str]:
    """How many are what, and how many of them chance alone would support."""
    counts = Counter(verdict(claim) for claim in claims)
    told = ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
    tested = [claim.false_support for claim in claims if claim.answer is not None]
    expected = number(sum(tested), 2)
    return [
        f"Of {len(claims)} claim{'s' * (len(claims) != 1)}: {told}.",
        f"**Expected number of false supports**: of the {len(tested)} that were answered chance alone would support at "
        f"most {expected}, if each of them were false. A part in a stated direction errs with 2.5 %, one of "
        "equivalence or non-inferiority with 5 %, an identity is no test and errs not at all. One false part makes a "
        "claim of several parts false, while the others may be true, so it errs at most as often as its easiest part; "
        "one with a part that was not run cannot be supported.",
    ]


def verdict(claim: CompoundClaim) -> str:
    """The answer in a word."""
    return "not run" if claim.answer is None else str(claim.answer)


def place(comparison: str, device: str) -> str:
    """The name of the place on a suite's page where its claims stand."""
    return f"claims-{comparison or 'all'}-{device}"


def mark(comparison: str, device: str) -> str:
    """What makes that place one that can be linked to."""
    return f'<a id="{place(comparison, device)}"></a>'


def marked(text: str) -> list[str]:
    """The names of such places on a page."""
    return re.findall(r'<a id="(claims-[^"]+)"></a>', text)


def _title(claim: CompoundClaim) -> str:
    return f"{claim.name} on {claim.device}" if claim.device not in ("", "cpu") else claim.name


def _line(claim: CompoundClaim) -> Line:
    known = [part.answered.answer for part in claim.parts if part.answered]
    supported = sum(answer == "supported" for answer in known)
    title = _title(claim)
    return {
        "claim": f"[{title}](#{_slug(title)})",
        "says": claim.parts[0].claim.text + (" …" if len(claim.parts) > 1 else ""),
        "verdict": verdict(claim),
        "parts supported": f"{supported} of {len(claim.parts)}",
        "suites": ", ".join(dict.fromkeys(part.suite for part in claim.parts)),
    }


def _slug(title: str) -> str:
    """What a heading is linked to by: GitHub leaves out all but letters, digits, spaces, hyphens and underscores.

    >>> _slug("S13 encoder_decoder, gates")
    's13-encoder_decoder-gates'
    """
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _section(claim: CompoundClaim, places: Collection[str]) -> list[str]:
    lines = [_part(part, places) for part in claim.parts]
    return [f"## {_title(claim)}", f"**{verdict(claim)}**", markdown(lines)]


def _part(part: ClaimRecord, places: Collection[str]) -> Line:
    answered = part.answered
    return {
        "says": part.claim.text,
        "answer": str(answered.answer) if answered else "not run",
        "evidence": pathless(answered.evidence) if answered else NOTHING,
        "where": _where(part, places),
        "source": part.claim.source,
    }


def _where(part: ClaimRecord, places: Collection[str]) -> str:
    """The page that holds the evidence, what was spent on it, and when where that was not now."""
    name = f"{part.suite}, {part.comparison}" if part.comparison else part.suite
    file = f"{part.suite}.md"
    if part.answered is None:
        return f"{name}: its suite was not run"
    target = f"{file}#{place(part.comparison, part.device)}"
    link = f"[{name}]({target})" if target in places else name
    earlier = (
        f", answered on {part.earlier}; this time: {pathless(part.since)}" if part.earlier else ""
    )
    tuned = ", tuned" if part.claim.arm == "tuned" else ""
    return f"{link}: {part.spent}{tuned}{earlier}"
