"""Prints how many samples of a folder of payloads are read as their sidecars ask.

Run as `python -m tests.ingest.formats.coverage FOLDER`, FOLDER holding messages/ and bad/.
"""

import sys
from pathlib import Path

from tests.ingest.formats.sidecars import SAMPLES, complaints, decoded_in_order, samples_in


def count(folder: Path) -> tuple[int, int]:
    """Return how many samples of a folder are right, and how many there are; print the others."""
    right = total = 0
    for sample, decoded in decoded_in_order(samples_in(folder)):
        found = complaints(sample, decoded)
        total += 1
        right += not found
        for complaint in found:
            print(f"  {sample.id}: {complaint}")
    return right, total


def main(root: Path) -> None:
    """Print one line per format, and the sums."""
    messages = root / "messages" if (root / "messages").is_dir() else root
    rights = totals = 0
    for folder in sorted(path for path in messages.iterdir() if path.is_dir()):
        if folder.name == "bad":
            continue
        right, total = count(folder)
        rights, totals = rights + right, totals + total
        print(f"{folder.name:22} {right:3} / {total}")
    print(f"{'messages':22} {rights:3} / {totals}")
    right, total = count(root / "bad")
    print(f"{'bad':22} {right:3} / {total}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES)
