"""Paths that users give: refused in a line where the system cannot even look them up."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

from paribus.errors import ParibusError

SHOWN = 60  # letters of a long path that an error shows
ABSENT = {errno.ENOENT, errno.ENOTDIR}


def usable_path(path: str | Path) -> Path:
    """Return a path with the user's home in place of ``~``, whether something is there or not.

    Raises:
        ParibusError: it is too long, leads in a circle or through a folder that is closed, or its user is unknown.
    """
    try:
        found = Path(path).expanduser()
        found.stat()
    except RuntimeError:
        raise _refused(path, "whose home folder is not known") from None
    except ValueError:
        raise _refused(path, "which holds a zero byte") from None
    except OSError as error:
        if error.errno not in ABSENT:
            raise _refused(path, f"which cannot be looked up ({error.strerror})") from None
    return found


def _refused(path: str | Path, why: str) -> ParibusError:
    text = str(path)
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}... of {len(text)} letters"
    return ParibusError(
        "a path", got=f"{shown}, {why}", expected="one that can be looked up", fix="Check it."
    )


def is_special(path: Path) -> bool:
    """Return whether a path is a device, a pipe or a socket: reading it may never end.

    Raises:
        OSError: nothing is there.
    """
    mode = path.stat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def is_text(path: Path) -> bool:
    """Return whether a path is text, which one from bytes in another encoding than the system's is not."""
    return not any("\ud800" <= sign <= "\udfff" for sign in str(path))
