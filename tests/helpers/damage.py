"""Bytes of files, damaged in ways that a search may combine: what readers must not stumble over."""

from __future__ import annotations

import gzip
import io
from functools import cache

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from PIL import Image

# Texts that have a meaning of their own in a table, or are almost numbers, times or marks.
TOKENS = [
    *(
        b",",
        b";",
        b"\t",
        b"|",
        b'"',
        b"\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"\xff",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
    ),
    *(
        b"nan",
        b"inf",
        b"-inf",
        b"1e999",
        b"1e308",
        b"9" * 400,
        b"-0",
        b"0x10",
        b"1_000",
        b"1.000,5",
    ),
    *(
        b"%",
        b"$",
        "²".encode(),
        "٣".encode(),
        "😀".encode(),
        b"\xe2\x80\x8b",
        b"\xed\xa0\x80",
        b"\x85",
    ),
    *(
        b"2024-02-30",
        b"24:00",
        b"10000-01-01",
        b"0001-01-01",
        b"NaT",
        b"True",
        b"1970-01-01T00:00Z",
    ),
    *(
        b"=1+1",
        b"@x",
        b"#",
        b"sep=;\n",
        b"[1]",
        b"{}",
        b"",
        b" ",
        b"../../x.png",
        b"/etc/passwd.png",
    ),
]


@cache
def tables() -> list[bytes]:
    """Return tables in every format that is read: separated values, packed, Excel, Parquet, in several encodings."""
    noise = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": noise.normal(size=20).round(2),
            "b": noise.integers(0, 5, 20),
            "c": list("xyzw") * 5,
            "d": pd.date_range("2024-01-01", periods=20, freq="h").astype(str),
            "y": ["p", "q"] * 10,
        }
    )
    text = frame.to_csv(index=False).encode()
    excel, parquet = io.BytesIO(), io.BytesIO()
    frame.to_excel(excel, index=False)
    frame.to_parquet(parquet)
    times = pd.date_range("2024-01-01", periods=60, freq="h").astype(str)
    waves = pd.DataFrame({"t": times, "v": np.sin(np.arange(60)).round(3)})
    scores = {"variant": ["a", "b"] * 6, "seed": np.arange(12) // 2, "score": noise.normal(size=12)}
    images = {"i": ["1.png", "2.png"] * 5, "u": range(10), "y": ["p", "q"] * 5}
    return [
        text,
        frame.to_csv(index=False, sep=";", decimal=",").encode(),
        frame.to_csv(index=False, sep="\t").encode("utf-16"),
        gzip.compress(text),
        excel.getvalue(),
        parquet.getvalue(),
        waves.to_csv(index=False).encode(),
        pd.DataFrame(scores).to_csv(index=False).encode(),
        pd.DataFrame(images).to_csv(index=False).encode(),
        "näme;größe;y\nü;1;a\nö;2;b\n".encode("latin-1"),
    ]


@cache
def images() -> list[bytes]:
    """Return a small image in every common format."""
    pixels = np.random.default_rng(1).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    made = []
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        made.append(buffer.getvalue())
    return made


def damaged(whole: list[bytes]) -> st.SearchStrategy[bytes]:
    """Return a strategy of whole files with a few edits: bits flipped, pieces put in, doubled, replaced or cut off."""
    pieces = st.one_of(st.sampled_from(TOKENS), st.binary(max_size=5))
    edits = st.lists(st.tuples(st.integers(0, 4), st.floats(0, 1), pieces), min_size=1, max_size=6)
    return st.builds(_edited, st.sampled_from(whole), edits)


def _edited(content: bytes, edits: list[tuple[int, float, bytes]]) -> bytes:
    made = bytearray(content)
    for kind, place, piece in edits:
        i = int(place * len(made))
        if kind == 0 and i < len(made):
            made[i] ^= 1 << (len(piece) % 8)
        elif kind == 1:
            made[i:i] = piece
        elif kind == 2:
            made[i : i + len(piece) + 1] = piece
        elif kind == 3:
            made[i:i] = made[i : i + 30]
        else:
            del made[i : i + 1 + 40 * len(piece)]
    return bytes(made)
