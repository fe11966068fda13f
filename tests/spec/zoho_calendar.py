"""Zoho Calendar against the facts collected about it, since Zoho publishes no specification.

Checked are: method, path and parameters; the keys of `eventdata`, their lengths and formats; where an etag is due; the
types of what is answered, as the samples have them; the shape of a refusal. What the pages of PUT and DELETE have
beyond the facts is in `ALSO`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from syncd.sandbox import Exchange, Request

from .exchanges import media_type, spec
from .paths import Paths

NAME = "zoho-calendar/zoho-calendar.facts.json"
BASE = re.compile(r"(/[a-z]{2})?/api/v1(?=/)")
"""The API, in a data centre's part of the sandbox."""
ACCOUNTS = re.compile(r"(/[a-z]{2})?/oauth/")
FORM = "application/x-www-form-urlencoded"
SCHEME = "Zoho-oauthtoken "
BOUND = r"\d{8}(T\d{6}Z)?"
MOMENT = r"\d{8}T\d{6}"
LONGEST = {"title": 255, "location": 255, "description": 10_000}
ALSO: Mapping[str, frozenset[str]] = {"event_delete": frozenset({"eventdata"})}
"""Operation -> parameters besides those of the facts."""
ALSO_SENT = {"event_delete": {"uid", "notify_attendee"}}
"""Operation -> keys of `eventdata` besides those of the facts."""
EITHER = {"etag": (int, str), "recurrenceid": (int, str)}
"""Fields that are told now as numbers, now as text."""


@dataclass(frozen=True)
class Operation:
    """One endpoint of the facts."""

    name: str
    params: frozenset[str]
    mandatory: frozenset[str]


@dataclass(frozen=True)
class Facts:
    """The facts, as they are used here: template -> method -> operation; the keys of `eventdata`, with the keys or
    values of each (none: not said); samples of a calendar and an event.
    """

    paths: Paths
    operations: Mapping[str, Mapping[str, Operation]]
    keys: Mapping[str, frozenset[str]]
    calendar: Mapping[str, Any]
    event: Mapping[str, Any]


@cache
def facts() -> Facts | None:
    """The facts; None when they are not there."""
    told = spec(NAME)
    if told is None:
        return None
    operations: dict[str, dict[str, Operation]] = {}
    for endpoint in told["endpoints"]:
        path, _, query = endpoint["path"].partition("?")
        template = re.sub(r"\{[^}]*\}", lambda found: "{" + found[0].strip("{}").split("|")[0] + "}", path)
        operations.setdefault(re.sub("CALENDAR_UID", "uid", template), {})[endpoint["method"]] = _operation(
            endpoint, query
        )
    return Facts(
        paths=Paths(operations),
        operations=operations,
        keys=dict(_key(text) for text in told["input_keys"]),
        calendar=told["calendar_shape"],
        event=told["event_shape"],
    )


def _operation(endpoint: Mapping[str, Any], query: str) -> Operation:
    params = endpoint.get("params", {})
    in_path = {part.partition("=")[0] for part in query.split("&") if part}
    mandatory = {name for name, text in params.items() if "mandatory" in text or name == "eventdata"}
    return Operation(
        endpoint["op"],
        frozenset(params) | in_path | ALSO.get(endpoint["op"], frozenset()),
        frozenset(mandatory | in_path),
    )


def _key(text: str) -> tuple[str, frozenset[str]]:
    """`dateandtime{start,end,timezone}`, `recurrence_edittype (only|following|all)`: the key, and what it may hold."""
    found = re.fullmatch(r"(\w+)[\[{ (]*([\w,|]*)[\])} ]*", text)
    assert found is not None, text
    inside = frozenset(re.split("[,|]", found[2])) if found[2] and found[2] != "update" else frozenset()
    return found[1], inside


def check(exchange: Exchange) -> list[str]:
    """What is wrong with an exchange."""
    known = facts()
    if known is None:
        return []
    request = exchange.request
    if ACCOUNTS.match(request.path):
        wrong = list(_token(exchange)) if request.path.endswith("/oauth/v2/token") else []
    else:
        wrong = list(_call(known, exchange))
    return [f"{exchange.provider} {request.method} {request.path}: {each}" for each in wrong]


def _call(known: Facts, exchange: Exchange) -> Iterator[str]:
    request = exchange.request
    base = BASE.match(request.path)
    found = known.paths.match(request.path[base.end() :]) if base else None
    operation = known.operations[found[0]].get(request.method) if found else None
    if operation is None:
        yield f"the facts have no {request.method} of this path"
        return
    yield from _request(known, operation, request)
    if not exchange.forced and exchange.status is not None:
        yield from _answer(known, operation, exchange)


# the request


def _request(known: Facts, operation: Operation, request: Request) -> Iterator[str]:
    if not request.headers.get("authorization", "").startswith(SCHEME):
        yield f"the request's Authorization is not {SCHEME.strip()}"
    if request.body and media_type(request.headers) != FORM:
        yield "the request has a body that is no form"
    params = {**_form(request), **request.query}
    yield from (f"the parameter {name!r} is not listed" for name in params.keys() - operation.params)
    yield from (f"the request lacks the parameter {name!r}" for name in operation.mandatory - params.keys())
    yield from (
        f"the parameter {name!r}: {params[name]!r} is not yyyyMMdd'T'HHmmss"
        for name in ("sdate", "edate")
        if name in params and not re.fullmatch(MOMENT, params[name])
    )
    if "range" in params:
        bounds = _json(params["range"])
        if not isinstance(bounds, dict) or not all(re.fullmatch(BOUND, str(bounds.get(k))) for k in ("start", "end")):
            yield f"the parameter 'range': {params['range'][:80]!r} is not as documented"
    if "eventdata" in params:
        yield from _eventdata(known, operation, _json(params["eventdata"]))
    yield from _etag(operation, request, _json(params.get("eventdata", "{}")))


def _form(request: Request) -> Mapping[str, str]:
    return request.form if media_type(request.headers) == FORM else {}


def _eventdata(known: Facts, operation: Operation, data: Any) -> Iterator[str]:
    if not isinstance(data, dict):
        yield "the request's eventdata is no JSON object"
        return
    allowed = known.keys.keys() | ALSO_SENT.get(operation.name, set())
    yield from (f"the request's key {name!r} is not listed" for name in data.keys() - allowed)
    for name, value in data.items():
        inside = known.keys.get(name, frozenset())
        yield from _inside(name, value, inside)
        if len(str(value)) > LONGEST.get(name, 10**6):
            yield f"the request's {name} is longer than {LONGEST[name]}"
    times = data.get("dateandtime")
    bounds = {bound: times.get(bound) for bound in ("start", "end")} if isinstance(times, dict) else {}
    for bound, value in bounds.items():
        if not re.fullmatch(BOUND, str(value)):
            yield f"the request's dateandtime.{bound}: {value!r} is not yyyyMMdd'T'HHmmss'Z' or yyyyMMdd"


def _inside(name: str, value: Any, allowed: frozenset[str]) -> Iterator[str]:
    if not allowed:
        return
    if isinstance(value, str) and value not in allowed:
        yield f"the request's {name}: {value!r} is not one of {sorted(allowed)}"
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            yield from (f"the request's key '{name}.{key}' is not listed" for key in item.keys() - allowed)


def _etag(operation: Operation, request: Request, data: Any) -> Iterator[str]:
    inside = isinstance(data, dict) and bool(data.get("etag"))
    if operation.name == "event_update" and not inside:
        yield "the request's eventdata lacks the etag"
    if operation.name == "event_delete" and not inside and not request.headers.get("etag"):
        yield "the request lacks the header 'etag'"


# the answer


def _answer(known: Facts, operation: Operation, exchange: Exchange) -> Iterator[str]:
    body = _json(exchange.body)
    if not isinstance(body, dict):
        yield f"the answer {exchange.status} is no JSON object"
    elif exchange.status != 200:
        errors = body.get("error")
        if (
            not isinstance(errors, list)
            or not errors
            or not all(isinstance(e, dict) and "message" in e for e in errors)
        ):
            yield f"the answer {exchange.status} has no error with a message"
    elif operation.name == "freebusy":
        yield from _freebusy(body)
    else:
        name, sample = (
            ("calendars", known.calendar) if operation.name.startswith("calendar_") else ("events", known.event)
        )
        if not isinstance(body.get(name), list):
            yield f"the answer {exchange.status} has no list of {name}"
            return
        for item in body[name]:
            yield from _like(item, sample, f"the answer's {name}", required=("uid",))


def _freebusy(body: Mapping[str, Any]) -> Iterator[str]:
    for period in body.get("freebusy", ()):
        sample = {"startTime": "", "endTime": "", "fbtype": ""}
        yield from _like(period, sample, "the answer's freebusy", required=tuple(sample))
    for day, told in body.items():
        if day not in ("fb_not_enabled", "freebusy", "NODATA") and not (
            re.fullmatch(r"\d{8}", day) and isinstance(told, list) and len(told) == 2
        ):
            yield f"the answer's {day!r} is no day of free/busy"


def _like(item: Any, sample: Mapping[str, Any], what: str, *, required: tuple[str, ...] = ()) -> Iterator[str]:
    """Where an object's known fields have another type than in a sample."""
    if not isinstance(item, dict):
        yield f"{what}: {item!r} is no object"
        return
    yield from (f"{what}: {name!r} is missing" for name in required if name not in item)
    for name, value in item.items():
        expected = sample.get(name)
        if isinstance(expected, dict):
            yield from _like(value, expected, f"{what}.{name}")
        elif expected is not None and not isinstance(value, EITHER.get(name, type(expected))):
            yield f"{what}.{name}: {value!r} is not of type {type(expected).__name__}"
        elif isinstance(expected, list) and expected and isinstance(expected[0], dict):
            for each in value:
                yield from _like(each, expected[0], f"{what}.{name}")


def _token(exchange: Exchange) -> Iterator[str]:
    """A token answer: in 200 as in 400 the body says what it is (zoho-crm.facts.json, oauth)."""
    if exchange.forced or exchange.status not in (200, 400):
        return
    body = _json(exchange.body)
    if not isinstance(body, dict) or not ({"error"} <= body.keys() or {"access_token", "api_domain"} <= body.keys()):
        yield "the token answer has neither an error nor a token with its api_domain"


def _json(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
