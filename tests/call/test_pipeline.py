import asyncio
import contextlib
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import pytest

from confcodec.call import sender
from confcodec.call.codec_thread import Coder
from confcodec.call.newest_queue import NewestQueue
from confcodec.call.peer import Peer
from confcodec.call.receiver import ReceivedFrame, Receiver
from confcodec.call.send_settings import SendSettings
from confcodec.call.sender import Sender
from confcodec.codec.frame import Frame
from confcodec.codec.interface import Codec
from confcodec.errors import BitstreamError
from confcodec.transport.channel import Channel
from confcodec.wire import packets
from confcodec.wire.messages import VERSION, Hello, Ready, pack
from confcodec.wire.packets import packetize
from confcodec.wire.receiver_report import Report
from tests.conftest import picture
from tests.transport.test_channel import connect
from tests.waiting import PATIENCE, eventually

SIZE = (320, 240)


@dataclass
class Side:
    """One end of a call made of the real parts."""

    peer: Peer
    channel: Channel
    sender: Sender
    receiver: Receiver
    settings: SendSettings
    decoded: "asyncio.Queue[ReceivedFrame]"
    task: "asyncio.Task[str]"


@asynccontextmanager
async def side(channel: Channel, codec: str = "jpeg") -> AsyncIterator[Side]:
    encoder, decoder = Coder("encode", "cpu", 1), Coder("decode", "cpu", 1)
    await encoder.load("jpeg", SIZE)
    await encoder.load("webp", SIZE)
    settings = SendSettings("jpeg", 32, 30)
    sender, receiver = Sender(channel, encoder, settings), Receiver(decoder)
    decoded: asyncio.Queue[ReceivedFrame] = asyncio.Queue()
    receiver.on_decoded = decoded.put_nowait

    async def hello() -> Hello:
        return Hello(VERSION, codec, SIZE, 30)

    peer = Peer(channel, hello, sender, receiver, decoder)
    task = asyncio.create_task(peer.run())
    try:
        yield Side(peer, channel, sender, receiver, settings, decoded, task)
    finally:
        peer.stop()
        await asyncio.wait([task])
        await encoder.close()
        await decoder.close()


@asynccontextmanager
async def call(codec: str = "jpeg") -> AsyncIterator[tuple[Side, Side]]:
    """Two sides in a call; the first says that it sends with `codec`."""
    one, two = Channel(), Channel()
    async with side(one, codec) as here, side(two) as there, asyncio.timeout(PATIENCE):
        await connect(one, two)
        await there.sender.ready.wait()
        if codec == "jpeg":
            await here.sender.ready.wait()
        yield here, there


@asynccontextmanager
async def call_from_a_stranger() -> AsyncIterator[tuple[Channel, Side]]:
    """A side in a call with whatever the test makes of a bare channel."""
    one, two = Channel(), Channel()
    try:
        async with side(two) as there, asyncio.timeout(PATIENCE):
            await connect(one, two)
            await one.open()
            yield one, there
    finally:
        await one.close()


async def send(here: Side, number: int) -> Frame:
    frame = Frame(picture(seed=number), number, time.monotonic())
    here.sender.offer(frame)
    return frame


async def deliver(here: Side, there: Side, number: int) -> tuple[Frame, ReceivedFrame]:
    """Send a frame until it arrives: on a busy machine packets may be lost."""
    while True:
        frame = await send(here, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                while (got := await there.decoded.get()).number != number:
                    pass
                return frame, got
        number += 1


async def test_both_sides_decode_what_the_other_sends() -> None:
    async with call() as (here, there):
        for number in range(0, 50, 10):
            for one, other in ((here, there), (there, here)):
                frame, got = await deliver(one, other, number)
                assert got.decoded.codec == "jpeg"
                assert np.mean(abs(got.decoded.pixels - frame.pixels.astype(float))) < 8
        assert here.sender.stats.sent >= there.receiver.stats.decoded >= 5
        assert here.sender.stats.drops.total == there.receiver.stats.malformed == 0


async def test_latency_runs_from_capture_to_decoded_on_one_clock() -> None:
    async with call() as (here, there):
        clock = there.peer.clock
        await eventually(lambda: clock.offset is not None)
        assert clock.offset is not None
        began = time.monotonic()
        _, got = await deliver(here, there, 0)
        latency = there.receiver.stats.latency.overall
        assert latency is not None
        error = clock.shortest / 2  # of the offset, at most
        assert -error < latency < time.monotonic() - began + error + 0.1
        assert abs(clock.offset) < 0.1
        assert began - 0.2 < got.capture_time < time.monotonic() + 0.2


async def test_the_codec_changes_in_the_middle_of_a_call() -> None:
    async with call() as (here, there):
        assert (await deliver(here, there, 0))[1].decoded.codec == "jpeg"
        here.settings.codec = "webp"
        assert (await deliver(here, there, 100))[1].decoded.codec == "webp"


async def test_psnr_is_of_the_pixels_that_the_receiver_decodes() -> None:
    from confcodec.codec.metrics import psnr

    async with call() as (here, there):
        frame, got = await deliver(here, there, 0)
        await eventually(lambda: here.sender.stats.psnr.count)
        assert here.sender.stats.psnr.overall == pytest.approx(
            psnr(frame.pixels, got.decoded.pixels)
        )


async def test_frames_before_the_receiver_is_ready_are_not_counted() -> None:
    async with call_from_a_stranger() as (_, there):
        await send(there, 0)
        assert there.sender.stats.captured == 0


async def test_random_bytes_on_both_channels_do_not_disturb_the_call() -> None:
    rng = random.Random(1)
    async with call() as (here, there):
        for number in range(10):
            for _ in range(20):
                noise = rng.randbytes(rng.randrange(1, 1160))
                here.channel.send_media([noise])
                here.channel.send_control(noise)
                here.channel.send_control(noise.decode("latin-1"))
                here.channel.send_media([b"\x10" + noise])
            await deliver(here, there, 100 * number)
        # And noise that happens to begin like a report.
        await eventually(lambda: there.peer.malformed >= 400)
        assert there.receiver.stats.malformed > 300  # of 400; a few may be lost
        assert here.receiver.stats.malformed == here.peer.malformed == 0


async def test_a_damaged_bitstream_is_counted_and_the_call_goes_on() -> None:
    async with call() as (here, there):
        junk = [b"\xff\xd8" + os.urandom(3000), os.urandom(3000), b"\xcc" * 40, b"RIFF"]
        for number, bitstream in enumerate(junk):
            now = time.monotonic()
            pieces = packetize([bitstream], number, 0, now, now)
            here.channel.send_media([packets.pack(piece) for piece in pieces])
        await send(here, len(junk))
        assert (await there.decoded.get()).number == len(junk)
        reasons = there.receiver.stats.drops.by_reason
        assert reasons["damaged"] + reasons["decoder-busy"] + reasons[
            "no-codec"
        ] == len(junk)


async def test_an_unknown_codec_is_explained_and_never_ready() -> None:
    async with call("h264") as (here, there):
        await eventually(lambda: there.peer.trouble)
        assert "h264" in str(there.peer.trouble)
        assert not here.sender.ready.is_set()


async def test_a_frame_size_that_no_machine_has_room_for_is_refused() -> None:
    async with call_from_a_stranger() as (stranger, there):
        stranger.send_control(pack(Hello(VERSION, "jpeg", (10**9, 10**9), 30)))
        await eventually(lambda: there.peer.trouble)
        assert "1000000000x1000000000" in str(there.peer.trouble)


async def test_another_protocol_is_explained() -> None:
    async with call_from_a_stranger() as (stranger, there):
        stranger.send_control(pack(Hello(VERSION + 1, "jpeg", (320, 240), 30)))
        await eventually(lambda: there.peer.trouble)
        assert "same release" in str(there.peer.trouble)


async def test_a_goodbye_ends_the_call_on_both_sides() -> None:
    async with call() as (here, there):
        here.peer.stop()
        assert await here.task == "stopped"
        assert await there.task == "bye"


async def test_a_silent_peer_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("confcodec.call.peer.SILENCE_LIMIT", 0.6)
    async with call_from_a_stranger() as (_, there):
        assert await there.task == "lost"


async def test_a_receiver_that_falls_behind_makes_the_sender_skip() -> None:
    async with call_from_a_stranger() as (stranger, there):
        stranger.send_control(pack(Ready("jpeg")))  # and no receiver report ever
        await there.sender.ready.wait()
        stats = there.sender.stats
        for number in range(20):
            await send(there, number)
            await eventually(lambda: stats.sent + stats.drops.total == stats.captured)
        assert stats.captured == 20
        assert stats.drops.by_reason["receiver-busy"] > 5


async def test_an_overfull_queue_keeps_only_the_newest() -> None:
    queue: NewestQueue[int] = NewestQueue(3)
    assert [queue.put(i) for i in range(5)] == [0, 0, 0, 3, 0]
    assert [await queue.get(), await queue.get()] == [3, 4]


async def test_a_link_with_a_queue_makes_the_sender_skip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sender, "MAX_QUEUE_AGE", -1.0)
    async with call() as (here, _):
        await send(here, 0)
        await here.sender.finish()
        assert here.sender.stats.drops.by_reason == {"link-busy": 1}


async def stream(here: Side, there: Side, frames: int) -> None:
    """Send so many frames at 30 a second, each of another picture, and let them arrive."""
    for number in range(frames):
        await send(here, number)
        await asyncio.sleep(1 / 30)
    await eventually(lambda: there.receiver.stats.decoded > 0)


async def test_quality_falls_until_frames_fit_the_bitrate() -> None:
    async with call() as (here, there):
        here.settings.mode, here.settings.bitrate = "bitrate", 1e6
        await stream(here, there, 60)
        stats = here.sender.stats
        line = 8 * (stats.wire.total + 93 * stats.packets)
        assert stats.sent < 60 or line < 1.3e6 * 2
        low = stats.quality.mean(time.monotonic())
        here.settings.bitrate = 8e6
        await stream(here, there, 40)
        high = stats.quality.mean(time.monotonic())
        assert low is not None
        assert high is not None
        assert low < high


async def test_where_bits_are_very_scarce_pictures_travel_at_half_their_size() -> None:
    async with call() as (here, there):
        here.settings.mode = "auto"
        here.settings.bitrate = 150e3
        frame, got = None, None
        for number in range(200):
            frame, got = await deliver(here, there, 5 * number)
            if here.sender.stats.halved:
                break
        assert here.sender.stats.halved
        frame, got = await deliver(here, there, 5000)
        assert got.decoded.pixels.shape == frame.pixels.shape
        await eventually(lambda: here.sender.stats.psnr.count > 1)


async def test_a_halved_picture_larger_than_any_frame_is_refused() -> None:
    coder = Coder("decode", "cpu", 1)
    try:
        large = Codec.load("jpeg").encode(picture(1000, 1000), 0)
        with pytest.raises(BitstreamError, match="halved"):
            await coder.decode([large], halved=True)
        small = Codec.load("jpeg").encode(picture(100, 60), 60)
        decoded = await coder.decode([small], halved=True)
        assert decoded.pixels.shape == (200, 120, 3)
    finally:
        await coder.close()


async def test_a_fixed_quality_is_kept_and_too_many_frames_are_skipped() -> None:
    async with call() as (here, there):
        here.sender.controller.rate = 0.3e6
        here.sender.controller.highest = 0.3e6
        here.sender.controller.report = _deaf  # type: ignore[method-assign]
        await stream(here, there, 40)
        assert here.sender.stats.drops.by_reason["link-slow"] > 2
        assert here.sender.stats.quality.overall == 32


def _deaf(report: Report, rtt: float, now: float, lag: float = 0.0) -> None:
    """A controller that takes no report."""
