"""Whatever comes in is read, left alone or refused as InputError; what is read can be stored and read back."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.errors import InputError
from syncd.source.calcom import (
    TRIGGERS,
    WireBooking,
    WireDestination,
    WireNoShow,
    WirePerson,
    WireRecurrence,
    read_delivery,
)
from syncd.store.codec import dump_booking, load_booking

from .deliveries import API_BOOKING, PAYLOAD, RECEIVED, samples

EXAMPLES = range(2000)
"""Each number is the seed of one example: the same in every run, and named when it fails."""

ODD: list[Any] = [
    *(None, True, False, 0, -1, 7, 10**30, -(10**18), 253402300800000, 1.5, float("nan"), float("inf")),
    *(
        "",
        " ",
        "\x00",
        "\ud800",
        "é\U0001f600",
        "x" * 30_000,
        "b1",
        "ACCEPTED",
        "WEEKLY",
        "https://a",
        "integrations:x",
    ),
    *("a@b", "@", "a b@c", "2026-01-05", "9999-12-31", "0001-01-01", "2026-01-05T09:00:00Z", "2026-W01-1", "20260105"),
    *(
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-01-05T24:00:00Z",
        "\u0662\u0660\u0662\u0666-01-05",
    ),
]


def names() -> list[str]:
    """Every name a field has in any shape, so that hostile objects meet the reader's own words."""
    models = (WireBooking, WirePerson, WireDestination, WireRecurrence, WireNoShow)
    schemas = [model.model_json_schema(by_alias=True) for model in models]
    return sorted({name for schema in schemas for name in schema["properties"]} | {*PAYLOAD, *API_BOOKING, "value"})


KEYS = names()


def value(chance: Random, depth: int = 4) -> Any:
    """Any JSON: odd leaves, in lists and in objects whose names the reader knows."""
    kind = chance.random() if depth else 1.0
    if kind < 0.2:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    if kind < 0.5:
        return {chance.choice([*KEYS, *ODD[12:16]]): value(chance, depth - 1) for _ in range(chance.randrange(8))}
    return chance.choice(ODD)


def check(body: Any) -> None:
    """The promise of this module, for one delivery."""
    refused = None
    try:
        read = read_delivery(body, RECEIVED)
    except InputError as error:
        read, refused = None, str(error)
    if refused is not None:
        assert refused.encode()
        assert len(refused) < 2000
    if read is not None and read.booking is not None:
        assert load_booking(dump_booking(read.booking)) == read.booking


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from(ODD)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
)


@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([*TRIGGERS, None]), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5))
def test_any_json_in_any_field_is_read_or_refused(trigger: str | None, fields: dict[str, Any]) -> None:
    check(API_BOOKING | fields if trigger is None else {"triggerEvent": trigger, "payload": PAYLOAD | fields})


def test_any_json_is_read_or_refused() -> None:
    for seed in EXAMPLES:
        chance = Random(seed)
        check(value(chance))
        created, payload = value(chance, 1), value(chance)
        check({"triggerEvent": chance.choice([*TRIGGERS, value(chance)]), "createdAt": created, "payload": payload})


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a value can be changed."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in inner for found in paths(each, (*path, key)))]


def test_a_real_delivery_may_be_changed_anywhere() -> None:
    originals = [*samples(), API_BOOKING]
    for seed in EXAMPLES:
        chance = Random(seed)
        delivery = copy.deepcopy(chance.choice(originals))
        for _ in range(chance.randint(1, 3)):
            *way, last = chance.choice([path for path in paths(delivery) if path])
            holder: Any = delivery
            for key in way:
                holder = holder[key]
            holder[last] = value(chance, 2)
        check(delivery)
