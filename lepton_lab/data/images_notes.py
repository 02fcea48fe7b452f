"""What loading images has to tell: files that were passed over, sizes that differ, classes that were lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from lepton_lab.data.images_layout import Layout
from lepton_lab.data.report import DataFinding
from lepton_lab.errors import DataError

__all__ = ["layout_findings", "no_readable_images", "size_findings", "unreadable_findings"]

_LISTED = 1000  # files in a finding's evidence
_SHOWN = 3  # files in its words


def layout_findings(layout: Layout, notes: Sequence[tuple[str, str]]) -> list[DataFinding]:
    """Files that are no images or lie where no class is."""
    skipped = [*notes, *layout.skipped]
    if not skipped:
        return []
    most = "; ".join(f"{count:,} × {why}" for why, count in Counter(why for _, why in skipped).most_common(_SHOWN))
    return [
        DataFinding(
            "info",
            "skipped_files",
            f"{_files(len(skipped))} skipped: {most}.",
            {"count": len(skipped), "files": [list(pair) for pair in skipped[:_LISTED]]},
        )
    ]


def size_findings(sizes: Sequence[tuple[int, int]]) -> list[DataFinding]:
    """Images of different sizes, by those that were looked at."""
    if len(set(sizes)) < 2:
        return []
    heights, widths = zip(*sizes, strict=True)
    return [
        DataFinding(
            "info",
            "mixed_sizes",
            f"Images differ in size: {min(heights):,} to {max(heights):,} high and {min(widths):,} to "
            f"{max(widths):,} wide among the {len(sizes):,} looked at. All are brought to one size.",
            {"heights": [min(heights), max(heights)], "widths": [min(widths), max(widths)]},
        )
    ]


def unreadable_findings(failed: Mapping[str, str], count: int, lost: Sequence[str]) -> list[DataFinding]:
    """Images that could not be read, and classes of which nothing was left."""
    findings = []
    if failed:
        shown = "; ".join(f"{name}: {why}" for name, why in list(failed.items())[:_SHOWN])
        findings.append(
            DataFinding(
                "warning",
                "unreadable_files",
                f"{len(failed):,} of {count:,} images cannot be read and were left out: {shown}"
                + ("; …" if len(failed) > _SHOWN else "."),
                {"count": len(failed), "files": [list(pair) for pair in list(failed.items())[:_LISTED]]},
                "Replace or delete these files.",
            )
        )
    if lost:
        findings.append(
            DataFinding(
                "warning",
                "classes_without_images",
                f"No training image of {', '.join(map(repr, lost[:_SHOWN]))} can be read, so "
                + ("this class was" if len(lost) == 1 else f"these {len(lost)} classes were")
                + " left out.",
                {"classes": list(lost)},
                "Replace the damaged files, or delete the folder.",
            )
        )
    return findings


def no_readable_images(where: str, failed: Mapping[str, str]) -> DataError:
    """The error for data of which nothing can be read."""
    return DataError(
        f"none of {len(failed):,} training images can be read",
        where=where,
        expected="images that open in any viewer",
        received="; ".join(f"{name}: {why}" for name, why in list(failed.items())[:_SHOWN]),
        do="Check that the copy or download is complete",
    )


def _files(count: int) -> str:
    return "1 file was" if count == 1 else f"{count:,} files were"
