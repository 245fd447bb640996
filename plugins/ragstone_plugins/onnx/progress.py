"""Long work tells what it is doing."""

from typing import Protocol


class Progress(Protocol):
    """Is told each step of a pull, in a few words for a person."""

    def __call__(self, step: str, /) -> None:
        """Hear of one step."""
        ...


def silent(_step: str, /) -> None:
    """Tell nobody."""
