"""News for the controllers: a mailbox for each, numbered, kept until the controller has stored them.

News of a session goes to the controller whose authority was seen last for the session. It moves when the authority
does, in its order, under new numbers. News of no session goes to any controller that watches. A mailbox whose
controller has been away too long hands its news to one that watches. A watch begins with all news that was not
acknowledged, then goes on with later news. Numbers begin anew with each process; the epoch names the process.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from typing import NamedTuple

from fednet import limits
from fednet.errors import LimitExceeded

from ..machine.news import Envelope, Happening, News, Snapshot
from ..machine.values import PhaseContext
from .mailbox import Mailbox, Stored, Watcher

_NOBODY = ""  # its mailbox keeps the news of no session while nobody watches


class Watched:
    """Two events, of which exactly one is set: somebody watches, or nobody does."""

    def __init__(self) -> None:
        self.by_somebody = asyncio.Event()
        self.by_nobody = asyncio.Event()
        self.by_nobody.set()

    def note(self, *, somebody: bool) -> None:
        """Set the event that holds now."""
        holds, other = self.by_somebody, self.by_nobody
        if not somebody:
            holds, other = other, holds
        holds.set()
        other.clear()


class KeptNews(NamedTuple):
    """An amount of news, and roughly the memory that it takes."""

    number: int
    size_bytes: int


class Outbox:
    """The news of one combiner process. All methods belong to the event loop's thread.

    Args:
        controller_of: Names the controller that drives a session; empty where none is known.

    Attributes:
        epoch: The name of this process's numbers.
        watched: The events that tell if any controller watches.
    """

    def __init__(self, controller_of: Callable[[str], str]) -> None:
        self.epoch = str(uuid.uuid4())
        self.watched = Watched()
        self._controller_of = controller_of
        self._mailboxes: dict[str, Mailbox] = {}
        self._number_max = 0  # of mailboxes that are gone, so that no number comes twice

    def put(
        self,
        happening: Happening,
        phase: PhaseContext | None = None,
        client_id: str = "",
        task_id: str = "",
        *,
        stored: Stored | None = None,
    ) -> None:
        """Tell something that must not be lost.

        Args:
            happening: The news.
            phase: The phase that it belongs to.
            client_id: The client that it is about.
            task_id: The task that it is about.
            stored: Called once the controller has acknowledged it.
        """
        news = News(happening, phase, client_id, task_id)
        self._mailbox_for(news.session_id).put(news, stored)

    def offer(
        self,
        happening: Happening,
        phase: PhaseContext | None = None,
        client_id: str = "",
        task_id: str = "",
    ) -> None:
        """Tell something that may be lost: it is dropped while the controllers are too far behind.

        Clients decide how much of it there is, so it may fill only half of the room.
        """
        events, size_bytes = self.kept
        if events < limits.outbox_events_max // 2 and size_bytes < limits.outbox_bytes_max // 2:
            self.put(happening, phase, client_id, task_id)

    def mention(self, happening: Happening, client_id: str) -> None:
        """Tell something to all that watch now; a later snapshot says it anyway."""
        envelope = Envelope(0, News(happening, client_id=client_id), time.time())
        for mailbox in self._mailboxes.values():
            mailbox.hand_out(envelope)

    def check_room(self, events: int) -> None:
        """Refuse new work while the controllers have not taken the news of the old.

        Raises:
            LimitExceeded: There is no room for that many events more.
        """
        kept, size_bytes = self.kept
        if kept + events > limits.outbox_events_max or size_bytes > limits.outbox_bytes_max:
            raise LimitExceeded(
                f"The combiner holds {kept} events ({size_bytes} bytes) that no controller has "
                "stored yet."
            )

    def move(self, session_id: str) -> None:
        """Move a session's news to the controller that drives it now."""
        target = self._mailbox_for(session_id)
        for mailbox in list(self._mailboxes.values()):
            if mailbox is not target:
                target.take(mailbox.give(lambda news: news.session_id == session_id))

    def acknowledge(self, controller: str, epoch: str, number: int) -> None:
        """Note that a controller has stored its news up to this number."""
        mailbox = self._mailboxes.get(controller)
        if epoch == self.epoch and mailbox is not None:
            mailbox.acknowledge(number)

    def hang_up(self, controller: str) -> None:
        """End the present watch of a controller; nothing happens if it does not watch."""
        if mailbox := self._mailboxes.get(controller):
            mailbox.hang_up()

    async def follow(
        self, controller: str, snapshot: Callable[[], Snapshot]
    ) -> AsyncGenerator[Snapshot | Envelope]:
        """Give a snapshot, all news that is not acknowledged, then later news.

        Ends when a newer watch of the same controller begins, and when the reader is so slow that its queue is full.
        """
        mailbox = self._mailbox(controller)
        watcher = mailbox.begin_watch()
        self.watched.note(somebody=True)
        self._adopt(mailbox)
        try:
            yield snapshot()
            while (envelope := await watcher.next()) is not None:
                yield envelope
        finally:
            self._end_watch(mailbox, watcher)

    @property
    def kept(self) -> KeptNews:
        """The number and the size of all news that no controller has acknowledged."""
        mailboxes = list(self._mailboxes.values())
        return KeptNews(
            sum(each.count for each in mailboxes), sum(each.size_bytes for each in mailboxes)
        )

    @property
    def watchers(self) -> int:
        """The number of controllers that watch."""
        return sum(each.is_watched for each in list(self._mailboxes.values()))

    def close(self) -> None:
        """Stop waiting for controllers."""
        for mailbox in self._mailboxes.values():
            mailbox.close()

    def _end_watch(self, mailbox: Mailbox, watcher: Watcher) -> None:
        mailbox.end_watch(watcher)
        if not self._watching():
            self.watched.note(somebody=False)

    def _adopt(self, mailbox: Mailbox) -> None:
        """Give a mailbox whose controller now watches its own news, and news that no other controller fetches."""
        for other in list(self._mailboxes.values()):
            if other is mailbox:
                continue
            if other.is_deserted:
                mailbox.take(other.give(lambda _: True))
            else:
                mailbox.take(other.give(lambda news: self._owner_of(news) == mailbox.controller))

    def _desert(self, mailbox: Mailbox) -> None:
        """Hand the news of a controller that stays away to one that watches."""
        if (watching := self._watching()) is not None:
            watching.take(mailbox.give(lambda _: True))

    def _owner_of(self, news: News) -> str | None:
        return self._controller_of(news.session_id) if news.session_id else None

    def _watching(self) -> Mailbox | None:
        return next((each for each in self._mailboxes.values() if each.is_watched), None)

    def _mailbox_for(self, session_id: str) -> Mailbox:
        owner = self._controller_of(session_id) if session_id else _NOBODY
        mailbox = self._mailbox(owner)
        if mailbox.is_deserted and (watching := self._watching()) is not None:
            return watching
        return mailbox

    def _mailbox(self, controller: str) -> Mailbox:
        if controller not in self._mailboxes:
            self._make_room()
            self._mailboxes[controller] = Mailbox(
                controller, self._number_max, self._desert, is_deserted=controller == _NOBODY
            )
        return self._mailboxes[controller]

    def _make_room(self) -> None:
        """Forget the oldest empty mailboxes; others are bounded by their news."""
        unused = [each for each in self._mailboxes.values() if each.is_unused]
        excess = len(self._mailboxes) + 1 - limits.mailboxes_max
        for mailbox in unused[: max(0, excess)]:
            mailbox.close()
            self._number_max = max(self._number_max, mailbox.last_number)
            del self._mailboxes[mailbox.controller]
