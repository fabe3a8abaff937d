"""Evidence: the runs that pages were made from as one compact file, and the pages made from it again.

A page can be made again years later, on another machine, from other code, without training: runs are found by the
names that they were given then.
"""

from __future__ import annotations

import json
import lzma
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from paribus.errors import ParibusError
from paribus.execution.cases import Case, cases, skip_reason
from paribus.execution.plan import Plan
from paribus.execution.settings import Settings
from paribus.experiment.suite import Suite
from paribus.runs import fingerprint
from paribus.runs.environment import Environment, as_on
from paribus.runs.run import torch_minor
from paribus.runs.store import Store

FILE = "evidence.json.xz"
FORMAT = 1


def write_bundle(plan: Plan, shown: Sequence[Case], path: Path) -> None:
    """Write what the pages of some cells were made from.

    Args:
        plan: has made the pages, so that its store knows which runs were read.
        shown: the cells of these pages.
        path: of the file.
    """
    settings = plan.settings
    evidence = {
        "format": FORMAT,
        "settings": {
            f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in LEFT_OUT
        },
        "shown": [
            *dict.fromkeys((c.suite.name, c.comparison.name, c.device, c.arm) for c in shown)
        ],
        "declared": [suite.name for suite in plan.declared],
        "failures": [[case.name, reason] for case, reason in plan.failures.items()],
        "machine": asdict(
            Environment(
                sources=dict(sorted(fingerprint.made.items())),
                torch=torch_minor(),
                skipped={d: reason for d in settings.devices if (reason := skip_reason(d))},
            )
        ),
        "tables": plan.store.tables(),
    }
    text = json.dumps(evidence, separators=(",", ":"))
    path.write_bytes(lzma.compress(text.encode(), preset=6))


# Settings that do not decide what is on the pages.
LEFT_OUT = ("out", "store", "retrain", "jobs", "evidence")


def rebuild(path: Path, out: Path, find: Callable[[str], Suite]) -> list[Path]:
    """Make pages again from what `write_bundle` wrote; nothing is trained.

    Args:
        path: the file, or the folder that holds it.
        out: folder for the pages.
        find: a suite by its name.

    Returns:
        What was written, the index first.

    Raises:
        ParibusError: the file is not there or not ours, or the suites have changed so that it holds other runs.
    """
    from paribus.report import write

    evidence = _read(path / FILE if path.is_dir() else path)
    with tempfile.TemporaryDirectory() as folder, as_on(Environment(**evidence["machine"])):
        store = Path(folder) / "runs.sqlite"
        with Store(store) as made:
            made.fill(evidence["tables"])
        plan = Plan(Settings(**evidence["settings"], out=out, store=store))
        with plan.store:
            shown = _shown(evidence, find)
            failures = dict(evidence["failures"])
            plan.failures = {c: failures[c.name] for c in shown if c.name in failures}
            plan.prepare(shown)
            results = plan.results(shown)
            declared = [find(name) for name in evidence["declared"]]
            return write(results, out, plan.claims(declared, results))


def _read(path: Path) -> dict[str, Any]:
    try:
        evidence: dict[str, Any] = json.loads(lzma.decompress(path.read_bytes()))
        known = evidence.get("format") == FORMAT
    except (OSError, lzma.LZMAError, ValueError, AttributeError) as error:
        raise _refusal(f"{path} ({error})") from error
    if not known:
        raise _refusal(f"{path} of format {evidence.get('format')}")
    return evidence


def _refusal(got: str) -> ParibusError:
    return ParibusError(
        "evidence of runs",
        got=got,
        expected=f"a file that --paribus-evidence wrote, format {FORMAT}",
        fix=f"Name a folder of results that holds {FILE}.",
    )


def _shown(evidence: dict[str, Any], find: Callable[[str], Suite]) -> list[Case]:
    wanted = {tuple(each) for each in evidence["shown"]}
    suites = [find(name) for name in dict.fromkeys(suite for suite, *_ in evidence["shown"])]
    return [
        c for c in cases(suites) if (c.suite.name, c.comparison.name, c.device, c.arm) in wanted
    ]
