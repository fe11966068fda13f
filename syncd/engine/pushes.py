"""Taking providers' calls. A call says "look again" and no more, and is believed only with its channel's token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from syncd.connector.push import PushAnswer, PushKind, PushNotice, PushRequest
from syncd.connector.registry import Registry
from syncd.errors import InputError
from syncd.model.clock import Clock
from syncd.store import busy, channels, work
from syncd.store.channels import Known
from syncd.store.database import Database
from syncd.store.work import Job, Task

LOOK_AGAIN = frozenset({PushKind.CHANGED, PushKind.MISSED, PushKind.GONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of a call: how it is answered if all of it was believed, how many notices were `unknown` (of no
    channel of ours) or `forged` (without its token), and whether a calendar is to be read.
    """

    answer: PushAnswer
    unknown: int = 0
    forged: int = 0
    due: bool = False


class Pushes:
    """Takes calls. Safe for several threads; nothing slow is done."""

    def __init__(self, database: Database, registry: Registry, clock: Clock) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock

    def take(self, app: str, request: PushRequest) -> Taken:
        """Take a call. What of it is not believed changes nothing.

        Raises:
            InputError: the app does not push (code `no_push`), or it is no call of its provider.
            StoreError: the database is away; nothing was taken.
        """
        rules = self._registry.spec(app).push if app in self._registry.apps else None
        if rules is None:
            raise InputError(f"Nothing pushes for {app[:60]!r}.", code="no_push")
        answer = rules.read(request)
        if not answer.notices:
            return Taken(answer=answer)
        now = self._clock()
        named = {notice.channel_id for notice in answer.notices if _is_plain(notice.channel_id)}
        with self._database.read() as session:
            ours = channels.known(session, app, named, now)
        known = [(notice, ours[notice.channel_id]) for notice in answer.notices if notice.channel_id in ours]
        believed = [(notice.kind, channel) for notice, channel in known if _is_genuine(notice, channel)]
        return Taken(
            answer=answer,
            unknown=len(answer.notices) - len(known),
            forged=len(known) - len(believed),
            due=self._obey(believed),
        )

    def _obey(self, believed: Sequence[tuple[PushKind, Known]]) -> bool:
        """Do what is said; whether a calendar is to be read. One that waits to be read already costs no transaction."""
        now = self._clock()
        told = [channel for kind, channel in believed if kind in LOOK_AGAIN]
        gone, ending = (_ids(believed, kind) for kind in (PushKind.GONE, PushKind.RENEW))
        first = {channel.id for _, channel in believed if not channel.heard} - gone
        late = [channel for channel in told if not channel.waits]
        if late or gone or ending or first:
            with self._database.write() as session:
                busy.make_due_now(session, sorted({channel.calendar_id for channel in late}), now)
                channels.heard(session, first, now)
                channels.renew_now(session, ending, now)
                channels.forget(session, gone)
                self._hand_out(session, {channel.connection_id for channel in late})
        return bool(told)

    def _hand_out(self, session: Session, connection_ids: Collection[int]) -> None:
        """Have other machines read, too, should this one not have done so by then."""
        work.defer(session, [Job(Task.READ_CALENDARS, each) for each in connection_ids])


def _ids(believed: Sequence[tuple[PushKind, Known]], kind: PushKind) -> set[int]:
    return {channel.id for told, channel in believed if told is kind}


def _is_plain(channel_id: str) -> bool:
    """Whether it may be the id of a channel: others hold what a database refuses to be asked."""
    return channel_id.isascii() and channel_id.isprintable()


def _is_genuine(notice: PushNotice, channel: Known) -> bool:
    return hmac.compare_digest(digest_of(notice.token), channel.digest)


def digest_of(token: str) -> str:
    """What is kept of a channel's token: enough to recognise it, and nothing to show. The token is random and long, so
    that a plain digest cannot be searched for it.
    """
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
