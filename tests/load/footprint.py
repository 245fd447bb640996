"""What a server takes: memory, descriptors, threads, files."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """At one instant."""

    resident_mb: float
    descriptors: int
    threads: int
    files: int
    """Of the views."""

    @classmethod
    def of(cls, pid: int, views: Path) -> Self:
        """Of a process and the views that it keeps."""
        process = Path(f"/proc/{pid}")
        pages = int((process / "statm").read_text().split()[1])
        return cls(
            resident_mb=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            descriptors=_count(process / "fd"),
            threads=_count(process / "task"),
            files=sum(len(files) for _, _, files in os.walk(views)),
        )


def _count(directory: Path) -> int:
    return sum(1 for _ in directory.iterdir())


def halves(taken: Sequence[Footprint]) -> tuple[Footprint, Footprint]:
    """The medians of the second and of the last third; the first third warms up."""
    third = len(taken) // 3
    return _median(taken[third : 2 * third]), _median(taken[2 * third :])


def _median(taken: Sequence[Footprint]) -> Footprint:
    return Footprint(
        resident_mb=median(each.resident_mb for each in taken),
        descriptors=round(median(each.descriptors for each in taken)),
        threads=round(median(each.threads for each in taken)),
        files=round(median(each.files for each in taken)),
    )
