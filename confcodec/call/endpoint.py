"""This side of a call: its source, its two codec threads, its sink, its settings.

It outlives its peers: a server keeps it through loopback and visitors.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from confcodec.call.codec_thread import Coder
from confcodec.call.display import Screen
from confcodec.call.loop_lag import LagMeter
from confcodec.call.options.call import CallOptions
from confcodec.call.peer import Peer
from confcodec.call.receiver import Receiver
from confcodec.call.send_settings import SendSettings
from confcodec.call.sender import Sender
from confcodec.call.shared_encoder import SharedEncoder
from confcodec.call.sound import Sound, SoundLink, SoundTrack
from confcodec.codec.frame import Frame
from confcodec.codec.interface import CodecInfo
from confcodec.codec.registry import reference_of
from confcodec.errors import CaptureError, ConfcodecError
from confcodec.media.sources import Source, open_source
from confcodec.transport.channel import Channel
from confcodec.transport.emulated_network import ImpairedNetwork
from confcodec.transport.ice import Ice
from confcodec.wire.messages import VERSION, Hello, MediaState

Opener = Callable[[str, tuple[int, int], float], Source]
"""Opens a source by its name, in a size and at a rate."""


class Endpoint:
    """Captures, encodes and decodes for whichever peer is there."""

    def __init__(self, options: CallOptions) -> None:
        self.options = options
        self.settings = SendSettings(
            options.codec,
            options.quality,
            options.fps,
            mode=options.mode,
            bitrate=options.bitrate,
        )
        self.info: CodecInfo | None = None
        """Of the codec that encodes, or of the one that decodes where nothing is sent."""
        self.source: Source | None = None
        self.sender: Sender | None = None
        """Where captured frames go; None lets them pass."""
        self.started = asyncio.Event()
        """Set once `start` is done: calls can be taken up."""
        self.loaded = asyncio.Event()
        """Set once the codec can encode, or decode where nothing is sent."""
        self._settled = asyncio.Event()
        """Set once it is known which codec that will be."""
        self.on_loaded: Callable[[], None] = lambda: None
        self.watchers: set[Sender] = set()
        """Where else they go."""
        self.on_captured: Callable[[Frame], None] = lambda _frame: None
        self.screen = Screen(options.sink, options.size, options.fps)
        threads = options.codec_threads
        self.decoder = Coder("decode", options.device, threads)
        self._encoder = Coder("encode", options.device, threads)
        self._shared = SharedEncoder(self._encoder)
        self.lag = LagMeter()
        """One for all peers: they share the event loop that it measures."""
        self.sound = Sound(options.audio, options.speaker, muted=options.muted)
        self.network = ImpairedNetwork(phases=options.net)
        self._capture_pool = ThreadPoolExecutor(1, thread_name_prefix="capture")
        self._captured = 0
        self._opener: Opener = open_source
        """Opened the present source."""
        self._choosing = asyncio.Lock()
        """Held while one source takes the place of another: two at once would leave one open."""
        self._steady = asyncio.Event()
        """Clear while one source takes the place of another."""
        self._steady.set()

    async def start(self) -> None:
        """Open source and sink; the codec is loaded by `run`.

        Raises:
            CaptureError: the source cannot be opened.
            ConfcodecError: the sink cannot.
        """
        loop, options = asyncio.get_running_loop(), self.options
        if (spec := options.source) is not None:
            self.source = await loop.run_in_executor(
                self._capture_pool, open_source, spec, options.size, options.fps
            )
        await self.screen.open()
        self.started.set()

    def channel(self, ice: Ice, *, hears: bool = True) -> Channel:
        """A connection for one more peer, with this side's sound if there is any."""
        track = self.sound.track() if hears and self.options.source else None
        mended = self.options.mode != "stock"
        return Channel(
            ice, hears=hears, sound=track, network=self.network, corrected=mended
        )

    def peer(self, channel: Channel, *, shows: bool = True) -> Peer:
        """Take up a call on a channel that is about to open.

        Args:
            channel: not open yet.
            shows: whether the peer's frames go to the sink of this process.
        """
        receiver, sender = Receiver(self.decoder), None
        if shows:
            call = self.screen.new_call()
            receiver.on_decoded = lambda frame: self.screen.show(call, frame)
        if self.source:
            sender = Sender(channel, self._shared.share(), self.settings)
        peer = Peer(channel, self._hello, sender, receiver, self.decoder)
        peer.tells, peer.lag = self.media, self.lag
        if channel.hears:
            track = channel.sound if isinstance(channel.sound, SoundTrack) else None
            peer.sound = SoundLink(self.sound, track)
        return peer

    def media(self) -> MediaState:
        """What this side sends at the moment."""
        camera = self.source is not None and self.settings.camera
        return MediaState(camera, self.sound.microphone)

    def delegate_sink(self) -> str:
        """The --sink for a call whose frames another process decodes."""
        return self.screen.spec_of(self.screen.new_call())

    def options_in_use(self) -> CallOptions:
        """The options with what became of them: the source that opened, the settings now."""
        source, now = self.source.name if self.source else None, self.settings
        return replace(
            self.options,
            source=source,
            quality=now.quality,
            mode=now.mode,
            bitrate=now.bitrate,
        )

    async def choose_codec(self, name: str) -> None:
        """Encode with another codec from now on; frames wait while it loads.

        Raises:
            ConfcodecError: it cannot be used here.
        """
        self.info = await self._encoder.load(name, self.options.size)
        self.settings.codec = name

    async def choose_source(
        self,
        spec: str,
        size: tuple[int, int],
        fps: float,
        opener: Opener = open_source,
    ) -> None:
        """Capture from elsewhere, in another size or at another rate, from now on.

        Raises:
            ConfcodecError: it cannot be opened; then the old source goes on.
        """
        async with self._choosing:
            await self._take_over(spec, size, fps, opener)
        await self._settled.wait()
        await self._encoder.load(self.settings.codec, size)

    async def run(self) -> None:
        """Load the codec, capture, show and measure until cancelled.

        Raises:
            ConfcodecError: the codec cannot be used here, or source or sink failed for good.
        """
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self.lag.run())
                group.create_task(self._load())
                group.create_task(self.screen.run())
                group.create_task(self.network.run())
                if self.source:
                    group.create_task(self._capture())
        except* ConfcodecError as errors:
            raise errors.exceptions[0] from errors

    async def close(self) -> None:
        """Release camera, files and threads."""
        loop = asyncio.get_running_loop()
        if self.source:
            await loop.run_in_executor(self._capture_pool, self.source.close)
        self._capture_pool.shutdown(wait=False, cancel_futures=True)
        await self.screen.close()
        await self.sound.close()
        await self._encoder.close()
        await self.decoder.close()

    async def _load(self) -> None:
        """Load and warm the codec, while others already look for each other."""
        coder = self._encoder if self.source else self.decoder
        settings, size = self.settings, self.options.size
        asked = settings.codec
        chosen = await coder.choose(asked, size, settings.fps)
        settings.codec = chosen if settings.codec == asked else settings.codec
        self._settled.set()
        self.info = await coder.load(settings.codec, size)
        self.loaded.set()
        self.on_loaded()

    async def _hello(self) -> Hello:
        """What to greet a peer with, once it is known."""
        await self._settled.wait()
        codec, options = self.settings.codec if self.source else None, self.options
        reference = reference_of(codec) if codec else None
        return Hello(VERSION, codec, options.size, options.fps, reference)

    async def _take_over(
        self,
        spec: str,
        size: tuple[int, int],
        fps: float,
        opener: Opener,
    ) -> None:
        old, before, opened_by = self.source, self.options, self._opener
        if old is None:
            raise ConfcodecError("this side sends no pictures")
        self._steady.clear()
        old.close()  # first: one camera cannot be open twice
        try:
            await self._open(replace(before, source=spec, size=size, fps=fps), opener)
        except ConfcodecError:
            await self._open_again(before, opened_by)
            raise
        finally:
            self._steady.set()

    async def _open(
        self,
        options: CallOptions,
        opener: Opener,
    ) -> None:
        assert options.source is not None
        self.source = await asyncio.to_thread(
            opener, options.source, options.size, options.fps
        )
        self.options, self.settings.fps = options, options.fps
        self._opener = opener

    async def _open_again(
        self,
        options: CallOptions,
        opener: Opener,
    ) -> None:
        """After a failed choice: the source of before, or else the demo."""
        try:
            await self._open(options, opener)
        except ConfcodecError:
            await self._open(replace(options, source="demo"), open_source)

    async def _capture(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            source = self.source
            assert source is not None
            try:
                frame = await loop.run_in_executor(self._capture_pool, source.read)
            except CaptureError:
                if self._steady.is_set() and source is self.source:
                    raise
                await self._steady.wait()
                continue
            if not self.settings.camera:
                continue
            # Each source counts from 0; on the wire numbers never go back.
            frame = replace(frame, number=self._captured)
            self._captured += 1
            self.on_captured(frame)
            for sender in (self.sender, *self.watchers):
                if sender:
                    sender.offer(frame)
