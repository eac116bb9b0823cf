"""Three corrections of aiortc's SCTP, for one connection at a time.

Stock aiortc collapses under loss: at 2 % and 40 ms it falls from 5 to 1.9 Mbit/s, with
2.6 s of delay. Its congestion window backs off to almost nothing, although this program
decides itself how much it sends; and every SACK provokes a FORWARD-TSN and the reverse.

- The congestion window never falls below what the sender means to have on the way:
  rate / 8 x (shortest round trip + 50 ms). Lines slower than that are left to
  the rate control.
- The same FORWARD-TSN is sent at most once a round trip (RFC 3758, section 3.5).
- It passes packets that arrived between given-up ones, too. Else each round trip makes up
  for one gap only; at 20 % loss there are more, the queue of sent packets grows, and the
  connection stands still after ten seconds.

All reach into private parts of aiortc; where a release lacks them the connection stays
as it is, and a warning says what that costs.
"""

import logging
import time
from collections.abc import Callable

import aiortc
from aiortc import RTCSctpTransport

logger = logging.getLogger(__name__)

HEADROOM = 0.05
"""Seconds of sending that may be on the way beyond the round trip."""

_NEEDED = (
    "_cwnd",
    "_srtt",
    "_forward_tsn_chunk",
    "_transmit",
    "_sent_queue",
    "_update_advanced_peer_ack_point",
)


class _CorrectedSctp(RTCSctpTransport):
    """An `RTCSctpTransport` turned into this keeps its state."""

    corrected_rate: Callable[[], float]
    shortest_trip: float | None
    last_forward: tuple[int, float]

    @property
    def _cwnd(self) -> int:
        if self._srtt is not None:
            self.shortest_trip = min(self.shortest_trip or self._srtt, self._srtt)
        trip = (self.shortest_trip or 0.0) + HEADROOM
        floor = int(self.corrected_rate() / 8 * trip)
        own: int = self.__dict__["_cwnd"]
        return max(own, floor)

    @_cwnd.setter
    def _cwnd(self, value: int) -> None:
        self.__dict__["_cwnd"] = value

    def _update_advanced_peer_ack_point(self) -> None:
        if self._sent_queue and self._sent_queue[0]._abandoned:
            for chunk in self._sent_queue:
                if chunk._acked:
                    chunk._abandoned = True  # nothing is left to be done for it
                elif not chunk._abandoned:
                    break
        super()._update_advanced_peer_ack_point()

    async def _transmit(self) -> None:
        chunk = self._forward_tsn_chunk
        if chunk is not None:
            now, (last, sent) = time.monotonic(), self.last_forward
            # Not the smoothed one: aiortc takes it from the oldest packets, which wait for
            # this very chunk, so that each lost one would be repeated later than the last.
            trip = self.shortest_trip or 0.1
            if chunk.cumulative_tsn == last and now - sent < trip:
                self._forward_tsn_chunk = None
            else:
                self.last_forward = (chunk.cumulative_tsn, now)
        await super()._transmit()


def correct_sctp(transport: RTCSctpTransport, rate: Callable[[], float]) -> bool:
    """Apply the corrections to one connection; returns whether that was possible.

    Args:
        transport: of a connection that has one.
        rate: asked for the bits a second that the sender means to send.
    """
    missing = [name for name in _NEEDED if not hasattr(transport, name)]
    if missing or type(transport) is not RTCSctpTransport:
        logger.warning(
            "aiortc %s works in a way that is not known here (%s): where packets are "
            "lost, calls will slow down to a crawl; aiortc 1.16 is known",
            aiortc.__version__,
            ", ".join(missing) or "another transport",
        )
        return False
    transport.__class__ = _CorrectedSctp
    assert isinstance(transport, _CorrectedSctp)
    transport.corrected_rate = rate
    transport.shortest_trip = None
    transport.last_forward = (-1, 0.0)
    return True
