"""A real Chromium without a window, driven over its debugging protocol; scripts of pages are off.

async with chromium() as tab:
    await tab.open(url)
    await tab.type("#email", "ada@example.com")
    await tab.click("button[value=update]")
"""

import asyncio
import base64
import contextlib
import itertools
import json
import re
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

Wire = dict[str, Any]

PROGRAM = Path("/usr/bin/chromium")
# A cold start on a machine that does eight other things.
START_S = 30.0
STEP_S = 20.0
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class Tab:
    """One tab. ``complaints`` are its console's: refused loads, violated policies, scripts' errors."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Wire]] = {}
        self._session = ""
        self._loaded = asyncio.Event()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            else:
                self._note(told["method"], told["params"])

    def _note(self, method: str, facts: Wire) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Log.entryAdded":
                self.complaints.append(facts["entry"]["text"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Page.javascriptDialogOpening":
                self.complaints.append(json.dumps(facts))
            case "Network.requestWillBeSent":
                self.requests.append(facts["request"]["url"])

    async def ask(self, method: str, **parameters: Any) -> Wire:
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        asked = {"id": number, "method": method, "params": parameters}
        await self._socket.send_json(asked | ({"sessionId": self._session} if self._session else {}))
        async with asyncio.timeout(STEP_S):
            told = await answer
        assert "error" not in told, (method, told)
        return told["result"]

    async def attach(self) -> None:
        target = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Log", "Runtime", "Network", "DOM"):
            await self.ask(f"{domain}.enable")
        await self.ask("Emulation.setScriptExecutionDisabled", value=True)

    # --- what a person does ---

    async def open(self, url: str) -> None:
        self._loaded.clear()
        await self.ask("Page.navigate", url=url)
        await self._wait()

    async def _wait(self) -> None:
        async with asyncio.timeout(STEP_S):
            await self._loaded.wait()

    async def look(self, *, width: int, dark: bool = False) -> None:
        """As on a screen of this width, in pixels."""
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 700,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.ask("Emulation.setEmulatedMedia", features=[scheme])

    async def click(self, selector: str) -> None:
        """Click into the middle of an element; the next page is waited for where one comes."""
        node = await self._node(selector)
        await self.ask("DOM.scrollIntoViewIfNeeded", nodeId=node)
        quads = (await self.ask("DOM.getContentQuads", nodeId=node))["quads"]
        xs, ys = quads[0][::2], quads[0][1::2]
        at: Wire = {"x": sum(xs) / 4, "y": sum(ys) / 4, "button": "left", "clickCount": 1}
        await self.ask("Input.dispatchMouseEvent", type="mousePressed", **at)
        await self.ask("Input.dispatchMouseEvent", type="mouseReleased", **at)

    async def go(self, selector: str) -> None:
        """Click what leads to another page."""
        self._loaded.clear()
        await self.click(selector)
        await self._wait()

    async def type(self, selector: str, text: str) -> None:
        await self.ask("DOM.focus", nodeId=await self._node(selector))
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).select()")
        await self.ask("Input.insertText", text=text)

    async def press_enter(self) -> None:
        self._loaded.clear()
        key: Wire = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        await self.ask("Input.dispatchKeyEvent", type="keyDown", **key)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **key)
        await self._wait()

    async def _node(self, selector: str) -> int:
        root = (await self.ask("DOM.getDocument"))["root"]["nodeId"]
        found = await self.ask("DOM.querySelector", nodeId=root, selector=selector)
        assert found["nodeId"], f"there is no {selector}"
        return int(found["nodeId"])

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression of ours, which the page's policy does not concern."""
        told = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def picture(self) -> bytes:
        """A picture of the whole page (PNG), for people to look at."""
        taken = await self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(taken["data"])


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Tab]:
    folder = Path(tempfile.mkdtemp(prefix="chromium-"))
    process = await asyncio.create_subprocess_exec(
        *(PROGRAM, *FLAGS, f"--user-data-dir={folder}", "about:blank"),
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = await _address(process)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, max_msg_size=0) as socket,
        ):
            tab = Tab(socket)
            await tab.attach()
            yield tab
            await tab.ask("Target.getTargets")
        await tab.reading
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        await process.wait()
        shutil.rmtree(folder, ignore_errors=True)


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(START_S):
        async for line in process.stderr:
            found = re.search(rb"DevTools listening on (ws://\S+)", line)
            if found:
                return found[1].decode()
    raise AssertionError("Chromium did not start")
