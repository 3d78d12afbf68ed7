"""Who gets in: every route of the table against every way of not being allowed to call it; nothing may be written."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from tests.api.world import TOKEN, World, running
from tests.support import short_tmp
from z2d.api.auth import UNIX_HOSTS
from z2d.api.routes import routes
from z2d.api.table import Route
from z2d.store.database import Database

TABLE = routes()
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def filled(route: Route) -> str:
    numbers = route.path.replace("{job_id}", "3").replace("{file_id}", "1")
    return numbers.replace("{site}", "media.example").replace("{name}", "talks").replace("{file}", "picture")


def wanted_body(route: Route) -> bytes:
    bodies = {"/api/jobs": b'{"url":"https://a.example/x"}', "/api/jobs/batch": b'{"urls":["https://a.example/x"]}'}
    return bodies.get(route.path, b"{}") if route.body else b""


async def raw_request(
    address: str | tuple[str, int], method: str, target: str, headers: list[tuple[str, str]], body: bytes = b""
) -> tuple[int, bytes]:
    """One request byte by byte as given: no client library puts its own Host or Origin in."""
    opened = asyncio.open_unix_connection(address) if isinstance(address, str) else asyncio.open_connection(*address)
    reader, writer = await opened
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
    try:
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0] or 0)
            return status, head if method == "HEAD" else head + await reader.readexactly(length)
    finally:
        writer.close()


async def rows(db: Database) -> list[Any]:
    found = await db.fetch(
        "SELECT (SELECT count(*) FROM jobs), (SELECT sum(rev) FROM jobs), (SELECT count(*) FROM job_logs)"
    )
    return [tuple(row) for row in found]


GOOD, FOREIGN = "good", "foreign"


@pytest.mark.parametrize("faults", [2, pytest.param(4, marks=pytest.mark.slow)], ids=["two faults", "all"])
@pytest.mark.parametrize("over", ["unix", "tcp"])
async def test_the_matrix_of_host_origin_content_type_and_token_on_every_route(
    seeded: World, over: str, faults: int
) -> None:
    """Each fault alone and each with each other, so that it shows which is looked at first; or all that can be."""
    address: str | tuple[str, int] = str(seeded.socket) if over == "unix" else ("127.0.0.1", seeded.port)
    good_host = "localhost" if over == "unix" else f"127.0.0.1:{seeded.port}"
    before = await rows(seeded.db)
    tried = 0
    for route in TABLE:
        kinds = [
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            None,
        ]
        for host, origin, kind, token in itertools.product(
            [good_host, "evil.example", "127.0.0.1:1", None],
            [None, "https://z2.example", "https://evil.example", "null"],
            kinds if route.body else ["application/json"],
            [TOKEN, "wrong", None],
        ):
            good = (host == good_host, origin in {None, "https://z2.example"}, kind == kinds[0], token == TOKEN)
            if good.count(False) > faults:
                continue
            headers = list(HANDSHAKE.items()) if route.socket else []
            headers += [("Host", host)] if host else []
            headers += [("Origin", origin)] if origin else []
            headers += [("Content-Type", kind)] if kind and route.body else []
            headers += [("Authorization", f"Bearer {token}")] if token else []
            expected = refusal(route, over, host == good_host, origin, kind, token)
            if expected is None:
                continue  # allowed: the other tests are about that
            status, answer = await raw_request(address, route.method, filled(route), headers, wanted_body(route))
            if host is None:
                assert status == 400  # HTTP/1.1 asks for one: refused before anything is looked at
            else:
                assert status == expected, (route.method, route.path, headers, answer)
                assert b"application/problem+json" in answer
            tried += 1
    assert tried > 500
    assert await rows(seeded.db) == before


def refusal(route: Route, over: str, host: bool, origin: str | None, kind: str | None, token: str | None) -> int | None:
    if not host or origin not in {None, "https://z2.example"}:
        return 403
    if over == "tcp" and token != TOKEN and not route.public:
        return 401
    if route.body and kind != "application/json":
        return 415
    return None


async def test_the_names_of_a_server_without_a_name(world: World) -> None:
    for host in UNIX_HOSTS:
        assert (await raw_request(str(world.socket), "GET", "/healthz", [("Host", host)]))[0] == 200


async def test_two_hosts_are_none(world: World) -> None:
    status, _ = await raw_request(str(world.socket), "GET", "/healthz", [("Host", "localhost"), ("Host", "evil")])
    assert status in {400, 403}


async def test_an_unknown_address_says_nothing_before_the_token(world: World) -> None:
    host = [("Host", f"127.0.0.1:{world.port}")]
    assert (await raw_request(("127.0.0.1", world.port), "GET", "/api/secret", host))[0] == 401
    with_token = [*host, ("Authorization", f"Bearer {TOKEN}")]
    assert (await raw_request(("127.0.0.1", world.port), "GET", "/api/secret", with_token))[0] == 404


WRONG_PLACES = [
    [("Authorization", TOKEN)],
    [("Authorization", f"Basic {TOKEN}")],
    [("Authorization", "Bearer ")],
    [("Authorization", f"Bearer {TOKEN} {TOKEN}")],
    [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")],
    [("Cookie", f"token={TOKEN}")],
    [("X-Token", TOKEN)],
]


async def test_a_token_in_the_wrong_place_is_no_token(world: World) -> None:
    for sent in WRONG_PLACES:
        headers = [("Host", f"127.0.0.1:{world.port}"), *sent]
        status, answer = await raw_request(("127.0.0.1", world.port), "GET", f"/api/stats?token={TOKEN}", headers)
        assert status in {400, 401}, sent
        assert TOKEN.encode() not in answer


async def test_a_socket_may_bring_its_token_as_a_subprotocol(world: World) -> None:
    url = f"ws://127.0.0.1:{world.port}/ws/jobs/status"
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(url, protocols=("z2", f"bearer.{TOKEN}")) as ws:
            assert ws.protocol == "z2"
            assert (await ws.receive_json(timeout=5))["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url, protocols=("z2", "bearer.wrong"))
        assert refused.value.status == 401


async def test_the_token_reaches_no_log(world: World, caplog: pytest.LogCaptureFixture) -> None:
    url = f"ws://127.0.0.1:{world.port}/ws/jobs/status"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url, protocols=(f"bearer.{TOKEN}",))
        assert refused.value.status == 400
    assert TOKEN not in caplog.text


async def test_without_a_token_of_its_own_a_daemon_refuses_everybody_over_tcp(dsn: str, db: Database) -> None:
    with short_tmp() as folder:
        async with running(dsn, db, folder, token_hash=None) as world:
            async with world.tcp.get("/api/stats") as answer:
                assert answer.status == 401
            async with world.tcp.get("/healthz") as answer:
                assert answer.status == 200


async def test_the_account_at_the_other_end_is_checked(dsn: str, db: Database) -> None:
    """The kernel says who calls; here the daemon is told to belong to somebody else."""
    own = os.geteuid()
    if own == 0:
        pytest.skip("root may always call; see the test with another account")
    with short_tmp() as folder:
        async with running(dsn, db, folder, own_uid=own + 1) as world:
            assert (await world.call("GET", "/api/stats"))[0] == 403
        async with running(dsn, db, folder, own_uid=own + 1, group=os.getegid()) as world:
            assert (await world.call("GET", "/api/stats"))[0] == 200


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can call as somebody else")
@pytest.mark.parametrize(
    ("first", "further", "group", "status"),
    [(65534, [], None, 403), (65534, [], 4711, 403), (4711, [], 4711, 200), (65534, [4711, 4712], 4711, 200)],
    ids=["no group", "not in it", "its first group", "one of its further groups"],
)
async def test_another_account_must_be_in_the_group(
    dsn: str, db: Database, first: int, further: list[int], group: int | None, status: int
) -> None:
    ask = (
        f"import os, socket, sys; os.setgroups({further}); os.setgid({first}); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "s.sendall(b'GET /api/stats HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n')\n"
        "print(s.recv(100).split()[1].decode())"
    )
    with short_tmp() as folder:
        async with running(dsn, db, folder, group=group) as world:
            world.socket.chmod(0o777)
            child = await asyncio.create_subprocess_exec(
                "/usr/bin/env", "python3", "-c", ask, str(world.socket), stdout=asyncio.subprocess.PIPE
            )
            said, _ = await asyncio.wait_for(child.communicate(), 10)
            assert int(said) == status


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"}


async def test_other_methods_are_refused_with_the_list_of_those_that_are_not(world: World) -> None:
    for route in TABLE:
        known = {one.method for one in TABLE if one.path == route.path}
        known |= {"HEAD"} if "GET" in known and not route.socket else set()
        for method in METHODS - known:
            status, answer = await raw_request(str(world.socket), method, filled(route), [("Host", "localhost")])
            assert status == 405, (method, route.path, answer)
            assert set(answer.split(b"Allow: ")[1].split(b"\r\n")[0].decode().split(", ")) == known


async def test_every_answer_is_hardened(seeded: World) -> None:
    for path in ("/healthz", "/api/jobs", "/api/nothing", "/api/jobs/1/files/1"):
        async with seeded.unix.get(path) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Server"] == "z2d"
            assert "Access-Control-Allow-Origin" not in answer.headers


HALF_BODY = (
    b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{"
)


async def test_silent_and_slow_connections_lock_nobody_out(dsn: str, db: Database, monkeypatch: Any) -> None:
    """More than there are places for: some say nothing, some half a header, some half a body."""
    monkeypatch.setattr("z2d.api.serve.KEEPALIVE_S", 1.0)
    monkeypatch.setattr("z2d.api.reading.BODY_TIMEOUT_S", 1.0)
    loop = asyncio.get_running_loop()
    with short_tmp() as folder:
        async with running(dsn, db, folder, max_connections=200) as world:
            opened = []
            for sent in [b"", b"GET /healthz HTTP/1.1\r\nHost: loc", HALF_BODY] * 90:
                one = socket.socket(socket.AF_UNIX)
                one.setblocking(False)
                while True:
                    try:
                        one.connect(str(world.socket))
                        break
                    except BlockingIOError:  # the kernel's own queue is full for a moment
                        await asyncio.sleep(0)
                await loop.sock_sendall(one, sent)
                opened.append(one)
            async with asyncio.timeout(1):
                assert (await world.call("GET", "/healthz"))[0] == 200
            async with asyncio.timeout(15):
                for one in opened:  # each is closed by the server, with an answer or without
                    with suppress(ConnectionError):
                        while await loop.sock_recv(one, 65536):
                            pass
                    one.close()


async def test_one_connection_too_many_takes_the_place_of_a_silent_one(dsn: str, db: Database) -> None:
    with short_tmp() as folder:
        async with running(dsn, db, folder, max_connections=105) as world:
            silent = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(5)]
            headers = [("Host", f"127.0.0.1:{world.port}")]
            assert (await raw_request(("127.0.0.1", world.port), "GET", "/healthz", headers))[0] == 200
            async with asyncio.timeout(5):
                assert await silent[0][0].read() == b""  # the oldest had to go
            for _, writer in silent:
                writer.close()


async def test_where_all_have_spoken_the_newcomer_has_to_wait(dsn: str, db: Database) -> None:
    ask = b"GET /api/version HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n\r\n"
    with short_tmp() as folder:
        async with running(dsn, db, folder, max_connections=105) as world:
            spoken = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(5)]
            for reader, writer in spoken:
                writer.write(ask % (world.port, TOKEN.encode()))
                assert b" 200 " in await asyncio.wait_for(reader.readline(), 5)
            status, answer = await raw_request(("127.0.0.1", world.port), "GET", "/healthz", [("Host", "x")])
            assert status == 429
            assert b"too_many_requests" in answer
            assert (await world.call("GET", "/healthz"))[0] == 200  # the local socket keeps room of its own
            for _, writer in spoken:
                writer.close()
