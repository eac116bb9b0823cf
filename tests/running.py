"""A `confcodec` process, and what can be asked of it from outside."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from confcodec.rooms.signalling import parse_link
from tests.waiting import PATIENCE

SMALL = ["--codec", "jpeg", "--source", "demo", "--size", "320x240"]


@dataclass
class Result:
    """How a process ended."""

    code: int
    output: str
    errors: str


class Running:
    """A process with its output."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.link = ""

    @property
    def base(self) -> str:
        """Where a server listens."""
        return parse_link(self.link).bases[0]

    @property
    def token(self) -> str:
        """A server's room token."""
        return parse_link(self.link).token

    async def read_link(self) -> None:
        """Wait for the link that a server prints."""
        assert self.process.stdout
        async with asyncio.timeout(PATIENCE):
            self.link = (await self.process.stdout.readline()).decode().strip()

    async def state(self) -> str:
        """The state that a server says it is in."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(self.base + "/healthz") as got,
        ):
            return str((await got.json())["state"])

    async def reaches(self, *states: str) -> None:
        """Wait until a server is in one of these states."""
        async with asyncio.timeout(PATIENCE):
            while await self.state() not in states:  # noqa: ASYNC110 - asked from outside
                await asyncio.sleep(0.05)

    def children(self) -> list[int]:
        """The processes that this one has started and that still run."""
        pid = self.process.pid
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(word) for word in listed.split()]

    async def ended(self) -> Result:
        """Wait for the end."""
        async with asyncio.timeout(PATIENCE):
            output, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return Result(self.process.returncode, output.decode(), errors.decode())


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@asynccontextmanager
async def confcodec(*arguments: str) -> AsyncIterator[Running]:
    """Run the command line; whatever happens, nothing of it is left at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "confcodec", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Running(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


@asynccontextmanager
async def serving(*arguments: str) -> AsyncIterator[Running]:
    """Run a server that has printed its link."""
    async with confcodec(
        "serve", "--port", "0", "--no-open", *SMALL, *arguments
    ) as server:
        await server.read_link()
        yield server
