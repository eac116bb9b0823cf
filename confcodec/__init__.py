"""Live video calls whose every frame is coded by a learned autoencoder.

What is in `__all__` is the public interface, see docs/api.md. Each name is imported when it
is first used, so that `import confcodec` costs next to nothing.
"""

from importlib import import_module

TYPE_CHECKING = (
    False  # type checkers know better; typing itself takes a third of the time
)
if TYPE_CHECKING:
    from confcodec.codec.frame import Frame
    from confcodec.codec.interface import Codec, CodecInfo
    from confcodec.errors import (
        BitstreamError,
        CaptureError,
        ConfcodecError,
        PacketError,
        RoleError,
        TransportError,
        WeightsError,
    )

__version__ = "0.1.0"

__all__ = [
    "BitstreamError",
    "CaptureError",
    "Codec",
    "CodecInfo",
    "ConfcodecError",
    "Frame",
    "PacketError",
    "RoleError",
    "TransportError",
    "WeightsError",
    "__version__",
]

_HOMES = {"Codec": "codec.interface", "CodecInfo": "codec.interface"}
_HOMES |= {"Frame": "codec.frame"}


if not TYPE_CHECKING:  # to them an unknown name stays an error

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_HOMES.get(name, 'errors')}")
        value = globals()[name] = getattr(module, name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
