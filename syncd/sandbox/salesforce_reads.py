"""Reading: metadata, records, what changed, queries and their pages.

Source: salesforce-rest.facts.json, `resources` and `limits`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from . import soql
from .kernel import Answer, http_date
from .salesforce_call import Call
from .salesforce_errors import SalesforceError
from .salesforce_schema import described, summary
from .salesforce_store import Record, shown, text_of
from .salesforce_writes import stored

MASTER_TYPE = "012000000000000AAA"
"""The record type of records that have none."""

OLDEST = timedelta(days=30)
SMALLEST_BATCH = 200


def resources(call: Call) -> Answer:
    """GET /services/data/vXX.X."""
    names = ("sobjects", "query", "queryAll", "search", "parameterizedSearch", "limits", "composite")
    return Answer(body={name: f"{call.base}/{name}" for name in names})


def limits(call: Call) -> Answer:
    """GET limits."""
    org = call.org
    daily = {"Max": org.daily, "Remaining": max(org.daily - org.used, 0)}
    return Answer(body={"DailyApiRequests": daily, "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000}})


def describe_global(call: Call) -> Answer:
    """GET sobjects."""
    seen = [summary(e, call.base) for e in call.store.schema.entities.values() if not e.hidden]
    return Answer(body={"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": seen})


def describe(call: Call) -> Answer:
    """GET sobjects/{type}/describe."""
    entity = call.entity
    headers = {"Last-Modified": http_date(entity.changed)}
    if _unchanged(call, entity.changed):
        return Answer(304, None, headers)
    return Answer(200, described(call.store.schema, entity, _record_types(call, entity.name), call.base), headers)


def information(call: Call) -> Answer:
    """GET sobjects/{type}."""
    return Answer(body={"objectDescribe": summary(call.entity, call.base), "recentItems": []})


def _record_types(call: Call, entity: str) -> list[dict[str, Any]]:
    default = call.org.defaults.get(entity, MASTER_TYPE)
    master = ("Master", "Master", MASTER_TYPE, True, True)
    own = [
        (r.get("Name"), r.get("DeveloperName"), r.id, r.get("IsActive"), False)
        for r in call.store.rows("RecordType")
        if r.get("SobjectType") == entity
    ]
    return [
        {
            "active": active,
            "available": active,
            "defaultRecordTypeMapping": record_id == default,
            "developerName": developer,
            "master": is_master,
            "name": name,
            "recordTypeId": record_id,
            "urls": {"layout": f"{call.base}/sobjects/{entity}/describe/layouts/{record_id}"},
        }
        for name, developer, record_id, active, is_master in [*own, master]
    ]


def _unchanged(call: Call, moment: datetime) -> bool:
    told = call.request.headers.get("if-modified-since")
    return told is not None and moment.replace(microsecond=0) <= http_moment(told)


def http_moment(text: str) -> datetime:
    """A moment as HTTP headers tell it. Raises SalesforceError."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError as error:
        raise SalesforceError("INVALID_INPUT", f"not a date of HTTP: {text}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# records


def retrieve(call: Call) -> Answer:
    """GET sobjects/{type}/{id}."""
    return _told(call, stored(call, call.entity, call.params["id"]))


def _told(call: Call, record: Record) -> Answer:
    entity, removed = call.store.schema.named(record.entity), call.removed()
    if _unchanged(call, record.get("LastModifiedDate")):
        return Answer(304, None)
    asked = call.request.query.get("fields")
    fields = [entity.read(name.strip()) for name in asked.split(",")] if asked else list(entity.readable())
    for field in fields:
        if removed & {field.name.lower(), f"{entity.name}.{field.name}".lower()}:
            if asked:
                raise SalesforceError("INVALID_FIELD", f"No such column '{field.name}' on entity '{entity.name}'.")
            fields = [f for f in fields if f is not field]
    names = list(dict.fromkeys([*(f.name for f in fields), "Id"]))
    return Answer(200, shown(record, names, call.base), {"Last-Modified": http_date(record.get("LastModifiedDate"))})


told = _told


def updated(call: Call) -> Answer:
    """GET sobjects/{type}/updated."""
    start, end = _window(call)
    rows = call.store.rows(call.entity.name)
    ids = [r.id for r in rows if start <= r.get("SystemModstamp") < end]
    return Answer(body={"ids": ids, "latestDateCovered": text_of(min(end, _minute(call.now)))})


def deleted(call: Call) -> Answer:
    """GET sobjects/{type}/deleted."""
    start, end = _window(call)
    rows = call.store.rows(call.entity.name, deleted=True)
    gone = [
        {"id": r.id, "deletedDate": text_of(r.get("SystemModstamp"))}
        for r in rows
        if r.deleted and start <= r.get("SystemModstamp") < end
    ]
    earliest, latest = text_of(_minute(call.now - OLDEST)), text_of(min(end, _minute(call.now)))
    return Answer(body={"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": latest})


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _window(call: Call) -> tuple[datetime, datetime]:
    """Start and end, without their seconds. Raises SalesforceError."""
    times = []
    for name in ("start", "end"):
        try:
            moment = datetime.fromisoformat(call.request.query[name].replace(" ", "+"))
        except (KeyError, ValueError) as error:
            message = f"{name} must be a date and time with an offset"
            raise SalesforceError("INVALID_REPLICATION_DATE", message) from error
        times.append(_minute(moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC))
    start, end = times
    if end <= start:
        raise SalesforceError("INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
    if start < _minute(call.now - OLDEST):
        raise SalesforceError("INVALID_REPLICATION_DATE", "startDate must be within the last 30 days")
    return start, end


# queries


def query(call: Call) -> Answer:
    """GET query."""
    return _queried(call, deleted=False)


def query_all(call: Call) -> Answer:
    """GET queryAll."""
    return _queried(call, deleted=True)


def _queried(call: Call, *, deleted: bool) -> Answer:
    if "q" not in call.request.query:
        raise SalesforceError("MALFORMED_QUERY", "SOQL query string is missing: q")
    for kind, code, message in (
        ("query-timeout", "QUERY_TIMEOUT", "Your query request was running for too long."),
        ("too-large", "OPERATION_TOO_LARGE", "exceeded 100000 distinct who/what's"),
    ):
        if call.switch(kind):
            raise SalesforceError(code, message)
    found = soql.run(call.world(deleted=deleted), call.request.query["q"])
    locator = f"01g{secrets.token_hex(6)}AAA"
    return _page(call, locator, 0, found.rows, found.total, _batch(call))


def query_more(call: Call) -> Answer:
    """GET query/{locator}: the next rows."""
    locator, _, offset = call.params["locator"].rpartition("-")
    known = call.org.locators.get(locator)
    if known is None or not offset.isdigit() or call.switch("locator-expired"):
        call.org.locators.pop(locator, None)
        raise SalesforceError("INVALID_QUERY_LOCATOR", "invalid query locator")
    batch, rows, total = known
    return _page(call, locator, int(offset), rows, total, batch)


def _batch(call: Call) -> int:
    """How many rows an answer has at most."""
    options = call.request.headers.get("sforce-query-options", "")
    asked = options.partition("batchSize=")[2].strip()
    return min(max(int(asked), SMALLEST_BATCH), call.org.batch) if asked.isdigit() else call.org.batch


def _page(call: Call, locator: str, offset: int, rows: list[dict[str, Any]], total: int, batch: int) -> Answer:
    end = offset + batch
    body: dict[str, Any] = {"totalSize": total, "done": end >= len(rows)}
    if end < len(rows):
        call.org.locators[locator] = (batch, rows, total)
        body["nextRecordsUrl"] = f"{call.base}/query/{locator}-{end}"
    else:
        call.org.locators.pop(locator, None)
    return Answer(body={**body, "records": rows[offset:end]})


Operation = Callable[[Call], Answer]
