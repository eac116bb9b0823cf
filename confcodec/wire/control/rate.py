"""How fast to send: the controller that finds out what the network carries.

Delay first, as in SCReAM (RFC 8298): the queue on the way is how much longer the fastest
recent packet took than the fastest of the last seconds. Once that passes a limit, the rate
falls at once below what arrives, so far that the queue empties. Then it rises, by a few per
cent a second at first and, the longer all goes well, faster (as CUBIC does, RFC 9438).

A busy machine delays packets just as a queue does. What the two ends say they may have left
them waiting is taken off first: a sharp picture must not turn poor because a decoder is slow.

Loss alone need not mean a queue that overflows: a line that always loses a tenth still carries
the other nine, and parity makes up for it. More loss than usual is put to the test: the rate
falls by a quarter or more. If what arrives falls as much, the line was not full, and the loss
is what is usual here.

Rates count bytes as the line does, with the headers of SCTP, DTLS, UDP and IP.
"""

import math
from collections import deque

from confcodec.wire.control.loss import LossMeter
from confcodec.wire.receiver_report import Report, wrapped

PACKET_OVERHEAD = 93
"""Bytes that a message costs on the line besides its own: IP 20, UDP 8, DTLS 37, SCTP 28."""
LOWEST = 100e3
"""Bits a second below which no call is tried."""
START = 1.5e6
"""Bits a second to begin with."""
QUEUE_LIMIT = 0.04
"""Seconds of queue above which the rate falls."""
BASE_SECONDS = 10
"""The fastest packet of so many seconds tells how long the way is without a queue."""

_RECENT = 0.1
"""Seconds of reports whose fastest packet tells of the queue: a late one alone says nothing."""
_ARRIVALS = 0.25
"""Seconds over which the arriving rate is measured; twice that to compare two."""
_SENT = 0.5
"""Seconds over which what is sent is measured."""
_USED = 0.5
"""Share of the rate that must be used before it rises: nothing is known of the rest."""
_FIRST = 4.0
"""Growth in a second before the rate has ever been too much."""
_TEST = 0.75
"""Share of the rate that is left, at most, to test what a loss means."""
_FORGET, _LEARN = 2.0, 5.0
"""Seconds in which what is usual follows a loss that becomes less, or slowly more."""
_SHORT = 200
"""Packets over which loss is compared with what is usual; half of them are the least."""


class RateController:
    """Decides one sender's rate from the reports of one receiver; pure, the clock passed in."""

    def __init__(self, highest: float, start: float = START) -> None:
        self.highest = highest
        """Bits a second that are never exceeded."""
        self.rate = min(start, highest)
        """Bits a second to send at most, parity and headers included."""
        self.queue_delay = 0.0
        """Seconds that packets wait on the way."""
        self._arrivals: deque[tuple[float, Report]] = deque()
        self._sent: deque[tuple[float, int]] = deque()
        self._delays = _Delays()
        self._loss = LossMeter(_SHORT)
        self._usual = 0.0
        self._test: tuple[float, float] | None = None
        """Bits a second sent, and arriving, before the rate fell because of loss."""
        self.interval = 0.0
        """Seconds from one frame to the next; set by whoever sends."""
        self._fell: float | None = None
        self._hold = -math.inf
        self._queue_before = 0.0
        """What the queue was when the rate fell, while it empties."""
        self._updated: float | None = None
        self._packets = 0

    @property
    def congested(self) -> bool:
        """Whether a queue was too long and is emptying: packets lost meanwhile were lost by it."""
        return self._queue_before > QUEUE_LIMIT

    def sent(self, message_bytes: int, now: float) -> None:
        """A message of so many bytes goes out."""
        self._sent.append((now, message_bytes + PACKET_OVERHEAD))

    def report(self, report: Report, rtt: float, now: float, lag: float = 0.0) -> None:
        """Take a report and change the rate.

        Args:
            report: of this sender's receiver.
            rtt: seconds of the round trip without a queue, as well as it is known.
            now: seconds on this machine's monotonic clock.
            lag: seconds that packets may have waited on this machine before they left.
        """
        if wrapped(report.packets - self._packets) <= 0:
            return  # nothing new, or overtaken by a newer one
        self._packets = report.packets
        self._note_arrival(report)
        self.queue_delay = self._delays.queue(
            report.delay_us, report.lag + lag, self.interval, now
        )
        step = min(now - self._updated, 0.2) if self._updated is not None else 0.0
        self._updated = now
        self._loss.push(report)
        if now < self._hold:
            self._loss.forget()
        elif QUEUE_LIMIT < self.queue_delay < 0.8 * self._queue_before:
            self._queue_before = self.queue_delay  # it is emptying
            self._hold = now + _RECENT
        elif self.queue_delay > QUEUE_LIMIT:
            share = max(0.5, 0.95 - 2 * self.queue_delay)
            self._fall(share * min(self.rate, self._arriving(_ARRIVALS)), rtt, now)
        elif (excess := self._excess_loss(step, now)) > 0:
            self._test = self._sending(now), self._arriving(2 * _ARRIVALS)
            self._fall(min(_TEST, max(0.5, 1 - excess)) * self.rate, rtt + _SENT, now)
        elif self.queue_delay < 0.75 * QUEUE_LIMIT:
            self._rise(step, now)

    def _fall(self, rate: float, lag: float, now: float) -> None:
        self._queue_before = self.queue_delay
        self.rate = max(LOWEST, rate)
        self._fell = now
        # Until packets sent at the new rate have been reported, nothing is known of it.
        self._hold = now + lag + self.queue_delay + _RECENT + 0.05

    def _rise(self, step: float, now: float) -> None:
        self._queue_before = 0.0
        if self._sending(now) < _USED * self.rate:
            return
        growth = _FIRST
        if self._fell is not None:
            good = max(0.0, now - self._fell - 2)
            growth = min(2.0, 1.08 + 0.12 * good**2)
        self.rate = min(self.highest, self.rate * growth**step)

    def _excess_loss(self, step: float, now: float) -> float:
        """Share of packets lost lately beyond what this line usually loses, by chance too."""
        if len(self._loss) < _SHORT // 2:
            return 0.0
        loss = self._loss.loss
        if self._test:
            sent, arriving = self._test
            self._test = None
            left = self._sending(now) / max(sent, 1.0)
            # Near to what is left of the sent rate, or nearer to all that arrived before?
            if self._arriving(2 * _ARRIVALS) < (1 + 3 * left) / 4 * arriving:
                self._usual = loss
        usual = self._usual
        chance = math.sqrt(usual * (1 - usual) * self._loss.burst / len(self._loss))
        excess = loss - usual
        if excess < 0 or loss < 0.15:
            self._usual += excess * min(1.0, step / (_FORGET if excess < 0 else _LEARN))
        return excess if excess > min(0.12, 0.08 + 3 * chance) else 0.0

    def _note_arrival(self, report: Report) -> None:
        time = 0.0
        if self._arrivals:
            before, last = self._arrivals[-1]
            time = before + wrapped(report.arrival_us - last.arrival_us) / 1e6
        self._arrivals.append((time, report))
        while time - self._arrivals[0][0] > 4 * _ARRIVALS:
            self._arrivals.popleft()

    def _arriving(self, seconds: float) -> float:
        """Bits a second that reach the other side; the present rate if that is not known."""
        end, last = self._arrivals[-1]
        for time, then in reversed(self._arrivals):
            if end - time >= seconds:
                size = wrapped(last.bytes - then.bytes)
                size += PACKET_OVERHEAD * wrapped(last.packets - then.packets)
                return 8 * size / (end - time)
        return self.rate

    def _sending(self, now: float) -> float:
        """Bits a second sent lately."""
        while self._sent and self._sent[0][0] < now - _SENT:
            self._sent.popleft()
        return 8 * sum(size for _, size in self._sent) / _SENT


class _Delays:
    """Estimates the queueing delay: the least recent delay minus the least of the last seconds."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._recent: deque[tuple[float, float, float]] = deque()
        self._seconds: deque[tuple[int, float]] = deque(maxlen=BASE_SECONDS)

    def queue(self, delay_us: int, lag: float, interval: float, now: float) -> float:
        """Seconds of queue, given a report's least delay and how much of it may be lag; the
        last of a frame's packets wait for the others, so at least two frames count."""
        if self._first is None:
            self._first = delay_us
        delay = wrapped(delay_us - self._first) / 1e6
        self._recent.append((now, delay, lag))
        while self._recent[0][0] < now - max(_RECENT, 2 * interval):
            self._recent.popleft()
        second = int(now)
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, min(delay, self._seconds[-1][1]))
        else:
            self._seconds.append((second, delay))
        base = min(least for _, least in self._seconds)
        _, recent, lag = min(self._recent, key=lambda entry: entry[1])
        return max(0.0, recent - base - lag)
