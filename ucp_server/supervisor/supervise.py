"""The parent process: lays the foundation, keeps the children running, ends everything in order."""

import asyncio
import contextlib
import shutil
import signal
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from functools import partial
from pathlib import Path

from prometheus_client import multiprocess

from ucp_server import safety
from ucp_server.config import Settings, to_json
from ucp_server.supervisor import announce, tls
from ucp_server.supervisor.child import Child, start_child
from ucp_server.supervisor.doors import shared_listener, wait_until_free
from ucp_server.supervisor.foundation import Foundation, Refused, keep_postgres, laid
from ucp_server.supervisor.progress import Progress
from ucp_server.supervisor.roles import Role
from ucp_server.supervisor.slot import Slot

# What a child may take beyond its drain, for closing pools, before it is killed.
GRACE_S = 20

# Read by ``engine.faults``, which this process does not import.
FAULTS_VARIABLE = "UCP_SERVER_FAULTS"

Start = Callable[[Role], Awaitable[Child]]
Task = asyncio.Task[None]


class CannotStart(Exception):
    """The text says why and what to do."""


class Supervisor:
    """``roles`` are the processes wanted; those that serve the public are drained first."""

    def __init__(self, settings: Settings, roles: Sequence[Role], progress: Progress) -> None:
        self._settings = settings
        self._roles = roles
        self._progress = progress
        self._stop = asyncio.Event()
        self._slots: list[Slot] = []
        self._reloading: Task | None = None

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. SIGHUP replaces every process, one after the other.

        Raises CannotStart, CannotListen, Refused, NeverServed and what ``foundation.laid`` raises.
        """
        self._progress.say(f"ucp-server {announce.version()}, {self._settings.mode} mode")
        refused = safety.refusals(self._settings)
        if Role.PUBLIC in self._roles and self._settings.port:
            refused += tls.unusable(self._settings)
        if refused:
            raise Refused(refused)
        self._listen_to_signals()
        async with laid(self._settings, self._progress) as foundation:
            with _metrics_folder(foundation.settings.data_dir) as metrics:
                await self._serve(foundation, metrics)

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._on_stop)
        loop.add_signal_handler(signal.SIGINT, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)

    def _on_stop(self) -> None:
        if not self._stop.is_set():
            self._progress.say("Stopping; a second signal does not wait for open requests.")
            self._stop.set()
            return
        for slot in self._slots:
            slot.kill()

    def _on_reload(self) -> None:
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._replace_all())

    async def _replace_all(self) -> None:
        for slot in self._slots:
            await slot.replace()
        self._progress.say("Every process was replaced.")

    async def _serve(self, foundation: Foundation, metrics: Path) -> None:
        settings = foundation.settings
        await wait_until_free(settings, self._roles)
        environment = {"PROMETHEUS_MULTIPROC_DIR": str(metrics)}
        start = partial(start_child, settings=to_json(settings), environment=environment)
        await self._prepare(start)
        if settings.faults is not None:
            environment[FAULTS_VARIABLE] = settings.faults
        door = contextlib.ExitStack()
        shared = {Role.PUBLIC: door.enter_context(shared_listener(settings, self._roles))}
        bury = partial(multiprocess.mark_process_dead, path=str(metrics))
        self._slots = [
            Slot(partial(start, role, shared=shared.get(role)), role, self._progress.say, bury)
            for role in self._roles
        ]
        tasks = [asyncio.create_task(slot.keep()) for slot in self._slots]
        if foundation.cluster is not None:
            tasks.append(asyncio.create_task(keep_postgres(foundation.cluster, self._progress.say)))
        try:
            with self._progress.phase("processes") as phase:
                phase.text = announce.processes(self._roles)
                await self._reach(self._all_serving(), tasks)
            if settings.faults:
                # Who takes the place of a process that a test killed is to live and mend.
                environment[FAULTS_VARIABLE] = ""
            if not self._stop.is_set():
                announce.ready(settings, self._progress)
                await self._reach(asyncio.Event().wait(), tasks)
        finally:
            # Who comes now is to be refused, not to wait in a queue that nobody empties any more.
            door.close()
            await self._drain(settings)
            await _cancel(tasks)

    async def _prepare(self, start: Start) -> None:
        """Let the application fill the database with what it needs, in a process that ends again."""
        with self._progress.phase("shop") as phase:
            child = await start(Role.PREPARE)
            await child.ready()
            if await child.wait() != 0:
                raise CannotStart("\n".join(child.lines) or "The shop could not be prepared; see above.")
            told = dict(line.partition(": ")[::2] for line in child.lines)
            phase.text = told.pop("shop", "as it was")
        for label, text in told.items():
            self._progress.note(label, text)

    async def _all_serving(self) -> None:
        for slot in self._slots:
            await slot.serving.wait()

    async def _reach(self, goal: Coroutine[None, None, object], tasks: Sequence[Task]) -> None:
        """Wait for ``goal`` or a stop. Raises what a task raises, as none ends otherwise."""
        wanted = asyncio.create_task(goal)
        stopped = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({wanted, stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            await _cancel([wanted, stopped])

    async def _drain(self, settings: Settings) -> None:
        if self._reloading is not None:
            self._reloading.cancel()
        with self._progress.phase("processes", "finished what was open"):
            for public in (True, False):
                slots = [slot for slot in self._slots if (slot.role is Role.PUBLIC) is public]
                await asyncio.gather(*(slot.stop(settings.drain_s + GRACE_S) for slot in slots))


async def _cancel(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _metrics_folder(data_dir: Path | None) -> Iterator[Path]:
    """An empty folder in which the processes add up their metrics."""
    folder = (
        Path(tempfile.mkdtemp(prefix="ucp-server-metrics-")) if data_dir is None else data_dir / "metrics"
    )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
