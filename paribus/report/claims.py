"""Page of all claims: what each says, its verdict, its evidence, and what was not run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from paribus.analysis.claim_registry import ClaimRecord, CompoundClaim, wholes
from paribus.analysis.hypothesis_tests import Answer
from paribus.report.formatting import NOTHING, number, pathless
from paribus.report.tables import Line, markdown

HOW = (
    "Every claim that a suite declares, stated before anything ran. `supported`: every part is; `refuted`: at least "
    "one part is; `undecided`: all else. [How claims are answered](method.md#claims)."
)


def page(declared: Sequence[ClaimRecord], places: Collection[str]) -> str:
    """Return the whole page.

    Args:
        declared: every declared claim.
        places: on the pages that stand beside this one, which can be linked to, such as ``depth.md#claims-all-cpu``.
    """
    claims = wholes(declared)
    blocks = ["# Claims", HOW, *summary(claims), markdown([_line(claim) for claim in claims])]
    for claim in claims:
        blocks += _section(claim, places)
    return "\n\n".join(blocks) + "\n"


def summary(claims: Sequence[CompoundClaim]) -> list[str]:
    """Count the claims by verdict, and those that chance alone would support."""
    counts = Counter(verdict(claim) for claim in claims)
    counted = ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
    tested = [claim.false_support for claim in claims if claim.answer is not None]
    expected = number(sum(tested), 2)
    return [
        f"Of {len(claims)} claim{'s' * (len(claims) != 1)}: {counted}.",
        f"**Expected number of false supports**: at most {expected} of the {len(tested)} that were answered, if each "
        "of them were false.",
    ]


def verdict(claim: CompoundClaim) -> str:
    """Return the answer in a word."""
    return "not run" if claim.answer is None else str(claim.answer)


def place(comparison: str, device: str) -> str:
    """Return the anchor of a comparison's claims on the page of its suite."""
    return f"claims-{comparison or 'all'}-{device}"


def mark(comparison: str, device: str) -> str:
    """Return the element that makes this anchor."""
    return f'<a id="{place(comparison, device)}"></a>'


def marked(text: str) -> list[str]:
    """Return the anchors of claims on a page."""
    return re.findall(r'<a id="(claims-[^"]+)"></a>', text)


def _title(claim: CompoundClaim) -> str:
    return f"{claim.name} on {claim.device}" if claim.device not in ("", "cpu") else claim.name


def _line(claim: CompoundClaim) -> Line:
    answers = [part.answered.answer for part in claim.parts if part.answered]
    supported = answers.count(Answer.supported)
    title = _title(claim)
    return {
        "claim": f"[{title}](#{_slug(title)})",
        "says": claim.parts[0].claim.text + (" …" if len(claim.parts) > 1 else ""),
        "verdict": verdict(claim),
        "parts supported": f"{supported} of {len(claim.parts)}",
        "suites": ", ".join(dict.fromkeys(part.suite for part in claim.parts)),
    }


def _slug(title: str) -> str:
    """Return the anchor of a heading: GitHub leaves out all but letters, digits, spaces, hyphens and underscores.

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
    """Return the page that holds the evidence, what was spent on it, and when, where that was earlier."""
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
