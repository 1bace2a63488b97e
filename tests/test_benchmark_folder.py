"""The command that measures a large folder: its pictures, and what one of its processes reports."""

import numpy as np
import pytest
from PIL import Image

from benchmarks import folder as benchmark
from gan_common import pictures

pytestmark = pytest.mark.skipif(
    not benchmark.Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc"
)


def test_memory_counts_what_is_allocated():
    before, _ = benchmark._memory()
    block = np.ones(50_000_000, np.uint8)
    after, _ = benchmark._memory()
    assert after - before == pytest.approx(block.nbytes / 1e6, abs=5)


def test_a_process_reports_times_and_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(pictures, "INDEXED_FROM", 100)
    benchmark._draw(tmp_path / "pictures", 120, side=8)
    files = sorted((tmp_path / "pictures").rglob("*.png"))
    assert len(files) == 120
    with Image.open(files[0]) as picture:
        assert picture.size == (8, 8)
    options = benchmark.Options(worker=str(tmp_path / "pictures"), image_size=8, batches=3)
    found = benchmark._load(options)
    assert list((tmp_path / "cache").rglob("*.uint8"))
    assert found["images_per_second"] > 0
    assert 0 < found["imports_mb"] <= found["own_mb"]
    assert found["file_mb"] > 0
