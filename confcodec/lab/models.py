"""The learned models as training sees them: one call for all, patches in, `RtOutput` out."""

from collections.abc import Mapping
from types import MappingProxyType

from confcodec.codec.cae import CaeConfig, CaeModel
from confcodec.codec.rt import RtConfig, RtModel

Model = RtModel | CaeModel
Config = RtConfig | CaeConfig

CAE_MODELS: Mapping[str, CaeConfig] = MappingProxyType(
    {
        "cae": CaeConfig(),
        # The same parts, a quarter of the work: for training without a GPU.
        "cae-s": CaeConfig(width2=32, width4=96, blocks=1),
    }
)


def build(config: Config) -> Model:
    """A model of these sizes with random weights."""
    return CaeModel(config) if isinstance(config, CaeConfig) else RtModel(config)


def coefficients_at(step: int, mask_steps: int, count: int) -> int:
    """How many of `count` coefficients are let in at a step: two at first, then evenly more."""
    if step >= mask_steps:
        return count
    return 2 + (count - 2) * step // mask_steps
