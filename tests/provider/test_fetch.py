"""What a fetch promises: only checked addresses, bounded time and size, a whole body or an error."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
from collections.abc import Callable, Sequence

import pytest

from syncd.errors import ParkError, RetryError
from syncd.provider.addresses import AddressPolicy
from syncd.provider.fetch import Fetcher, FetchLimits
from syncd.provider.pinned import Timer

from .loopback import always, by_path, fetcher, refused, reply, resolving, serving


def test_the_body_and_headers_of_an_answer_arrive() -> None:
    with serving(always(reply(body=b"BEGIN", ETag='"1"'))) as server:
        got = fetcher().get(f"http://feeds.example:{server.port}/a?b=c", {"If-None-Match": '"0"'})
    assert (got.status, got.body, got.headers["etag"], got.host, got.moved) == (
        200,
        b"BEGIN",
        '"1"',
        "feeds.example",
        False,
    )
    assert server.heads[0].startswith("GET /a?b=c HTTP/1.1\r\n")
    assert f"Host: feeds.example:{server.port}\r\n" in server.heads[0]
    assert 'If-None-Match: "0"\r\n' in server.heads[0]
    assert "Accept-Encoding: gzip\r\n" in server.heads[0]


def test_a_host_name_beyond_ascii_is_resolved_and_asked_for_in_one_spelling() -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with serving(always(reply())) as server:
        fetcher(resolve=resolve).get(f"http://bühne.example:{server.port}/ä")
    assert asked == ["xn--bhne-0ra.example"]
    assert f"Host: xn--bhne-0ra.example:{server.port}\r\n" in server.heads[0]


@pytest.mark.parametrize("status", [304, 401, 404, 500])
def test_a_status_is_returned_without_its_body(status: int) -> None:
    with serving(always(reply(status, b"" if status == 304 else b"why"))) as server:
        got = fetcher().get(f"http://feeds.example:{server.port}/")
    assert (got.status, got.body) == (status, b"")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:{port}/", "http://2130706433:{port}/", "http://0x7f.1:{port}/", "http://localhost:{port}/"],
)
def test_no_spelling_of_loopback_is_connected_to(url: str) -> None:
    with serving(always(reply())) as server:
        error = refused(Fetcher(AddressPolicy(), FetchLimits()), url.format(port=server.port))
    assert error.code in ("address_refused", "dns")
    assert server.heads == []


def test_a_metadata_name_is_refused_without_asking_the_resolver() -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["8.8.8.8"]

    error = refused(fetcher(AddressPolicy(), resolve=resolve), "http://metadata.google.internal/x")
    assert error.code == "address_refused"
    assert asked == []


def test_an_answer_that_mixes_public_and_private_addresses_is_refused() -> None:
    error = refused(fetcher(AddressPolicy(), resolve=resolving(["8.8.8.8", "10.0.0.1"])), "http://mixed.example/")
    assert (type(error), error.code) == (ParkError, "address_refused")
    assert "10.0.0.1" not in f"{error} {error.remedy}"


def test_a_name_that_resolves_otherwise_the_second_time_is_connected_at_the_checked_address() -> None:
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    with serving(always(reply())) as server:
        assert fetcher(resolve=rebinding).get(f"http://rebinding.example:{server.port}/").status == 200
    assert asked == ["rebinding.example"]


def test_a_redirect_to_a_private_address_is_refused() -> None:
    with serving(always(reply(302, Location="http://inside.example/x"))) as server:
        fetch = fetcher(resolve=lambda host, _port: ["10.0.0.1"] if host == "inside.example" else ["127.0.0.1"])
        error = refused(fetch, f"http://feeds.example:{server.port}/")
    assert (type(error), error.code) == (ParkError, "address_refused")
    assert "inside.example" in str(error)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://feeds.example/", "gopher://feeds.example/"])
def test_a_redirect_to_another_scheme_is_refused(target: str) -> None:
    with serving(always(reply(302, Location=target))) as server:
        assert isinstance(refused(fetcher(), f"http://feeds.example:{server.port}/"), ParkError)
    assert len(server.heads) == 1


def test_redirects_are_followed_with_the_conditional_headers_and_end_after_five() -> None:
    answers = {f"/{n}": reply(301, Location=f"/{n + 1}") for n in range(9)} | {"/5": reply(body=b"end")}
    with serving(by_path(answers)) as server:
        got = fetcher().get(f"http://feeds.example:{server.port}/0", {"If-None-Match": '"0"'})
        assert (got.body, got.moved) == (b"end", True)
        assert all("If-None-Match" in head for head in server.heads)
        del answers["/5"]
        answers["/5"] = reply(301, Location="/6")
        assert refused(fetcher(), f"http://feeds.example:{server.port}/0").code == "redirects"
    assert len(server.heads) == 12


def test_a_chain_with_one_temporary_redirect_has_not_moved() -> None:
    with serving(by_path({"/a": reply(301, Location="/b"), "/b": reply(302, Location="/c"), "/c": reply()})) as server:
        assert not fetcher().get(f"http://feeds.example:{server.port}/a").moved


def test_user_info_is_sent_to_its_own_origin_only() -> None:
    with serving(always(reply())) as other:
        away = reply(302, Location=f"http://other.example:{other.port}/")
        with serving(by_path({"/b": reply(302, Location="/c"), "/c": away})) as server:
            fetcher().get(f"http://an%40a:pä@feeds.example:{server.port}/b")
    assert ["Authorization: Basic YW5AYTpww6Q=" in head for head in server.heads] == [True, True]
    assert "Authorization" not in other.heads[0]


def test_cookies_are_not_kept_between_hops() -> None:
    with serving(by_path({"/a": reply(302, Location="/b", Set_Cookie="s=1; Path=/"), "/b": reply()})) as server:
        fetcher().get(f"http://feeds.example:{server.port}/a")
    assert "Cookie" not in server.heads[1]


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    with serving(always(reply())) as server:
        assert fetcher().get(f"http://feeds.example:{server.port}/").status == 200


def test_the_next_address_is_tried_when_the_first_cannot_be_connected_to() -> None:
    policy = AddressPolicy.of(["127.0.0.0/8"])
    with serving(always(reply())) as server:
        got = fetcher(policy, resolve=resolving(["127.0.0.9", "127.0.0.1"])).get(f"http://two.example:{server.port}/")
    assert got.status == 200


def test_a_request_that_a_server_may_have_seen_is_not_sent_to_the_next_address() -> None:
    both = AddressPolicy.of(["127.0.0.0/8"])
    with serving(always(b""), host="0.0.0.0") as server:
        fetch = fetcher(both, resolve=resolving(["127.0.0.1", "127.0.0.2"]))
        error = refused(fetch, f"http://two.example:{server.port}/")
    assert isinstance(error, RetryError)
    assert len(server.heads) == 1


def unresolved(_host: str, _port: int) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


@pytest.mark.parametrize("resolve", [resolving([]), unresolved])
def test_a_name_that_does_not_resolve_is_passing_trouble(resolve: Callable[[str, int], Sequence[str]]) -> None:
    error = refused(fetcher(resolve=resolve), "http://nowhere.example/")
    assert (type(error), error.code) == (RetryError, "dns")


@pytest.mark.parametrize(
    "answer",
    [
        reply(body=b"x" * 1001),
        b"HTTP/1.1 200 X\r\n\r\n" + b"x" * 1001,
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        reply(body=gzip.compress(b"\0" * 5_000_000)[:900], Content_Encoding="gzip"),
        b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"") * 100,
    ],
    ids=["told", "untold", "chunked", "decompressed", "empty members"],
)
def test_a_body_beyond_the_cap_is_refused_however_it_comes(answer: bytes) -> None:
    with serving(always(answer)) as server:
        error = refused(fetcher(limits={"max_bytes": 1000}), f"http://feeds.example:{server.port}/")
    assert (type(error), error.code) == (ParkError, "too_large")


def test_a_gzip_bomb_is_never_held_in_memory() -> None:
    with serving(always(reply(body=gzip.compress(b"\0" * 50_000_000), Content_Encoding="gzip"))) as server:
        tracemalloc.start()
        error = refused(fetcher(limits={"max_bytes": 1_000_000}), f"http://feeds.example:{server.port}/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert error.code == "too_large"
    assert peak < 10_000_000


@pytest.mark.parametrize("body", [b"a" * 1000, b"", b"two members"], ids=["full", "empty", "short"])
def test_a_gzip_body_up_to_the_cap_is_decompressed(body: bytes) -> None:
    members = gzip.compress(body[:5]) + gzip.compress(body[5:])
    with serving(always(reply(body=members, Content_Encoding="gzip"))) as server:
        assert fetcher(limits={"max_bytes": 1000}).get(f"http://feeds.example:{server.port}/").body == body


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nBEGIN",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nBEGIN",
        b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"BEGIN" * 50)[:-9],
        b"HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\n\r\nplain text",
        b"not http at all\r\n\r\n",
        b"",
    ],
    ids=["length", "chunked", "gzip", "not-gzip", "not-http", "nothing"],
)
def test_a_body_that_ends_early_is_an_error_not_a_shorter_body(answer: bytes) -> None:
    with serving(always(answer)) as server:
        assert isinstance(refused(fetcher(), f"http://feeds.example:{server.port}/"), RetryError)


def test_an_encoding_that_was_not_asked_for_is_named() -> None:
    with serving(always(reply(Content_Encoding="br"))) as server:
        assert refused(fetcher(), f"http://feeds.example:{server.port}/").code == "encoding_refused"


class HandTimer:
    """A timer that expires when the test says so."""

    def __init__(self) -> None:
        self.expire: Callable[[], None] = lambda: None
        self.cancelled = False

    def __call__(self, _seconds: float, run: Callable[[], None]) -> Timer:
        self.expire = run
        return self

    def start(self) -> None:
        pass

    def cancel(self) -> None:
        self.cancelled = True


@pytest.mark.parametrize(
    "first",
    [b"", b"HTTP/1.1 200 X\r\nX-Drip: ", b"HTTP/1.1 200 X\r\n\r\nBEGIN", b"HTTP/1.1 302 X\r\nLocation: /again\r\n\r\n"],
    ids=["silence", "headers", "body", "redirect"],
)
def test_an_answer_that_comes_drop_by_drop_is_cut_at_the_deadline(first: bytes) -> None:
    timer = HandTimer()
    cut: list[bool] = []

    def drip(_path: str, connection: socket.socket) -> None:
        connection.sendall(first)
        timer.expire()
        connection.settimeout(1)
        cut.append(connection.recv(1) == b"")

    with serving(drip) as server:
        error = refused(fetcher(timer=timer), f"http://slow.example:{server.port}/")
    assert (type(error), error.code) == (RetryError, "too_slow")
    assert len(server.heads) == 1
    assert cut == [True]
    assert timer.cancelled


def silent(_path: str, connection: socket.socket) -> None:
    connection.recv(1)


def test_a_read_without_an_answer_ends_by_its_own_time_out() -> None:
    with serving(silent) as server:
        error = refused(fetcher(limits={"timeout_s": 0.05}), f"http://slow.example:{server.port}/")
    assert (type(error), error.code) == (RetryError, "too_slow")


@pytest.mark.parametrize(
    "url", ["webcal://feeds.example/", "file:///etc/passwd", "http://", "nothing", "http://[::1/", "http://a:b:c/"]
)
def test_what_is_no_http_url_is_refused(url: str) -> None:
    assert isinstance(refused(fetcher(), url), ParkError)


def test_an_ipv6_address_is_connected_to() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    with listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert Fetcher(AddressPolicy.of(["::1"]), FetchLimits(timeout_s=5)).get(f"http://[::1]:{port}/").status == 200
        thread.join()
