"""Which codecs there are, by name; none is imported before it is wanted.

A codec's code is named by a reference, `package.module:attribute`. Those of this package are
listed here. Those of other people are known only once `give` was told of them, which
the command line does with what a person typed: no name or reference that comes from the
network or out of a file makes this program import anything.
"""

import re
import threading
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from confcodec.codec.bitstream import MAGIC
from confcodec.codec.plugin import label as plugin_bitstream
from confcodec.errors import BitstreamError, ConfcodecError
from confcodec.shipped_files import share_path

AUTO = "auto"
"""Stands for the learned one that keeps up on this machine."""
GROUP = "confcodec.codecs"
"""The entry points under which an installed package names its codecs."""

_LOADERS = {
    "rt": "confcodec.codec.rt.codec:load_rt",
    "rt-s": "confcodec.codec.rt.codec:load_rt",
    "cae": "confcodec.codec.cae.codec:load_cae",
    "jpeg": "confcodec.codec.classic.codec:load_classic",
    "webp": "confcodec.codec.classic.codec:load_classic",
    "jpeg2000": "confcodec.codec.classic.codec:load_classic",
    "avif": "confcodec.codec.classic.codec:load_classic",
    AUTO: "confcodec.codec.auto:load_auto",
}
_PLUGIN_LOADER = "confcodec.codec.plugin.codec:load_plugin"

CHOICES = tuple(_LOADERS)
"""The names that need no reference."""
CODECS = tuple(name for name in CHOICES if name != AUTO)
"""The codecs of this package, the default first."""

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)
_REFERENCE_LIMIT = 80
_RESERVED = (AUTO, "original")

_lock = threading.RLock()  # encoder and decoder load in threads of their own
_given: dict[str, str] = {}
"""References by what a person typed: themselves, or the name of an entry point."""
_own: dict[str, str] = {}
"""Of those, the ones that are imported, by the names that the codecs give themselves."""


def is_reference(text: str) -> bool:
    """Whether a text, untrusted, has the form `package.module:Class`."""
    return len(text) <= _REFERENCE_LIMIT and bool(_REFERENCE.fullmatch(text))


def give(codec: str) -> str:
    """Let this process use a codec that a person has named; gives `codec` back.

    Args:
        codec: one of `CHOICES`; a reference; or the name of an entry point in `GROUP`.

    Raises:
        ValueError: none of these.
    """
    if codec in CHOICES or codec in _given:
        return codec
    reference = codec
    if not is_reference(codec):
        from importlib.metadata import entry_points  # slow to import

        found = list(entry_points(group=GROUP, name=codec))
        if not found:
            raise ValueError(_unknown(codec))
        reference = f"{found[0].module}:{found[0].attr}"
    _given[codec] = reference
    return codec


def learn() -> None:
    """Import the codecs that were given, to know their names; takes as long as that takes.

    Raises:
        ConfcodecError: one cannot be imported, or has no name of its own.
    """
    with _lock:
        for reference in dict.fromkeys(_given.values()):
            if reference in _own.values():
                continue
            name = _name_of(reference)
            if name in (*CODECS, *_RESERVED, *_own):
                other = f", as {_own[name]} is" if name in _own else ""
                raise ConfcodecError(
                    f"{reference} is called {name}{other}; give it another name in its info"
                )
            _own[name] = reference


def is_known(name: str) -> bool:
    """Whether a name, untrusted, is that of a codec: of this package, or given and learnt."""
    return name in CODECS or name in _own


def reference_of(name: str) -> str | None:
    """What a person must type to have the codec of that name; None for those of this package."""
    return _own.get(name)


def loader_of(name: str) -> Callable[..., Any]:
    """What makes the codec of that name, given its name, device, weights and threads.

    Raises:
        ValueError: no codec of that name, and none that was given.
        ConfcodecError: a codec that was given cannot be imported.
    """
    if name in _LOADERS:
        loader: Callable[..., Any] = _resolve(_LOADERS[name])
        return loader
    plugin_of(name)
    loader = _resolve(_PLUGIN_LOADER)
    return loader


def plugin_of(name: str) -> tuple[str, str, Any]:
    """Somebody's own codec by its name, or by what a person typed: name, reference, object.

    Raises:
        ValueError: none such was given.
        ConfcodecError: it cannot be imported.
    """
    learn()
    reference = _own.get(name) or _given.get(name)
    if reference is None:
        raise ValueError(_unknown(name))
    own_name = next(own for own, other in _own.items() if other == reference)
    return own_name, reference, _resolve(reference)


def installed_codecs() -> tuple[str, ...]:
    """The names that can be used here: those of `CODECS`, then the others that were given."""
    there = {"jpeg", "webp", *_model_names().values()}
    if find_spec("imagecodecs") is not None:
        there |= {"jpeg2000", "avif"}
    return (*(name for name in CODECS if name in there), *_own)


@cache
def _model_names() -> dict[str, str]:
    """The codec of each weights file that ships, by the 8 hex digits of its hash."""
    files = share_path("weights").glob("*-????????.safetensors")
    names = (path.stem.rpartition("-") for path in files)
    return {digits: name for name, _, digits in names}


def codec_of(bitstream: bytes) -> str:
    """Name the codec that wrote a bitstream or a part of one, untrusted, from its first bytes.

    The learned ones differ by their model; one that does not ship counts as the default.
    The name may be that of somebody's own codec which is not known here.

    Raises:
        BitstreamError: no codec starts its bitstreams like that.
    """
    if bitstream[:1] == plugin_bitstream.MAGIC:
        name = plugin_bitstream.name_in(bitstream)
        if name in CHOICES:
            raise BitstreamError(f"damaged bitstream: {name} is no codec of others")
        return name
    if bitstream[:1] == MAGIC:
        return _model_names().get(bitstream[2:6].hex(), CODECS[0])
    if bitstream[:2] == b"\xff\xd8":
        return "jpeg"
    if bitstream[:4] == b"RIFF" and bitstream[8:12] == b"WEBP":
        return "webp"
    if bitstream[:4] == b"\xff\x4f\xff\x51":
        return "jpeg2000"
    if bitstream[4:12] == b"ftypavif":
        return "avif"
    raise BitstreamError(
        "the bytes start like no bitstream of confcodec; was another program's file sent?"
    )


def _resolve(reference: str) -> Any:
    module, _, attribute = reference.partition(":")
    return getattr(import_module(module), attribute)


def _name_of(reference: str) -> str:
    """Import a codec that was given, and read its name."""
    module, _, attribute = reference.partition(":")
    try:
        found = _resolve(reference)
    except ModuleNotFoundError as error:
        if error.name and f"{module}.".startswith(f"{error.name}."):
            raise ConfcodecError(
                f"{reference}: there is no module {error.name}; is its folder in PYTHONPATH?"
            ) from error
        raise ConfcodecError(f"{reference} cannot be imported: {error}") from error
    except AttributeError as error:
        raise ConfcodecError(f"{reference}: {error}") from error
    except (Exception, SystemExit) as error:  # code of others may raise anything
        what = f"{type(error).__name__}: {error}"
        raise ConfcodecError(f"{reference} cannot be imported: {what}") from error
    info = getattr(found, "info", None)
    name = info if isinstance(info, str) else getattr(info, "codec", None)
    if not isinstance(name, str) or not plugin_bitstream.NAME.fullmatch(name):
        raise ConfcodecError(
            f"{reference} has no name; give {attribute} a line like info = 'zlib', "
            "1 to 12 of a-z 0-9 . _ -"
        )
    return name


def _unknown(name: str) -> str:
    return (
        f"no codec {name!r} here; choose one of {', '.join((*CHOICES, *_own))}, "
        "or name one of your own as package.module:Class with --codec or --also-codec"
    )
