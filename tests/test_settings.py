"""The configuration file: one example that is true, and every problem at once."""

from __future__ import annotations

import inspect
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from syncd import settings
from syncd.errors import ConfigError, Problem
from syncd.rules.crm.mapping import FieldMapping
from syncd.rules.crm.settings import CrmSettings, OwnerRouting, Tiebreaker
from syncd.settings import EventType, Settings, find_config, load

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"
COMMENTED_SETTING = re.compile(r"^# (\[\[?[\w.-]+\]?\]|\w+ = .+)$", re.MULTILINE)


def written(directory: Path, text: str) -> str:
    """The path of a configuration file with `text`."""
    file = directory / "syncd.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def problems(file: str) -> dict[str, Problem]:
    """Each problem of a file, by its key."""
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    found = caught.value.problems
    assert str(caught.value) == f"{file}: {len(found)} problem(s)."
    return {problem.where.removeprefix(f"{file}: "): problem for problem in found}


def names(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The dotted name of every setting; `*` stands for the key of a table of sections."""
    for name, field in model.model_fields.items():
        inner = (field.annotation, *get_args(field.annotation))
        sections = [a for a in inner if inspect.isclass(a) and issubclass(a, BaseModel)]
        if not sections:
            yield prefix + name
            continue
        table = "*." if sections[0] is not field.annotation else ""
        yield from names(sections[0], f"{prefix}{name}.{table}")


def values(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from values(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_the_example_is_exactly_the_defaults() -> None:
    assert load(str(EXAMPLE), {}) == Settings()


def test_the_example_names_every_setting_and_no_other() -> None:
    shown = tomllib.loads(COMMENTED_SETTING.sub(r"\1", EXAMPLE.read_text(encoding="utf-8")))
    Settings.model_validate(shown)
    tables = ("apps", "event_types")
    found = {re.sub(rf"^({'|'.join(tables)})\.[^.]+\.", r"\1.*.", name) for name in values(shown)}
    found = {re.sub(r"^(apps\.\*\.client)\..*", r"\1", name) for name in found}  # its keys are the connector's to say
    found = {re.sub(r"^(event_types\.\*\.crm)\..*", r"\1", name) for name in found}  # and these the CRM rules'
    assert found == set(names(Settings))


def test_the_example_names_every_setting_of_a_crm() -> None:
    shown = tomllib.loads(COMMENTED_SETTING.sub(r"\1", EXAMPLE.read_text(encoding="utf-8")))
    section = shown["event_types"]["123"]["crm"]["7"]
    CrmSettings.model_validate(section)
    assert set(section) == set(CrmSettings.model_fields)
    assert set(section["routing"]) == set(OwnerRouting.model_fields)
    assert set(section["tiebreaker"]) == set(Tiebreaker.model_fields)
    assert set(section["fields"][0]) == set(FieldMapping.model_fields)


def test_every_setting_of_the_example_says_what_it_does() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert [line for before, line in pairwise(lines) if not before and "=" in line] == []


def test_every_problem_is_reported_at_once_with_file_key_reason_and_remedy(tmp_path: Path) -> None:
    found = problems(
        written(
            tmp_path,
            """
            databse_url = "sqlite:///x"
            [busy]
            horizon_days = 0
            policy = "guess"
            [writes]
            threads = "many"
            [apps.caldav-calendar]
            concurency = 4
            """,
        )
    )
    assert set(found) == {
        "databse_url",
        "busy.horizon_days",
        "busy.policy",
        "writes.threads",
        "apps.caldav-calendar.concurency",
    }
    assert all(p.reason.endswith(".") and p.remedy for p in found.values())
    assert found["databse_url"].reason == "unknown setting."
    assert "spelling" in found["databse_url"].remedy
    assert "greater than or equal to 1" in found["busy.horizon_days"].reason


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("busy = 5", "busy"),
        ("[log]\nlevel = 3", "log.level"),
        ("database_url = []", "database_url"),
        ("[event_types]\n123 = false", "event_types.123"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_by_its_key(tmp_path: Path, text: str, key: str) -> None:
    assert set(problems(written(tmp_path, text))) == {key}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('database_url = "mysql://ada:canary@host/x"', "database_url"),
        ('database_url = "syncd.db"', "database_url"),
        ('[credential_sync]\nendpoint = "ftp://host/canary"', "credential_sync.endpoint"),
        ('[credential_sync]\nendpoint = "https://"', "credential_sync.endpoint"),
        ('[calcom]\nurl = "app.cal.com"', "calcom.url"),
        ('[calcom]\nurl = "http://[::1"', "calcom.url"),
        ('[http]\npublic_url = "syncd.example.com"', "http.public_url"),
        ('[http]\nredirect_allow = ["https://a.example", "/back"]', "http.redirect_allow.1"),
        ('[http]\nredirect_allow = [""]', "http.redirect_allow.0"),
        ("[event_types.intro]\nwrite_requests = true", "event_types.intro"),
        ("[event_types.007]\nwrite_requests = true", "event_types.007"),
    ],
)
def test_a_value_that_nothing_could_use_is_named_with_what_to_write_instead(
    tmp_path: Path, text: str, key: str
) -> None:
    ((where, problem),) = problems(written(tmp_path, text)).items()
    assert where == key
    assert problem.reason.endswith(".")
    assert problem.remedy != "See config.example.toml."
    assert "canary" not in str(problem)


@pytest.mark.parametrize("url", ["sqlite:////x", "postgresql://u@h/n", "postgresql+psycopg://u@h/n", "postgres://h/n"])
def test_every_database_that_can_be_opened_is_accepted(tmp_path: Path, url: str) -> None:
    assert load(written(tmp_path, f'database_url = "{url}"'), {}).database_url == url


def test_a_bad_database_of_the_environment_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, ""), {"SYNCD_DATABASE_URL": "mysql://ada:canary@host/x"})
    assert [p.where for p in caught.value.problems] == ["$SYNCD_DATABASE_URL"]


def test_a_secret_in_the_file_is_not_repeated_in_the_problem(tmp_path: Path) -> None:
    (problem,) = problems(written(tmp_path, 'password = "canary-123"')).values()
    assert "canary" not in str(problem)


@pytest.mark.parametrize("content", [b"[busy\n", b'title = "\xff"'], ids=["syntax", "not UTF-8"])
def test_a_file_that_is_not_toml_is_refused_with_the_place(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "syncd.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="is not TOML") as caught:
        load(str(file), {})
    assert [p.where for p in caught.value.problems] == [str(file)]
    assert caught.value.remedy


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that cannot be read")
def test_a_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigError, match=r"/proc/self/mem cannot be read: "):
        load("/proc/self/mem", {})


def test_a_missing_file_that_was_named_is_an_error(tmp_path: Path) -> None:
    missing = str(tmp_path / "none.toml")
    for path, environment in ((missing, {}), (None, {"SYNCD_CONFIG": missing})):
        with pytest.raises(ConfigError, match=f"No configuration file {missing}") as caught:
            load(path, environment)
        assert caught.value.remedy


def test_the_command_line_names_the_file_before_the_environment_before_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, named = written(tmp_path, ""), tmp_path / "named.toml"
    named.touch()
    monkeypatch.setattr(settings, "DEFAULT_PATHS", (str(tmp_path / "none.toml"), here))
    assert find_config(str(named), {"SYNCD_CONFIG": here}) == named
    assert find_config(None, {"SYNCD_CONFIG": str(named)}) == named
    assert find_config(None, {}) == Path(here)


def test_without_any_file_the_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "DEFAULT_PATHS", ())
    assert load(None, {}) == Settings()


def test_the_environments_database_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, 'database_url = "sqlite:///file.db"')
    assert load(file, {}).database_url == "sqlite:///file.db"
    monkeypatch.setenv("SYNCD_DATABASE_URL", "sqlite:///environment.db")
    assert load(file).database_url == "sqlite:///environment.db"


def test_an_event_type_without_rules_has_the_defaults(tmp_path: Path) -> None:
    loaded = load(written(tmp_path, "[event_types.123]\nwrite_requests = true"), {})
    assert loaded.event_type(123).write_requests
    assert loaded.event_type(124) == loaded.event_type(None) == EventType()


def test_the_horizon_is_a_span_of_time() -> None:
    assert Settings().horizon == timedelta(days=180)
