"""Text that is safe on a page: no stray table bars, no folders of the machine that it was made on."""

from __future__ import annotations

import re

from paribus.spec import Call

_FOLDERS = re.compile(r"(?<![\w./~-])(?:~|[A-Za-z]:)?[\\/](?:[^\\/\s'\"|]+[\\/])+")


def cell(text: object) -> str:
    r"""Text within a cell of a table.

    >>> print(cell("a|b"))
    a\|b
    """
    return " ".join(str(text).replace("|", "\\|").split())


def pathless(text: str) -> str:
    """Text on one line, each absolute path cut to its last name.

    >>> pathless("cannot read /home/me/data/patients.csv: empty")
    'cannot read patients.csv: empty'
    """
    return _FOLDERS.sub("", " ".join(text.split()))


def slug(title: str) -> str:
    """A title as part of a file's name.

    >>> slug("Confusion of classes")
    'confusion-of-classes'
    """
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))


def setting(value: object) -> str:
    """A setting's value as a page shows it.

    >>> setting(None), setting(True), setting({"target": "torch.nn:ReLU", "kwargs": {}}), setting(0.1)
    ('none', 'yes', 'ReLU()', '0.1')
    """
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, dict) and value.keys() == {"target", "kwargs"}:
        return Call(target=value["target"], kwargs=value["kwargs"]).label
    if isinstance(value, dict):
        return ", ".join(f"{name}={setting(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(setting, value)) or "none"
    return pathless(str(value)) or "none"
