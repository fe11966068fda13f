"""Rotation: bring every envelope under the current key while the daemon runs.

Rows are read in batches by id. A row under another key is opened and sealed anew, and each batch's changes go in as
one compare-and-swap transaction: a row is replaced only if it still holds the envelope that was read, so a credential
stored meanwhile wins. When a swap finds fewer rows than it was given, it does not say which; the batch's changed rows
are looked at again at the end, when each shows by its content what became of it.

There is no progress record to lose: what is left to do is what is not under the current key. A row that cannot be
opened is reported and stays as it is. A row already under the current key is known by its header and not opened.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from syncd.errors import EnvelopeError, VaultError
from syncd.vault.envelope import RowBinding, is_current, key_id_of, open_envelope, seal
from syncd.vault.keys import KeyRing

UNREADABLE = "?"
"""Stands in `status` for the key id of envelopes that show none; no key can have it."""

_ROUNDS = 5  # how often a row that others keep changing is tried before it is reported


@dataclass(frozen=True, slots=True)
class EnvelopeRow:
    """A stored envelope and the row it is bound to. `id` is positive and grows with insertion."""

    id: int
    binding: RowBinding
    envelope: str


class Change(NamedTuple):
    """Replace `old` by `new` in the row of `id`, if it still holds `old`."""

    id: int
    old: str
    new: str


class EnvelopeRows(Protocol):
    """What rotation asks of the store."""

    def after(self, last_id: int, limit: int) -> Sequence[EnvelopeRow]:
        """Up to `limit` rows with an id above `last_id`, by ascending id; fewer only at the end."""
        ...

    def swap(self, changes: Sequence[Change]) -> int:
        """In one transaction, carry out each change whose row still holds its old envelope; return how many did."""
        ...


class Failure(NamedTuple):
    """A row left as it is: the error's code (`changing` if others kept changing it) and message."""

    id: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class RotationReport:
    """What became of the rows. Each is counted once; one deleted meanwhile is not counted."""

    resealed: int = 0
    already_current: int = 0
    failed: tuple[Failure, ...] = ()

    @property
    def examined(self) -> int:
        """How many rows came to an end: under the current key, or failed."""
        return self.resealed + self.already_current + len(self.failed)


def rotate(
    rows: EnvelopeRows,
    ring: KeyRing,
    batch: int = 100,
    progress: Callable[[RotationReport], None] | None = None,
) -> RotationReport:
    """Seal every row under the ring's current key; `progress` is told the report so far after each batch.

    May be killed at any point and run again. No key is removed and no row left out: one that cannot be opened is in
    `failed`. What `rows` raises goes through, with the batches before it done.

    Raises:
        ValueError: `batch` is not positive.
    """
    rotation = _Rotation(rows, ring)
    for page in _pages(rows, batch):
        rotation.take(page)
        if progress is not None:
            progress(rotation.report())
    for _ in range(_ROUNDS):
        rotation.look_again()
    rotation.give_up()
    report = rotation.report()
    if progress is not None:
        progress(report)
    return report


def status(rows: EnvelopeRows, ring: KeyRing, batch: int = 1000) -> dict[str, int]:
    """How many envelopes each key sealed, by key id: the ring's keys first, also those with none.

    An id that is not in the ring is a missing key. `UNREADABLE` counts the damaged envelopes, if there are any.
    """
    counts = Counter(dict.fromkeys(ring.ids, 0))
    for page in _pages(rows, batch):
        counts.update(_key_id(row.envelope) for row in page)
    return dict(counts)


def _key_id(envelope: str) -> str:
    try:
        return key_id_of(envelope)
    except EnvelopeError:
        return UNREADABLE


def _pages(rows: EnvelopeRows, limit: int) -> Iterator[Sequence[EnvelopeRow]]:
    if limit < 1:  # no rows a page would look like no rows at all: a rotation that did nothing and said "done"
        raise ValueError("batch must be positive")
    page = rows.after(0, limit)
    while page:
        yield page
        page = rows.after(page[-1].id, limit)


class _Rotation:
    """One run: its counts, and the changes of which it is not known whether they were carried out."""

    def __init__(self, rows: EnvelopeRows, ring: KeyRing) -> None:
        self._rows = rows
        self._ring = ring
        self._resealed = 0
        self._already_current = 0
        self._failed: list[Failure] = []
        self._unsure: list[Change] = []

    def report(self) -> RotationReport:
        return RotationReport(self._resealed, self._already_current, tuple(self._failed))

    def take(self, page: Sequence[EnvelopeRow]) -> None:
        """Re-seal what of the page needs it, in one transaction."""
        changes = [change for change in map(self._change, page) if change is not None]
        if not changes:
            return
        if self._rows.swap(changes) == len(changes):
            self._resealed += len(changes)
        else:
            self._unsure += changes

    def look_again(self) -> None:
        """Settle the unsure changes by what their rows hold now, and try again where somebody else's change won."""
        unsure, self._unsure = self._unsure, []
        for change in unsure:
            row = self._find(change.id)
            if row is None:
                continue
            if row.envelope == change.new:
                self._resealed += 1
            else:
                self.take([row])

    def give_up(self) -> None:
        """Report the rows that changed under every attempt."""
        for change in self._unsure:
            message = f"The row was changed by others {_ROUNDS + 1} times while it was rotated; run rotation again."
            self._failed.append(Failure(change.id, "changing", message))
        self._unsure = []

    def _change(self, row: EnvelopeRow) -> Change | None:
        try:
            if is_current(self._ring, row.envelope):
                self._already_current += 1
                return None
            plaintext = open_envelope(self._ring, row.envelope, row.binding)
        except VaultError as error:
            self._failed.append(Failure(row.id, error.code, error.message))
            return None
        return Change(row.id, row.envelope, seal(self._ring, plaintext, row.binding))

    def _find(self, row_id: int) -> EnvelopeRow | None:
        found = self._rows.after(row_id - 1, 1)
        return found[0] if found and found[0].id == row_id else None
