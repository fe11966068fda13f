"""Changing the vault's key: what is sealed besides credentials is sealed anew, too."""

from __future__ import annotations

from typing import Any

import pytest
from given import OpenRuntime
from sqlmodel import SQLModel

from syncd.engine.consents import Wanted
from syncd.engine.runtime import Runtime
from syncd.errors import KeyWrongError
from syncd.store.envelopes import EVERYTHING, counted_by_key, every_envelope
from syncd.vault import KeyRing, generate_key, rotate, seal

from .conftest import ANNA_ID, GOOGLE
from .diary import ANNA, APP, KEY, Diary


@pytest.fixture
def sealed(office: Runtime, diary: Diary) -> Runtime:
    """A credential, a connection by delegation, the delegation's key, and a consent that waits."""
    office.accounts.add(ANNA_ID, APP, diary.issuer.issue(ANNA), {})
    office.delegations.add(500, "example.com", "google", KEY)
    subject = office.delegations.subject(1, ANNA)
    office.accounts.add(ANNA_ID, GOOGLE, subject, {}, delegation_id=1)
    office.consents.begin(Wanted(user_id=ANNA_ID, app=APP), actor="test")
    return office


def test_everything_that_is_sealed_is_rotated_and_opens_under_the_new_key_alone(
    sealed: Runtime, open_runtime: OpenRuntime, diary: Diary
) -> None:
    old = sealed.vault.ring
    new = generate_key("new")
    both = KeyRing((new, *old.keys), "new")
    assert counted_by_key(sealed.database, both) == {"new": 0, "test": 4}
    for rows in every_envelope(sealed.database):
        assert rotate(rows, both).failed == ()
    assert counted_by_key(sealed.database, both) == {"new": 4, "test": 0}
    later: Any = open_runtime(settings=sealed.settings, registry=sealed.registry, ring=KeyRing((new,), "new"))
    for connection in (1, 2):
        assert later.accounts.test(connection).account == ANNA


def test_every_table_with_an_envelope_is_walked(sealed: Runtime) -> None:
    tables = {t.name for t in SQLModel.metadata.sorted_tables if "envelope" in t.c}
    assert {each.table.name for each in EVERYTHING} == tables
    assert [rows.count() for rows in every_envelope(sealed.database)] == [2, 1, 1]


def test_an_envelope_opens_in_no_row_of_another_kind(sealed: Runtime) -> None:
    ring = sealed.vault.ring
    bindings = [rows.after(0, 1)[0].binding for rows in every_envelope(sealed.database)]
    for made in bindings:
        envelope = seal(ring, b'{"a": 1}', made)
        for other in bindings:
            if other is made:
                assert sealed.vault.open_credential(envelope, other) == {"a": 1}
                continue
            with pytest.raises(KeyWrongError) as refusal:
                sealed.vault.open_credential(envelope, other)
            assert refusal.value.code == "envelope_moved"
            assert refusal.value.remedy
