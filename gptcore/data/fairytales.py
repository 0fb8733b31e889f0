"""Assembly of `fairytales.txt` from the files of FairytaleQA. This file knows the archive's layout, no network.

Source: Xu et al. 2022, "Fantastic Questions and Where to Find Them: FairytaleQA"; https://github.com/uci-soe/FairytaleQAData.
"""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path, PurePosixPath

ARCHIVE = "https://codeload.github.com/uci-soe/FairytaleQAData/zip/0cdebedde0034f03acda41edd0d5d31fdb021eaf"
SECTIONS = "data-by-train-split/section-stories"
SEPARATOR = "\n\n<|endoftext|>\n\n"


def assemble(archive: Path) -> bytes:
    """Return the stories of the splits train, val and test in this order, each split sorted by file name.

    A story is its sections, one a line, without white space around it. The caller checks the result.

    Raises:
        ValueError: the file is not the archive, or it lacks these stories.
    """
    stories: list[str] = []
    try:
        with zipfile.ZipFile(archive) as opened:
            for split in ("train", "val", "test"):
                inside = f"*/{SECTIONS}/{split}/*-story.csv"
                names = sorted(name for name in opened.namelist() if PurePosixPath(name).match(inside))
                if not names:
                    raise ValueError(f"the archive holds no file {inside}")
                stories += [_story(opened.read(name).decode()) for name in names]
    except (zipfile.BadZipFile, KeyError, csv.Error) as error:
        raise ValueError(f"it is not the archive of FairytaleQA: {error}") from None
    return SEPARATOR.join(stories).encode()


def _story(table: str) -> str:
    rows = csv.DictReader(io.StringIO(table, newline=""))
    return "\n".join(row["text"] for row in rows).strip()
