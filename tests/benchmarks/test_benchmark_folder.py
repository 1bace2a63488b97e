"""The command that measures a large folder: its images, and what one of its processes reports."""

import subprocess
import sys

import pytest
from PIL import Image

from benchmarks.speed import folder as benchmark

pytestmark = pytest.mark.skipif(
    not benchmark.Path("/proc/self/status").exists(), reason="memory is read from Linux's /proc"
)


# In a process of its own: in that of the tests, memory that others free meanwhile counts against the block.
ALLOCATES = """
import numpy as np
from benchmarks.speed import folder
before, _ = folder._memory()
block = np.ones(50_000_000, np.uint8)
print(folder._memory()[0] - before)
"""


def test_memory_counts_what_is_allocated():
    done = subprocess.run([sys.executable, "-c", ALLOCATES], capture_output=True, text=True)
    assert float(done.stdout) == pytest.approx(50, abs=5), done.stderr


def test_a_process_reports_times_and_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("GAN_CACHE_DIR", str(tmp_path / "cache"))
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
