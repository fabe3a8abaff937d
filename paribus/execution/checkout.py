"""Source that is checked out where a session runs, for the records of its runs."""

from __future__ import annotations

import subprocess


def checked_out() -> dict[str, object]:
    """Return the commit that is checked out, and whether files differ from it."""
    commit = _git("rev-parse", "--short=12", "HEAD")
    return {
        "commit": commit or "unknown",
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the arguments are this file's own
            ["git", *arguments],  # noqa: S607 - whichever git the user has
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
