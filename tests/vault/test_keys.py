"""One source of keys is used and named; every problem is told by line, never by what the line holds."""

from __future__ import annotations

from base64 import standard_b64encode
from pathlib import Path

import pytest

from syncd.errors import ConfigError, KeyMissingError
from syncd.vault import Key, KeyRing, find_source, generate_key, load_ring, parse_keys

from .canary import assert_silent

SECRET = b"canary-key-0123456789-0123456789"
OTHER = b"canary-two-0123456789-0123456789"
LINE = Key("k1", SECRET).line()
OTHER_LINE = Key("k2", OTHER).line()


def problems(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_keys(text, "key file /etc/syncd/keys")
    assert_silent(caught.value, SECRET, OTHER)
    return caught.value


def key_file(folder: Path, text: str = LINE, mode: int = 0o600, name: str = "keys") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_first_key_is_current_and_the_others_open() -> None:
    ring = parse_keys(f"# our keys\n\n{LINE}  # since May\r\n {OTHER_LINE}=\n", "here")
    assert ring == KeyRing((Key("k1", SECRET), Key("k2", OTHER)), "k1", "here")
    assert ring.current_key.secret == SECRET


def test_a_generated_key_can_be_read_back_and_is_new_each_time() -> None:
    keys = [generate_key("2026-10-01") for _ in range(20)]
    assert len({key.secret for key in keys}) == 20
    assert parse_keys(keys[0].line(), "here").current_key == keys[0]


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33, 64])
def test_a_key_of_another_length_is_told_its_length_and_how_to_make_one(size: int) -> None:
    with pytest.raises(ConfigError, match=rf"^The key is {size} bytes long; it must be 32") as caught:
        Key("k1", (SECRET * 2)[:size])
    assert "syncd keys generate" in caught.value.remedy


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (LINE[:-11], "The key is 24 bytes long; it must be 32"),
        (LINE[:-10], "has a length no base64url text has; it has 33 characters of 43"),
        (LINE.partition(":")[2], "no ':'"),
        ("k1:" + standard_b64encode(b"\xff" + SECRET[1:]).decode(), "not base64url"),
        (LINE + "A", "The key is 33 bytes long; it must be 32"),
        (f"{LINE.partition(':')[2]}:k1", "The key ends in stray bits; it has 2 characters of 43"),
        ("k 1:" + LINE.partition(":")[2], "key id is not"),
        (":" + LINE.partition(":")[2], "key id is not"),
    ],
)
def test_a_bad_line_is_told_by_its_number_and_reason_alone(line: str, reason: str) -> None:
    error = problems(f"{OTHER_LINE}\n{line}\n")
    [problem] = error.problems
    assert problem.where == "key file /etc/syncd/keys, line 2"
    assert reason in problem.reason
    assert problem.remedy


def test_every_bad_line_is_told_at_once() -> None:
    assert [problem.where[-1] for problem in problems(f"x\n{LINE}\ny\n").problems] == ["1", "3"]


@pytest.mark.parametrize("text", ["", "\n# nothing\n"])
def test_a_source_without_a_key_says_how_to_make_one(text: str) -> None:
    error = problems(text)
    assert "no key in key file /etc/syncd/keys" in error.message
    assert "syncd keys generate" in error.remedy


def test_an_id_twice_is_refused() -> None:
    assert "'k1' appears twice" in problems(f"{LINE}\n{Key('k1', OTHER).line()}").message


def test_one_secret_under_two_ids_is_refused_because_rotating_to_it_would_change_nothing() -> None:
    assert "are the same key" in problems(f"{LINE}\n{Key('k2', SECRET).line()}").message


def test_a_ring_needs_its_current_key() -> None:
    with pytest.raises(ConfigError, match="no key of the current id 'k9'"):
        KeyRing((Key("k1", SECRET),), "k9")


def test_exactly_one_source_counts_and_is_named(tmp_path: Path) -> None:
    path = key_file(tmp_path, OTHER_LINE)
    credential = key_file(tmp_path, Key("k3", bytes(32)).line(), 0o444, "syncd-keys")
    environ = {"SYNCD_KEYS": LINE}
    with_credential = environ | {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    rings = [load_ring(with_credential, path), load_ring(environ, path), load_ring(environ)]
    assert [ring.ids for ring in rings] == [("k3",), ("k2",), ("k1",)]
    assert [ring.source for ring in rings] == [
        f"systemd credential {credential}", f"key file {path}", "environment variable SYNCD_KEYS",
    ]  # fmt: skip


def test_other_credentials_of_the_unit_do_not_hide_the_key_file(tmp_path: Path) -> None:
    assert find_source({"CREDENTIALS_DIRECTORY": str(tmp_path)}, tmp_path / "keys").path == tmp_path / "keys"


def test_keys_of_the_environment_may_be_separated_by_semicolons_or_newlines() -> None:
    for text in (f"{LINE};{OTHER_LINE}", f"{LINE}\n{OTHER_LINE}"):
        assert load_ring({"SYNCD_KEYS": text}).ids == ("k1", "k2")


@pytest.mark.parametrize("environ", [{}, {"SYNCD_KEYS": "", "CREDENTIALS_DIRECTORY": ""}])
def test_without_a_source_all_three_are_named(environ: dict[str, str]) -> None:
    with pytest.raises(KeyMissingError, match=r"syncd-keys.*key file.*SYNCD_KEYS") as caught:
        load_ring(environ)
    assert "syncd keys generate" in caught.value.remedy


def test_a_missing_key_file_is_an_error_and_never_means_look_further(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"key file .*/absent cannot be read: No such file"):
        load_ring({"SYNCD_KEYS": LINE}, tmp_path / "absent")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o644])
def test_a_key_file_open_to_others_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    path = key_file(tmp_path, mode=mode)
    with pytest.raises(ConfigError, match=f"open to group or others .mode {mode:04o}") as caught:
        load_ring({}, path)
    assert caught.value.remedy == f"chmod 600 {path}"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_key_file_of_ours_alone_is_read(tmp_path: Path, mode: int) -> None:
    assert load_ring({}, key_file(tmp_path, mode=mode)).current_key.secret == SECRET


def test_a_key_file_that_is_not_text_is_refused_in_silence(tmp_path: Path) -> None:
    path = key_file(tmp_path)
    path.write_bytes(SECRET + b"\xff")
    with pytest.raises(ConfigError, match="is not text") as caught:
        load_ring({}, path)
    assert_silent(caught.value, SECRET)


def test_a_folder_in_place_of_a_key_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load_ring({}, tmp_path)
