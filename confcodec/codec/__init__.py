"""The codecs: networks, entropy coding, bitstream, weights, metrics. Knows no network."""
