"""What a part of the demo is, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from observer.demo.servers import Account


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the parts play.

    Attributes:
        directory: Private; each part makes a folder of its own in it.

        account: Whom servers run as, see `observer.demo.servers.ordinary_account`.

        say: Told what is being done.
    """

    directory: Path
    account: Account | None
    say: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sight:
    """Something to look at while the demo runs.

    Attributes:
        address: URL or connection string.

        what: What is to be seen there, in one sentence.
    """

    address: str
    what: str


class Part(Protocol):
    """One part of the demo. It is given the parts it rests on when it is made."""

    @property
    def key(self) -> str:
        """Its name in the JSON line."""

    @property
    def title(self) -> str:
        """Its name for people."""

    def start(self, stage: Stage) -> None:
        """Return when it serves."""

    def stop(self) -> None:
        """End it. Called once `start` was called, also when that failed or was interrupted."""

    def ended(self) -> str | None:
        """Why it does not run any more, with the end of its log; ``None`` while it runs."""

    def address(self) -> str:
        """Where it is; called once it serves."""

    def sights(self) -> Sequence[Sight]:
        """What is worth a look; called once it serves."""
