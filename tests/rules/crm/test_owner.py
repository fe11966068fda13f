"""An owner is replaced only as the settings say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.rules.crm.owner import CrmUser, Kept, new_owner
from syncd.rules.crm.settings import ChangeOwner, OwnerChange

ANNA = CrmUser(id="005A", name="Anna Host", email="anna@host.example")
BEN = CrmUser(id="005B", name="Ben Sales", email="ben@host.example")
QUEUE = CrmUser(id="00GQ", name="Unassigned")
GONE = replace(ANNA, active=False)
OFF, USER, ORGANIZER = OwnerChange

ROWS: list[tuple[OwnerChange, tuple[str, ...], CrmUser | None, CrmUser | None, CrmUser | Kept]] = [
    (OFF, (), BEN, ANNA, Kept.OFF),
    (ORGANIZER, (), BEN, ANNA, ANNA),
    (USER, (), BEN, ANNA, ANNA),
    (ORGANIZER, (), BEN, None, Kept.UNKNOWN_USER),
    (USER, (), BEN, None, Kept.UNKNOWN_USER),
    (ORGANIZER, (), BEN, GONE, Kept.INACTIVE_USER),
    (ORGANIZER, ("Anna Host",), ANNA, ANNA, Kept.ALREADY),
    (ORGANIZER, ("unassigned",), QUEUE, ANNA, ANNA),
    (ORGANIZER, ("00GQ",), QUEUE, ANNA, ANNA),
    (ORGANIZER, ("BEN@host.example",), BEN, ANNA, ANNA),
    (ORGANIZER, ("Unassigned",), BEN, ANNA, Kept.NOT_LISTED),
    (ORGANIZER, ("Ben",), BEN, ANNA, Kept.NOT_LISTED),
    (ORGANIZER, ("Unassigned",), None, ANNA, ANNA),
]


@pytest.mark.parametrize(("mode", "only_from", "current", "wanted", "owner"), ROWS)
def test_who_becomes_the_owner(
    mode: OwnerChange,
    only_from: tuple[str, ...],
    current: CrmUser | None,
    wanted: CrmUser | None,
    owner: CrmUser | Kept,
) -> None:
    change = ChangeOwner(mode=mode, user="anna@host.example", only_from=only_from)
    others = {"organizer": None, "named": None, ("named" if mode is USER else "organizer"): wanted}
    assert new_owner(change, current, **others) == owner
