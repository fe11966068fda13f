"""Several requests in one: composite, graph, batch.

A subrequest may name what an earlier one answered: `@{ref.id}`, `@{ref.records[0].Id}`, in its address and its body.
Where there is nothing of that name it is not carried out (PROCESSING_HALTED). With `allOrNone` one refusal takes back
all, and the others say so. The whole counts as one call.

Source: salesforce-rest.facts.json, `resources` (composite, graph, batch), `limits`; provider-limits.md, section 7.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .kernel import Answer, Request
from .salesforce_bodies import mapping, objects
from .salesforce_call import Call
from .salesforce_errors import SalesforceError

MOST = 25
MOST_QUERIES = 5
MOST_GRAPHS = 75
MOST_NODES = 500
HALTED = SalesforceError(
    "PROCESSING_HALTED", "The transaction was rolled back since another operation in the same transaction failed."
)

_REFERENCE = re.compile(r"@\{([A-Za-z0-9]\w*)((?:\.\w+|\[\d+\])*)\}")
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
_QUERY = re.compile(r"/services/data/v[\d.]+/(query(All)?[/?]|queryAll$|query$|composite/sobjects)")

Part = dict[str, Any]


def composite(call: Call) -> Answer:
    """POST composite."""
    body = call.body()
    parts = _parts(body, MOST)
    queries = sum(1 for part in parts if _QUERY.match(str(part.get("url"))))
    if queries > MOST_QUERIES:
        message = f"Limit exceeded: {queries} query or collection subrequests, at most {MOST_QUERIES}"
        raise SalesforceError("LIMIT_EXCEEDED", message)
    done = _run(call, parts, all_or_none=body.get("allOrNone") is True)
    return Answer(body={"compositeResponse": done})


def graph(call: Call) -> Answer:
    """POST composite/graph: each graph is carried out as a whole or not at all."""
    graphs = objects(call.body(), "graphs")
    if not 0 < len(graphs) <= MOST_GRAPHS:
        raise SalesforceError("LIMIT_EXCEEDED", f"A request has 1 to {MOST_GRAPHS} graphs")
    told = []
    for each in graphs:
        done = _run(call, _parts(each, MOST_NODES), all_or_none=True)
        good = all(part["httpStatusCode"] < 300 for part in done)
        told.append(
            {"graphId": each.get("graphId"), "graphResponse": {"compositeResponse": done}, "isSuccessful": good}
        )
    return Answer(body={"graphs": told})


def batch(call: Call) -> Answer:
    """POST composite/batch: each request by itself."""
    body = call.body()
    requests = objects(body, "batchRequests")
    if not 0 < len(requests) <= MOST:
        raise SalesforceError("LIMIT_EXCEEDED", f"A request has 1 to {MOST} subrequests")
    results: list[Part] = []
    for each in requests:
        if body.get("haltOnError") and any(result["statusCode"] >= 300 for result in results):
            halted = SalesforceError(
                "BATCH_PROCESSING_HALTED", "Batch processing halted by an earlier error", status=412
            )
            results.append({"statusCode": 412, "result": halted.body()})
            continue
        part = {"url": f"/services/data/{each.get('url')}", "method": each.get("method"), "body": each.get("richInput")}
        answer = call.dispatch(_request(call, part))
        results.append({"statusCode": answer.status, "result": answer.body})
    return Answer(body={"hasErrors": any(r["statusCode"] >= 300 for r in results), "results": results})


def _parts(body: Mapping[str, Any], most: int) -> Sequence[Part]:
    """The subrequests of a composite request. Raises SalesforceError."""
    told = objects(body, "compositeRequest")
    if not told:
        raise SalesforceError("JSON_PARSER_ERROR", "compositeRequest must have a subrequest")
    if len(told) > most:
        raise SalesforceError("LIMIT_EXCEEDED", f"Limit exceeded: {len(told)} subrequests, at most {most}")
    names = [str(part.get("referenceId", "")) for part in told]
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9]\w*", name, re.ASCII) or names.count(name) > 1:
            message = (
                f"Provided referenceId ('{name}') must be unique and start with a letter or a number, and it can "
                "contain only letters, numbers and underscores ('_')."
            )
            raise SalesforceError("INVALID_INPUT", message)
    return told


def _run(call: Call, parts: Sequence[Part], *, all_or_none: bool) -> list[Part]:
    begin, done = call.store.mark(), list[Part]()
    answers: dict[str, Any] = {}
    failed = False
    for part in parts:
        answer = HALTED.answer() if failed and all_or_none else _answered(call, part, answers)
        failed = failed or answer.status >= 300
        if answer.status < 300:
            answers[part["referenceId"]] = answer.body
        done.append(_response(part, answer))
    if all_or_none and failed:
        call.store.roll_back(begin)
        done = [
            _response(part, HALTED.answer()) if told["httpStatusCode"] < 300 else told
            for part, told in zip(parts, done, strict=True)
        ]
    return done


def _answered(call: Call, part: Part, answers: Mapping[str, Any]) -> Answer:
    mark = call.store.mark()
    try:
        if call.faults.take("part-fails", str(part.get("method")), f"{part.get('url')}#{part['referenceId']}"):
            raise SalesforceError("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", [])
        url = _filled(str(part.get("url", "")), answers, encoded=True)
        return call.dispatch(_request(call, {**part, "url": url, "body": _filled(part.get("body"), answers)}))
    except SalesforceError as error:
        call.store.roll_back(mark)
        return error.answer()


def _response(part: Part, answer: Answer) -> Part:
    headers = {name: value for name, value in answer.headers.items() if name in ("Location", "Retry-After")}
    return {
        "body": answer.body,
        "httpHeaders": headers,
        "httpStatusCode": answer.status,
        "referenceId": part["referenceId"],
    }


def _request(call: Call, part: Part) -> Request:
    path, _, query = str(part["url"]).partition("?")
    own = {str(name).lower(): str(value) for name, value in mapping(part, "httpHeaders").items()}
    body = b"" if part.get("body") is None else json.dumps(part["body"]).encode()
    return Request(
        method=str(part.get("method", "")).upper(),
        path=path,
        query_string=query,
        headers={**call.request.headers, **own},
        body=body,
        url=call.request.url,
    )


def _filled(value: Any, answers: Mapping[str, Any], *, encoded: bool = False) -> Any:
    """A value with what its references name. Raises SalesforceError."""
    if isinstance(value, dict):
        return {key: _filled(each, answers) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, answers) for each in value]
    if not isinstance(value, str):
        return value
    if whole := _REFERENCE.fullmatch(value):
        return _named(whole, answers)

    def told(match: re.Match[str]) -> str:
        text = str(_named(match, answers))
        return quote(text, safe="") if encoded else text

    return _REFERENCE.sub(told, value)


def _named(match: re.Match[str], answers: Mapping[str, Any]) -> Any:
    found = answers.get(match[1])
    for name, number in _STEP.findall(match[2]):
        if name and isinstance(found, dict) and name in found:
            found = found[name]
        elif number and isinstance(found, list) and int(number) < len(found):
            found = found[int(number)]
        else:
            found = None
            break
    if found is None or isinstance(found, dict | list):
        message = f"Invalid reference specified. No value for {match[0][2:-1]} found in {match[1]}"
        raise SalesforceError("PROCESSING_HALTED", message)
    return found
