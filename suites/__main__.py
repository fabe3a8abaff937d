"""Print descriptions of the built-in suites: ``python -m paribus.suites > suites/catalogue.json``."""

from __future__ import annotations

import json
import sys

from paribus.frontends.discovery import describe
from paribus.suites import SUITES


def catalogue() -> str:
    """Return the text of ``catalogue.json``, from which ``paribus list`` answers without importing torch."""
    suites = [
        f"{json.dumps(suite.name)}: [\n  " + ",\n  ".join(map(json.dumps, describe(suite))) + "\n ]"
        for suite in SUITES
    ]
    return "{\n " + ",\n ".join(suites) + "\n}\n"


if __name__ == "__main__":
    sys.stdout.write(catalogue())
