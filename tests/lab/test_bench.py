import json
from pathlib import Path

import pytest

from confcodec.call.figures import series
from confcodec.call.figures.series import Drops, Series, percentile
from tests.running import SMALL, confcodec

KEYS = {
    *(
        "captured",
        "encoded",
        "sent",
        "decoded",
        "dropped",
        "dropped_after_first_second",
        "fps",
    ),
    *(
        "encode_ms",
        "decode_ms",
        "latency_ms",
        "bitrate_bps",
        "bpp",
        "psnr_db",
        "psnr_samples",
    ),
    *("device", "dtype", "threads", "codec", "model", "size", "quality", "versions"),
}


async def test_bench_measures_a_call_between_two_processes(tmp_path: Path) -> None:
    report = tmp_path / "bench.json"
    async with confcodec(
        "bench", *SMALL, "--seconds", "2", "--json", str(report)
    ) as bench:
        ended = await bench.ended()
    assert ended.code == 0, ended.errors
    figures = json.loads(report.read_text())
    assert set(figures) >= KEYS
    assert 50 <= figures["captured"] <= 62
    assert figures["decoded"] + figures["dropped"] == figures["captured"]
    assert figures["decoded"] >= 20
    assert sum(figures["dropped_by_reason"].values()) == figures["dropped"]
    assert figures["psnr_samples"] >= 1
    assert figures["psnr_db"] > 20
    pixels = figures["size"][0] * figures["size"][1]
    payload_bps = figures["bpp"] * pixels * figures["sent"] / figures["seconds"]
    assert payload_bps < figures["bitrate_bps"] < 1.2 * payload_bps
    for name in ("encode_ms", "decode_ms", "latency_ms"):
        assert 0 < figures[name]["p50"] <= figures[name]["p95"]
    assert "frames a second decoded" in ended.output


async def test_json_alone_on_standard_output() -> None:
    async with confcodec("bench", *SMALL, "--seconds", "0.5", "--json", "-") as bench:
        ended = await bench.ended()
    assert set(json.loads(ended.output)) >= KEYS


def test_a_series_means_over_the_last_second_and_over_all() -> None:
    series = Series()
    for i in range(5):
        series.add(i, now=i * 0.5)
    assert series.mean(now=2.0) == 3.5
    assert series.overall == 2.0
    assert series.per_second(now=2.0, started=0.0) == (2, 7)
    assert series.mean(now=9.0) is None


def test_percentiles_are_of_the_newest_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series, "MAX_SAMPLES", 10)
    told = Series()
    for i in range(25):
        told.add(i / 1000, now=i)
    assert told.percentiles_ms() == {"p50": 20.0, "p95": 24.0}
    assert told.count == 25


def test_percentiles_are_samples() -> None:
    assert percentile([], 0.5) is None
    assert percentile([5.0], 0.95) == 5.0
    assert percentile(list(map(float, range(100))), 0.95) == 95.0


def test_drops_after_the_first_second_are_told_apart() -> None:
    drops = Drops()
    drops.started = 10.0
    drops.add("busy", 10.9, 2)
    drops.add("busy", 11.1)
    assert (drops.total, drops.after_first_second) == (3, 1)
