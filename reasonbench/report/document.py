"""What a page or a Markdown file is made of, whatever it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from reasonbench.protocols import Block


class Part(NamedTuple):
    """One part under its heading."""

    title: str
    blocks: Sequence[Block]


class Cargo(Protocol):
    """The data that a page carries, so that the report can be made of it again."""

    divisible: bool
    """Whether a part of it can go into a folder beside a page that is too large."""

    def whole(self) -> str:
        """Return all of it as JSON."""
        ...

    def embedded(self, kept: int | None = None, digest: str = "") -> str:
        """Return what a page holds: JSON of which all shows, and in which nothing opens a tag.

        Args:
            kept: pieces of evidence whose texts stay; all by default.
            digest: SHA-256 of all data, where some go.
        """
        ...

    def weights(self) -> Sequence[int]:
        """Return about how many bytes of JSON each piece of evidence takes."""
        ...


@dataclass(frozen=True, kw_only=True)
class Document:
    """A title, the parts below it, and the data that they were made of."""

    title: str
    """Heading of all."""
    parts: tuple[Part, ...]
    """In order; each has a block at least."""
    cargo: Cargo
    """What the page carries."""
    origin: str
    """What it was made of, such as ``an audit of 2026-10-01``."""
    file: str
    """Where what does not fit can be read, such as ``audit file``."""
    style: tuple[str, ...] = ("page.css",)
    """Files of the templates that make up the page's style."""
