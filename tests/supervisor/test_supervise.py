"""The whole family as processes: started, killed in every order, drained."""

import asyncio
import os
import shutil
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.conftest import quick_folder
from tests.serving import Server, prepared, server, until, until_async
from ucp_server.engine import faults
from ucp_server.postgres.postmaster import is_alive, read_pid_file


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where an embedded Postgres can live; what a test left running in it is ended."""
    made = quick_folder()
    yield made
    noted = read_pid_file(made / "data" / "postgres")
    if noted is not None and is_alive(noted.pid):
        os.kill(noted.pid, signal.SIGQUIT)
    shutil.rmtree(made)


def _embedded(folder: Path) -> list[str]:
    return ["--mode", "suite", "--data-dir", str(folder / "data"), "--workers", "1"]


async def _answers(url: str) -> bool:
    async with httpx2.AsyncClient() as client:
        try:
            return (await client.get(url)).status_code == 200
        except httpx2.TransportError:
            return False


def _descendants(shop: Server) -> list[int]:
    return [*shop.pids("public"), *shop.pids("jobs")]


async def test_a_server_serves_and_ends_without_a_trace(folder: Path) -> None:
    async with prepared(folder, *_embedded(folder)) as shop:
        await shop.start()
        trusting = ssl.create_default_context(cafile=folder / "data" / "certificate.pem")
        async with httpx2.AsyncClient(verify=trusting, http2=True) as client:
            reply = await client.get(f"{shop.https}/healthz")
            assert (reply.status_code, reply.http_version) == (200, "HTTP/2")
        for url in (f"{shop.http}/healthz", f"{shop.admin}/readyz"):
            assert await _answers(url)
        async with httpx2.AsyncClient() as client:
            assert "ucp_server_requests_total" in (await client.get(f"{shop.admin}/metrics")).text
        family = _descendants(shop)
        noted = read_pid_file(folder / "data" / "postgres")
        assert noted is not None
        assert await shop.stop() == 0, shop.output
        assert not any(is_alive(pid) for pid in (*family, noted.pid))
        assert not (folder / "data" / "metrics").exists()


async def test_secrets_stand_in_no_child_s_arguments_or_environment(database: str, tmp_path: Path) -> None:
    secret = "5ecret" * 6
    common = ["--mode", "suite", "--database-url", database, "--data-dir", str(tmp_path / "data")]
    async with prepared(tmp_path, *common, environment={"UCP_SERVER_SECRET": secret}) as shop:
        await shop.start()
        for pid in _descendants(shop):
            for file in ("cmdline", "environ"):
                content = _of_process(pid, file)
                assert secret.encode() not in content
                assert database.encode() not in content
        assert secret not in shop.output


def _of_process(pid: int, file: str) -> bytes:
    return Path(f"/proc/{pid}/{file}").read_bytes()


async def test_a_killed_process_is_replaced_while_the_others_serve(database: str, tmp_path: Path) -> None:
    async with server(database, tmp_path, workers=2) as shop:
        for role, count in (("public", 2), ("jobs", 1)):
            victim = shop.pids(role)[0]
            os.kill(victim, signal.SIGKILL)
            await until(lambda role=role, victim=victim: victim not in shop.pids(role))
            assert await _answers(f"{shop.http}/healthz")
            await until(lambda role=role, count=count: len(shop.pids(role)) == count)
        assert "was ended by signal 9" in shop.output
        await until_async(lambda: _answers(f"{shop.admin}/readyz"))


async def test_the_metrics_of_all_processes_are_added_up(database: str, tmp_path: Path) -> None:
    async with server(database, tmp_path, workers=2) as shop:
        for _ in range(20):
            assert await _answers(f"{shop.http}/healthz")
        async with httpx2.AsyncClient() as client:
            lines = (await client.get(f"{shop.admin}/metrics")).text.splitlines()
        counted = [line for line in lines if line.startswith("ucp_server_requests_total{")]
        assert sum(float(line.split()[-1]) for line in counted) == 20


async def test_sigterm_finishes_the_request_that_is_open(database: str, tmp_path: Path) -> None:
    async with server(database, tmp_path) as shop:
        reader, writer = await asyncio.open_connection("127.0.0.1", shop.http_port)
        await _begin_request(writer)
        shop.signal(signal.SIGTERM)
        await until_async(lambda: _refuses(shop.http_port))
        writer.write(b'": 1}')
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 4"), answer
        assert b"\r\n\r\n" in answer
        assert await shop.stop() == 0


async def _begin_request(writer: asyncio.StreamWriter) -> None:
    head = b"POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(head + b'Content-Length: 7\r\n\r\n{"')
    await writer.drain()


async def _refuses(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_a_second_signal_does_not_wait_for_open_requests(database: str, tmp_path: Path) -> None:
    async with server(database, tmp_path) as shop:
        _, writer = await asyncio.open_connection("127.0.0.1", shop.http_port)
        await _begin_request(writer)
        shop.signal(signal.SIGINT)
        await until(lambda: "Stopping" in shop.output)
        shop.signal(signal.SIGINT)
        async with asyncio.timeout(10):
            assert await shop.process.wait() == 0
        writer.close()


async def test_sighup_replaces_every_process_and_no_request_notices(database: str, tmp_path: Path) -> None:
    async with server(database, tmp_path) as shop:
        before = set(_descendants(shop))
        shop.signal(signal.SIGHUP)
        while "Every process was replaced" not in shop.output:
            assert await _answers(f"{shop.http}/healthz")
        await until(lambda: len(_descendants(shop)) == 2)
        assert not before & set(_descendants(shop))


async def test_after_kill_9_of_all_but_postgres_the_next_start_adopts_it(folder: Path) -> None:
    async with prepared(folder, *_embedded(folder)) as shop:
        await shop.start()
        noted = read_pid_file(folder / "data" / "postgres")
        assert noted is not None
        for pid in (shop.process.pid, *_descendants(shop)):
            os.kill(pid, signal.SIGKILL)
        await shop.process.wait()
        await shop.start()
        assert "adopted" in shop.output
        assert await _answers(f"{shop.admin}/readyz")
        assert await shop.stop() == 0
        assert not is_alive(noted.pid)


async def test_children_of_a_killed_parent_end_and_free_their_ports(folder: Path) -> None:
    async with prepared(folder, *_embedded(folder)) as shop:
        await shop.start()
        orphans = _descendants(shop)
        noted = read_pid_file(folder / "data" / "postgres")
        assert noted is not None
        os.kill(shop.process.pid, signal.SIGKILL)
        os.kill(noted.pid, signal.SIGKILL)
        await shop.process.wait()
        await shop.start()
        assert await _answers(f"{shop.http}/healthz")
        await until(lambda: not any(is_alive(pid) for pid in orphans))


async def test_a_killed_postgres_is_started_again_under_the_same_processes(folder: Path) -> None:
    async with prepared(folder, *_embedded(folder)) as shop:
        await shop.start()
        family = _descendants(shop)
        noted = read_pid_file(folder / "data" / "postgres")
        assert noted is not None
        os.kill(noted.pid, signal.SIGKILL)
        await until(lambda: "PostgreSQL runs again" in shop.output)
        await until_async(lambda: _answers(f"{shop.admin}/readyz"))
        assert _descendants(shop) == family


async def test_a_second_server_is_kept_out(database: str, tmp_path: Path) -> None:
    async with server(database, tmp_path) as shop:
        second = tmp_path / "second"
        second.mkdir()
        same_folder = ["--mode", "suite", "--database-url", database, "--data-dir", str(tmp_path / "data")]
        async with prepared(second, *same_folder) as twin:
            await twin.launch()
            assert await twin.process.wait() == 1
            assert f"The process {shop.process.pid} already works in" in twin.output
        other_folder = [*same_folder[:-1], str(second / "data"), "--http-port", str(shop.http_port)]
        async with prepared(second, *other_folder) as twin:
            await twin.launch()
            assert await twin.process.wait() == 1
            assert "Another program listens on" in twin.output
            assert "--http-port" in twin.output


async def test_production_says_all_that_is_unsafe_and_does_not_start(tmp_path: Path) -> None:
    async with prepared(tmp_path, "--mode", "production") as shop:
        await shop.launch()
        assert await shop.process.wait() == 1
        for sentence in ("no server secret", "no database", "no merchant"):
            assert sentence in shop.output


async def test_production_does_not_run_on_a_postgres_that_may_lose_orders(
    database: str, tmp_path: Path
) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(f"""
        secret = "{"x" * 32}"
        certificate = "none.pem"
        certificate_key = "none.pem"
        [merchant.berlin]
        hosts = ["shop.example"]
        public_url = "https://shop.example"
        mail = {{ transport = "off" }}
    """)
    options = ["--config", str(config), "--database-url", database, "--http-port", "0"]
    async with prepared(tmp_path, *options) as shop:
        await shop.launch()
        assert await shop.process.wait() == 1
        assert "fsync = off and may lose paid orders" in shop.output


async def test_a_process_that_can_never_serve_ends_the_start(database: str, tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text('certificate = "shop.toml"\ncertificate_key = "shop.toml"\n')
    common = ["--mode", "suite", "--database-url", database, "--data-dir", str(tmp_path / "data")]
    async with prepared(tmp_path, "--config", str(config), *common) as shop:
        await shop.launch()
        assert await shop.process.wait() == 1
        assert "The public process ended 3 times before it served." in shop.output


async def test_a_fault_strikes_the_first_processes_and_not_their_successors(
    database: str, tmp_path: Path
) -> None:
    plan = "create.committed=kill"
    async with server(database, tmp_path, environment={faults.VARIABLE: plan}) as shop:
        (armed,) = shop.pids("public")
        assert f"{faults.VARIABLE}={plan}\0".encode() in _of_process(armed, "environ")
        os.kill(armed, signal.SIGKILL)
        await until(lambda: shop.pids("public") not in ([], [armed]))
        (heir,) = shop.pids("public")
        assert f"{faults.VARIABLE}=\0".encode() in _of_process(heir, "environ")
