"""Pages as files: nothing that a name, a class or an error holds becomes markup or a link of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paribus.errors import ParibusError, visible

# Tags of HTML, but for the anchors that claims are linked by.
_TAG = re.compile(r'<(?!a id="claims-[\w.:-]+"></a>)(?=[A-Za-z/!?])')
_OWN_END = re.compile(r'(<a id="claims-[\w.:-]+">)&lt;/a>')
# Images of another place than the page's folder, which whoever looks at the page would ask for.
_REMOTE = re.compile(r"!\[(?=[^\]]*\]\(\s*<?\s*(?:[a-z][a-z0-9+.-]*:|//))", re.IGNORECASE)
_RUNS = re.compile(r"\]\((?=\s*<?\s*(?:javascript|vbscript|data|file):)", re.IGNORECASE)


def escaped(text: str) -> str:
    r"""Return a page on which only the markup of pages themselves is left.

    >>> escaped("![x](http://a.org/x.png) ![own](own.png)")
    '!\\[x](http://a.org/x.png) ![own](own.png)'
    >>> escaped('<a id="claims-x-cpu"></a> <b>p < 0.001</b> [x](javascript:y) [x](a.md)')
    '<a id="claims-x-cpu"></a> &lt;b>p < 0.001&lt;/b> [x]\\(javascript:y) [x](a.md)'
    """
    text = _REMOTE.sub(r"!\\[", visible(text))
    text = _TAG.sub("&lt;", _RUNS.sub(r"]\\(", text))
    return _OWN_END.sub(r"\1</a>", text)


def write_page(path: Path, text: str) -> Path:
    """Write a page, escaped.

    Raises:
        OSError: it cannot be written.
    """
    path.write_text(escaped(text), encoding="utf-8", newline="\n")
    return path


@contextmanager
def writing_pages(out: Path, store: Path) -> Iterator[None]:
    """Say in a line why pages cannot be written, and that what they are made of is kept.

    Args:
        out: folder for pages.
        store: file of runs.

    Raises:
        ParibusError: the system refused a file.
    """
    try:
        yield
    except OSError as error:
        raise ParibusError(
            "pages",
            got=f"{error.filename or out}, which cannot be written ({error.strerror or error})",
            expected=f"a folder with room at {out}",
            fix=f"Make room, or name another with --paribus-out and the same --paribus-store {store}: the runs are "
            "kept, and are not trained again.",
        ) from error


def plain_cell(value: object) -> object:
    """Return a value for a CSV file: text that a spreadsheet program would run as a formula gets an apostrophe.

    >>> plain_cell("=1+1"), plain_cell("adam"), plain_cell(-1.5)
    ("'=1+1", 'adam', -1.5)
    """
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
