"""One peer connection with its two data channels; does I/O and decides nothing.

`media` is unordered and never retransmits; `control` is ordered and reliable.
Both are negotiated by number (0 and 1), so no message opens them.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import aioice.ice
from aiortc import (
    MediaStreamTrack,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidStateError

from confcodec.errors import PacketError, TransportError
from confcodec.transport.emulated_network import ImpairedNetwork
from confcodec.transport.ice import NO_ICE, Ice
from confcodec.transport.sctp import correct_sctp

logger = logging.getLogger(__name__)

OPEN_TIMEOUT = 15.0
"""Seconds from the exchange of descriptions to open channels."""
MAX_SDP = 20_000
"""Characters of the longest session description accepted."""

_gather_addresses = aioice.ice.get_host_addresses


def _host_addresses(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    """The machine's addresses; aioice leaves out 127.0.0.1, but some have no other."""
    return _gather_addresses(use_ipv4=use_ipv4, use_ipv6=use_ipv6) or ["127.0.0.1"]


aioice.ice.get_host_addresses = _host_addresses


def check_sdp(sdp: object) -> str:
    """Give back an untrusted session description that is worth parsing.

    Raises:
        PacketError: no text, too long, or not one data channel and at most one sound track.
    """
    if not isinstance(sdp, str) or len(sdp) > MAX_SDP or not sdp.startswith("v=0"):
        raise PacketError("the session description is malformed")
    kinds = sorted(re.findall(r"^m=(\S+)", sdp, re.MULTILINE))
    needed = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:")
    if kinds not in (["application"], ["application", "audio"]) or not all(
        line in sdp for line in needed
    ):
        raise PacketError(
            "the session description offers no data channel, or more than that and sound"
        )
    return sdp


class Channel:
    """A connection to one peer; create, exchange descriptions, wait until `open`."""

    def __init__(
        self,
        ice: Ice = NO_ICE,
        *,
        hears: bool = False,
        sound: MediaStreamTrack | None = None,
        network: ImpairedNetwork | None = None,
        corrected: bool = True,
    ) -> None:
        """Args:
        ice: how the connection finds its way.
        hears: whether there is sound at all.
        sound: what to send.
        network: an emulated one that the connection goes over, once it is open.
        corrected: whether to mend aiortc's behaviour under loss; see `sctp`.
        """
        self._network = network
        self.on_media: Callable[[bytes], None] = _ignore
        self.on_control: Callable[[bytes | str], None] = _ignore
        self.closed = asyncio.Event()
        """Set once the connection has failed or ended."""
        self._connection = RTCPeerConnection(ice.configuration())
        self._media = self._connection.createDataChannel(
            "media", ordered=False, maxRetransmits=0, negotiated=True, id=0
        )
        self._control = self._connection.createDataChannel(
            "control", negotiated=True, id=1
        )
        self.sound = sound
        self.hears = hears
        self.rtp: RTCRtpTransceiver | None = None
        """Sends and receives the sound; None without."""
        assert self._connection.sctp is not None
        self.rate: Callable[[], float] = lambda: 0.0
        """Asked for the bits a second that this side means to send; see `sctp`."""
        self.corrected = corrected and correct_sctp(
            self._connection.sctp, lambda: self.rate()
        )
        """Whether that has been done."""
        self._opened = asyncio.Event()
        self._queued: deque[tuple[float, int]] = deque()
        self._enqueued = 0
        self._connection.on("connectionstatechange", self._state_changed)
        for channel in (self._media, self._control):
            channel.on("open", self._channel_opened)
            channel.on("close", self.closed.set)
        self._media.on("message", self._media_message)
        self._control.on("message", self._control_message)

    async def offer(self) -> str:
        """The description to send to the other side first."""
        if self.hears:
            self._add_sound()
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    def _add_sound(self) -> None:
        direction = "sendrecv" if self.sound else "recvonly"
        track = self.sound or "audio"
        self.rtp = self._connection.addTransceiver(track, direction)

    async def answer(self, offer: object) -> str:
        """Take the other side's offer, untrusted; returns the answer to send back.

        Raises:
            PacketError: the offer is malformed.
        """
        sdp = check_sdp(offer)
        # aiortc cannot answer without sound where it has a track that was not asked for.
        if self.hears and "\nm=audio" in sdp:
            self._add_sound()
        await self._set_remote(sdp, "offer")
        with _malformed():
            answer = await self._connection.createAnswer()
            await self._connection.setLocalDescription(answer)
        return self._connection.localDescription.sdp

    async def accept(self, answer: object) -> None:
        """Take the other side's answer, untrusted.

        Raises:
            PacketError: the answer is malformed.
        """
        await self._set_remote(check_sdp(answer), "answer")

    async def open(self) -> None:
        """Wait until both channels carry messages.

        Raises:
            TransportError: they do not within `OPEN_TIMEOUT`.
        """
        waits = [asyncio.ensure_future(e.wait()) for e in (self._opened, self.closed)]
        try:
            await asyncio.wait(
                waits, timeout=OPEN_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            for wait in waits:
                wait.cancel()
        if self.closed.is_set() or not self._opened.is_set():
            raise TransportError(
                "no connection to the other side came about; "
                "is UDP between the two machines blocked by a firewall?"
            )

    def send_media(self, messages: Sequence[bytes]) -> None:
        """Queue packets; those of a closed connection vanish."""
        now = time.monotonic()
        for message in messages:
            self._send(self._media, message)
            self._enqueued += len(message)
        self._queued.append((now, self._enqueued))

    def send_control(self, message: bytes | str) -> None:
        """Queue a control message; one to a closed connection vanishes."""
        self._send(self._control, message)

    def queue_age(self) -> float:
        """Seconds that the oldest packets in the send queue have been waiting."""
        sent = self._enqueued - self._media.bufferedAmount
        while self._queued and self._queued[0][1] <= sent:
            self._queued.popleft()
        return time.monotonic() - self._queued[0][0] if self._queued else 0.0

    async def close(self) -> None:
        """Send what `send_control` queued, for up to 0.3 s, and end the connection."""
        for _ in range(30):
            if self._control.readyState != "open" or not self._control.bufferedAmount:
                break
            await asyncio.sleep(0.01)
        try:
            await self._connection.close()
        except Exception as error:  # half of a malformed offer has been applied
            logger.debug("closing a broken connection: %r", error)
        self.closed.set()

    async def _set_remote(self, sdp: str, kind: str) -> None:
        with _malformed():
            await self._connection.setRemoteDescription(
                RTCSessionDescription(sdp, kind)
            )

    def _send(self, channel: RTCDataChannel, message: bytes | str) -> None:
        try:
            channel.send(message)
        except (InvalidStateError, ConnectionError):
            logger.debug("message for a closed channel dropped")

    def _channel_opened(self) -> None:
        if self._media.readyState == self._control.readyState == "open":
            if self._network:
                self._network.opened(self._connection)
            self._opened.set()

    def _state_changed(self) -> None:
        if self._connection.connectionState in ("failed", "closed"):
            self.closed.set()

    # An exception that leaves a handler would silently end the whole DTLS transport.

    def _media_message(self, message: bytes | str) -> None:
        try:
            self.on_media(message if isinstance(message, bytes) else message.encode())
        except Exception:
            logger.exception("a media message was lost by a bug")

    def _control_message(self, message: bytes | str) -> None:
        try:
            self.on_control(message)
        except Exception:
            logger.exception("a control message was lost by a bug")


@contextlib.contextmanager
def _malformed() -> Iterator[None]:
    """Make a `PacketError` of what aiortc raises on malformed text, which is almost anything."""
    try:
        yield
    except Exception as error:
        raise PacketError(
            f"the session description is malformed ({type(error).__name__})"
        ) from error


def _ignore(_message: bytes | str) -> None:
    """What happens to messages that come before a handler is set."""
