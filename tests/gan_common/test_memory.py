"""What is free by the system, its cgroups and its limits; what does not fit is refused, with what would."""

import dataclasses
import resource

import pytest

from gan_common import memory
from gan_common.errors import UserError
from gan_common.memory import Footprint


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system of which nothing is known yet, and which sets no limits."""
    for name in ("MEMINFO", "PROCESS", "CGROUPS"):
        monkeypatch.setattr(memory, name, tmp_path / name)
    (tmp_path / "PROCESS").mkdir()
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (resource.RLIM_INFINITY,) * 2)
    return tmp_path


def group(folder, **files):
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1)).write_text(text)


def test_where_nobody_tells_nothing_is_known(system):
    assert memory.available() is None


def test_the_least_of_all_is_free(system, monkeypatch):
    (system / "MEMINFO").write_text("MemTotal: 9000 kB\nMemAvailable: 1000 kB\nSwapFree: 24 kB\n")
    assert memory.available() == 1024 * 1024
    (system / "PROCESS" / "cgroup").write_text("0::/jobs/one\n")
    group(
        system / "CGROUPS" / "jobs" / "one",
        memory_max="900000\n",
        memory_current="600000\n",
        memory_stat="anon 500000\nfile 100000\n",
    )
    assert memory.available() == 400_000  # files make room
    group(system / "CGROUPS" / "other", memory_max="1", memory_current="1")
    (system / "CGROUPS" / "jobs" / "memory.max").write_text("350000\n")
    (system / "CGROUPS" / "jobs" / "memory.current").write_text("50000\n")
    assert memory.available() == 300_000  # of the group that it lies in
    (system / "PROCESS" / "statm").write_text("70 5 4 3 0 20 0\n")  # pages: all, …, data
    page = memory.os.sysconf("SC_PAGE_SIZE")
    limits = {resource.RLIMIT_AS: 100 * page, resource.RLIMIT_DATA: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind],) * 2)
    assert memory.available() == 30 * page
    limits[resource.RLIMIT_DATA] = 19 * page
    assert memory.available() == 0  # no less than nothing


def test_cgroups_of_the_first_version(system):
    (system / "PROCESS" / "cgroup").write_text("7:cpu:/x\n4:memory:/docker/abc\n1:name=systemd:/\n")
    # A container sees its own group as the root.
    folder = system / "CGROUPS" / "memory"
    folder.mkdir(parents=True)
    for name, text in (
        ("memory.limit_in_bytes", "5000"),
        ("memory.usage_in_bytes", "3000"),
        ("memory.stat", "cache 1\ntotal_cache 700\n"),
    ):
        (folder / name).write_text(text)
    assert memory.available() == 2700
    (folder / "memory.limit_in_bytes").write_text("max")
    assert memory.available() is None


@dataclasses.dataclass(frozen=True)
class Config:
    batch_size: int = 64
    width: int | None = 32
    latent_dim: int = 100
    preset: str = "toy"
    resume: str | None = None


def square(config, shape):
    """A million weights a pixel's column and filter; of an image a kilobyte a pixel."""
    side = shape[0]
    return Footprint(side * config.width, 1000 * side * config.width, 10 * side * side)


def refused(monkeypatch, room, config=None, side=1024):
    """Needs 1000 · 1024 · 32 = 32.8 MB and 64 · 10.5 MB = 671 MB: .7 GB."""
    monkeypatch.setattr(memory, "available", lambda: room)
    memory.check(config or Config(), (side, side, 3), square)


def test_what_does_not_fit_is_refused_with_what_would(monkeypatch):
    refused(monkeypatch, 10**9)
    refused(monkeypatch, None)
    with pytest.raises(UserError) as error:
        refused(monkeypatch, 4 * 10**8)
    # 4·10⁸ / 1.6 = 250 MB: 512 pixels take 184 MB, 16 images 201 MB, 16 filters 687 MB as 32.
    assert str(error.value) == (
        "not enough memory: preset toy for images of 1024×1024 takes 0.7 GB at least "
        "(0 million weights, a batch of 64), and 0.4 GB are free; choose --image_size 512, or "
        "--batch_size 16"
    )
    with pytest.raises(UserError, match=r"; make room, or choose another preset$"):
        refused(monkeypatch, 1000)
    with pytest.raises(UserError, match=r"; go on with it on a machine that has more$"):
        refused(monkeypatch, 1000, Config(resume="runs/1"))


def test_narrower_networks_are_advised_where_they_are_what_takes_room(monkeypatch):
    wide = Config(batch_size=2, width=1024)  # 1.05 GB of weights, 21 MB of images
    with pytest.raises(UserError, match=r"--image_size 252, or --width 256$"):
        refused(monkeypatch, 5 * 10**8, wide, side=1016)


def test_small_networks_wait_for_no_estimate(monkeypatch):
    def fail(config, shape):
        raise AssertionError

    monkeypatch.setattr(memory, "available", lambda: 2**33)
    memory.check(Config(width=None), (64, 64, 3), fail)
    for large in (Config(width=128), Config(latent_dim=5000), Config(batch_size=1000)):
        with pytest.raises(AssertionError):
            memory.check(large, (64, 64, 3), fail)
    with pytest.raises(AssertionError):
        memory.check(Config(batch_size=2), (128, 128, 1), fail)
