"""Evidence bundle: the runs that pages were made from as one compact file, and a study of it.

A page can be made again years later, on another machine, from other code, without training: runs are found by the
names that they were given then.
"""

from __future__ import annotations

import json
import lzma
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from paribus.analysis.results import Result
from paribus.data.paths import is_special
from paribus.errors import ParibusError
from paribus.execution.cases import Case
from paribus.execution.settings import Settings
from paribus.execution.study import Study
from paribus.experiment.suite import Suite
from paribus.runs.environment import Environment

FILE = "evidence.json.xz"
FORMAT = 2


def write_bundle(
    study: Study,
    cases: Sequence[Case],
    results: Sequence[Result],
    declared: Sequence[Suite],
    path: Path,
) -> None:
    """Write what the pages of some cases were made from, after they were.

    Args:
        study: that the cases are of.
        cases: of these pages.
        results: of these cases; the runs that they rest on are kept.
        declared: suites whose claims are listed.
        path: of the file.
    """
    settings, environment = study.settings, study.environment
    keys = {key for result in results for key in result.run_keys}
    # Predictions would be most of the evidence: only those that pages were made of are kept.
    tables = study.store.tables(keys, keys & study.store.read)
    tables["choices"] += [[name, *choice[:3]] for name, choice in study.engines.for_now.items()]
    evidence = {
        "format": FORMAT,
        "settings": {
            f.name: getattr(settings, f.name) for f in fields(settings) if f.name not in LEFT_OUT
        },
        "cases": list(cases),
        "declared": [suite.name for suite in declared],
        "failures": list(study.failures.items()),
        "environment": {
            "sources": dict(sorted(environment.sources.items())),
            "torch": environment.torch,
            "skipped": environment.skipped,
        },
        "tables": tables,
    }
    text = json.dumps(evidence, separators=(",", ":"))
    path.write_bytes(lzma.compress(text.encode(), preset=6))


# Settings that do not decide what is on the pages.
LEFT_OUT = (
    "out",
    "store",
    "retrain",
    "jobs",
    "where",
    "unauthenticated",
    "evidence",
    "device",
    "arm",
)


@contextmanager
def opened(
    path: Path, out: Path, find: Callable[[str], Suite]
) -> Iterator[tuple[Study, list[Case], list[Suite]]]:
    """Open what `write_bundle` wrote: a study, its cases, and the suites whose claims are listed.

    Args:
        path: the file, or the folder that holds it.
        out: folder for pages.
        find: returns a suite by its name.

    Raises:
        ParibusError: the file is not there or not ours.
    """
    evidence = _read(path / FILE if path.is_dir() else path)
    with _refusing(path):
        cases = [Case(*names) for names in evidence["cases"]]
        names = dict.fromkeys(case.suite for case in cases)
        given, recorded = evidence["settings"], evidence["environment"]
        if not given["data"]:  # folds of no data were once taken for nothing
            given = {**given, "folds": None}
        failures = {Case(*names): why for names, why in evidence["failures"]}
        declared, tables = evidence["declared"], evidence["tables"]
    suites = [find(name) for name in names]
    with tempfile.TemporaryDirectory() as folder:
        with _refusing(path):
            settings = Settings(**given, out=out, store=Path(folder) / "runs.sqlite")
            environment = Environment(**recorded, recorded=True)
        study = Study(settings, suites, environment=environment)
        with study.store:
            with _refusing(path):
                study.store.fill(tables)
            study.failures = failures
            yield study, cases, [find(name) for name in declared]


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """Refuse a file of the right format whose parts are not what was written.

    Raises:
        ParibusError: names what is wrong.
    """
    try:
        yield
    except (TypeError, LookupError, ValueError, AttributeError) as error:
        raise _refusal(
            f"{path}, of which a part is damaged ({type(error).__name__}: {error})"
        ) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and is_special(path):
            raise _refusal(f"{path}, which is a device or a pipe")
        evidence: dict[str, Any] = json.loads(lzma.decompress(path.read_bytes()))
        readable = evidence.get("format") == FORMAT
    except (OSError, lzma.LZMAError, ValueError, AttributeError) as error:
        raise _refusal(f"{path} ({error})") from error
    if not readable:
        raise _refusal(f"{path} of format {evidence.get('format')}")
    return evidence


def _refusal(got: str) -> ParibusError:
    return ParibusError(
        "evidence of runs",
        got=got,
        expected=f"a file that --paribus-evidence wrote, format {FORMAT}",
        fix=f"Name a folder of results that holds {FILE}.",
    )
