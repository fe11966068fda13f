"""The sandbox beside the facts file: the same names, the same statuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from spec.exchanges import SPECS

import syncd.sandbox
from syncd.sandbox.salesforce import Salesforce
from syncd.sandbox.salesforce_errors import STATUSES, SalesforceError
from syncd.sandbox.salesforce_schema import described
from syncd.sandbox.salesforce_traps import CALLS, RECORDS

pytestmark = pytest.mark.skipif(not SPECS.is_dir(), reason="../shared/specs is not here")

REST_ONLY = {
    "NOT_FOUND", "METHOD_NOT_ALLOWED", "JSON_PARSER_ERROR", "INVALID_AUTH_HEADER", "URI_TOO_LONG",
    "PRECONDITION_FAILED",
}  # fmt: skip
"""Codes that the WSDL has not got; the last two are guesses for a status that is documented."""


@pytest.fixture(scope="module")
def facts() -> Any:
    return json.loads((SPECS / "salesforce" / "salesforce-rest.facts.json").read_text())


def test_describe_tells_every_key_of_the_facts_and_only_types_of_the_wsdl(facts: Any) -> None:
    keys = next(r for r in facts["resources"] if r["op"] == "describe")
    provider = Salesforce()
    for entity in provider.store.schema.entities.values():
        told = described(provider.store.schema, entity, [], "")
        assert set(keys["answer_keys"]) <= told.keys()
        for field in told["fields"]:
            assert set(keys["field_keys"]) <= field.keys()
            assert field["type"] in facts["wsdl_enumerations"]["fieldType"], field["name"]


def test_a_code_has_the_status_of_the_facts(facts: Any) -> None:
    told = {each["errorCode"]: each["http"] for each in facts["error_codes_used"]}
    assert {code: SalesforceError(code, "").status for code in told if code != "DUPLICATE_EXTERNAL_ID"} == {
        code: status for code, status in told.items() if code != "DUPLICATE_EXTERNAL_ID"
    }
    assert told.keys() | set(facts["wsdl_enumerations"]["ExceptionCode"]) | REST_ONLY >= STATUSES.keys()


def test_no_code_is_invented(facts: Any) -> None:
    names = facts["wsdl_enumerations"]
    known = {*names["ExceptionCode"], *names["StatusCode"], *(e["errorCode"] for e in facts["error_codes_used"])}
    folder = Path(syncd.sandbox.__file__).parent
    source = "".join(path.read_text() for path in sorted(folder.glob("s[ao][lq]*.py")))
    used = set(re.findall(r'SalesforceError\(\s*"([A-Z_]+)"', source)) | {
        code for code, _ in {**CALLS, **RECORDS}.values()
    }
    assert len(used) > 40
    assert used - known - REST_ONLY == set()
