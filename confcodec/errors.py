"""The exceptions confcodec raises for what is not its own bug.

Every message says what happened, then what to do about it. `cli.main` prints
them as one line; the frame loop counts them and goes on.
"""


class ConfcodecError(Exception):
    """Anything that went wrong outside this program's own logic."""


class WeightsError(ConfcodecError):
    """Weights that are missing, unreadable, or made for another model."""


class BitstreamError(ConfcodecError):
    """Bytes that no encoder of ours wrote: drop the frame and count it."""


class PacketError(ConfcodecError):
    """A malformed packet or control message: drop it and count it."""


class CaptureError(ConfcodecError):
    """No camera, no permission, or no such file."""


class TransportError(ConfcodecError):
    """The other side could not be reached, refused us, or was lost."""


class RoleError(ConfcodecError):
    """A link was used for what its holder may not do."""
