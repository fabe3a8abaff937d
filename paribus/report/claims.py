"""Page of all claims: what each says, its verdict, its evidence, and what was not run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from paribus.analysis.claim_registry import ClaimRecord, CompoundClaim, wholes
from paribus.analysis.hypothesis_tests import Answer
from paribus.report.formatting import NOTHING, listed, number, pathless
from paribus.report.tables import Line, markdown

HOW = (
    "Every claim that a suite declares, and what the runs behind these pages say of it; nothing is taken from other "
    "sessions. `supported`: every part is shown. `refuted`: the opposite of a part is shown, after Holm over the "
    "parts. `undecided`: neither, which is no evidence that nothing is there. A claim rests on as many units as it "
    "names: seeds of one task speak of training again on that task, tasks of tasks like these. Facts, counts or one "
    "machine's clock, are read off and have no p. [How claims are answered](method.md#claims)."
)


def page(declared: Sequence[ClaimRecord], places: Collection[str]) -> str:
    """Return the whole page.

    Args:
        declared: every declared claim.
        places: on the pages that stand beside this one, which can be linked to, such as ``depth.md#claims-all-cpu``.
    """
    claims = wholes(declared)
    answered = [claim for claim in claims if claim.answer is not None]
    blocks = ["# Claims", HOW, *summary(claims)]
    blocks += [markdown([_line(claim) for claim in answered])] if answered else []
    for claim in answered:
        blocks += _section(claim, places)
    open_ = [_not_run(claim) for claim in claims if claim.answer is None]
    blocks += ["## Not run", markdown(open_)] if open_ else []
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
    title = _title(claim)
    return {
        "claim": f"[{title}](#{_slug(title)})",
        "says": _says(claim),
        "verdict": verdict(claim),
        "rests on": _rests_on(claim),
        "parts supported": f"{_count(claim, Answer.supported)} of {len(claim.parts)}",
        "suites": _suites(claim),
    }


def _not_run(claim: CompoundClaim) -> Line:
    return {"claim": _title(claim), "says": _says(claim), "suites": _suites(claim)}


def _says(claim: CompoundClaim) -> str:
    return claim.parts[0].claim.text + (" …" if len(claim.parts) > 1 else "")


def _suites(claim: CompoundClaim) -> str:
    return ", ".join(dict.fromkeys(part.suite for part in claim.parts))


def _count(claim: CompoundClaim, answer: Answer) -> int:
    return sum(part.answered is not None and part.answered.answer is answer for part in claim.parts)


def _rests_on(claim: CompoundClaim) -> str:
    """Return the units of its tests and whether some parts are facts, such as ``29 seeds and facts``."""
    answered = [part.answered for part in claim.parts if part.answered]
    units = dict.fromkeys(each.units for each in answered if each.units)
    facts = ["facts"] * any(each.claim.fact and not each.untested for each in answered)
    return listed([*units, *facts]) if units or facts else NOTHING


def _slug(title: str) -> str:
    """Return the anchor of a heading: GitHub leaves out all but letters, digits, spaces, hyphens and underscores.

    >>> _slug("S13 encoder_decoder, gates")
    's13-encoder_decoder-gates'
    """
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _section(claim: CompoundClaim, places: Collection[str]) -> list[str]:
    tested = [_part(part, places) for part in claim.parts if not part.claim.fact]
    facts = [_part(part, places) for part in claim.parts if part.claim.fact]
    blocks = [f"## {_title(claim)}", _in_words(claim)]
    blocks += [markdown(tested)] if tested else []
    return blocks + (["Facts, read off without a test:", markdown(facts)] if facts else [])


def _in_words(claim: CompoundClaim) -> str:
    """Return the verdict and how many parts it rests on."""
    total, rests = len(claim.parts), _rests_on(claim)
    on = "" if rests == NOTHING else f", on {rests}"
    if total == 1:
        return f"**{verdict(claim)}**{on}"
    if _count(claim, Answer.supported) == total:
        return f"**{verdict(claim)}**: all {total} parts{on}"
    absent = sum(part.answered is None for part in claim.parts)
    counts = [(_count(claim, answer), str(answer)) for answer in Answer] + [(absent, "not run")]
    told = ", ".join(f"{count} {name}" for count, name in counts if count)
    return f"**{verdict(claim)}**: of {total} parts {told}{on}"


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
    """Return the page that holds the evidence, and what was spent on it."""
    name = f"{part.suite}, {part.comparison}" if part.comparison else part.suite
    file = f"{part.suite}.md"
    if part.answered is None:
        return f"{name}: its suite was not run"
    target = f"{file}#{place(part.comparison, part.device)}"
    link = f"[{name}]({target})" if target in places else name
    tuned = ", tuned" if part.claim.arm == "tuned" else ""
    return f"{link}: {part.spent}{tuned}"
