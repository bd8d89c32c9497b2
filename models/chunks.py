"""Long lists in pieces: PostgreSQL takes 65,535 parameters a statement."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

One = TypeVar("One")
MOST = 5000


def chunks(whole: Sequence[One], most: int = MOST) -> Iterator[Sequence[One]]:
    """Yield a list in pieces of at most so many."""
    return (whole[start : start + most] for start in range(0, len(whole), most))
