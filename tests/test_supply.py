"""What next year's clone installs is what was tested: requirements.lock has what setup.cfg asks for."""

import configparser
import re
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCKED = ("book", "dev", "measures", "notebooks", "onnx")  # the extras that the lock is of
WINDOWS = {"sys_platform": "win32", "os_name": "nt", "platform_machine": "AMD64"}
MAC = {"sys_platform": "darwin", "os_name": "posix", "platform_machine": "arm64"}
ARM = {"sys_platform": "linux", "os_name": "posix", "platform_machine": "aarch64"}
PLACES = {"here": {}, "windows": WINDOWS, "mac": MAC, "arm": ARM}


def lines(text):
    return [line.strip() for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]


def asked():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [setup["options"]["install_requires"]]
    texts += [setup["options.extras_require"][extra] for extra in LOCKED]
    return [Requirement(line) for text in texts for line in lines(text)]


def pinned():
    return [
        Requirement(line)
        for line in lines((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    ]


def key(requirement):
    return re.sub(r"[-_.]+", "-", requirement.name).lower()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("python", ["3.11.7", "3.12.1", "3.13.0"])
def test_the_lock_has_what_setup_asks_for(place, python):
    where = default_environment() | PLACES[place]
    where |= {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    pins = [pin for pin in pinned() if pin.marker is None or pin.marker.evaluate(where)]
    versions = {key(pin): str(pin.specifier) for pin in pins}
    assert len(versions) == len(pins), "two versions of one package"
    for requirement in asked():
        if requirement.marker is None or requirement.marker.evaluate(where):
            version = versions[key(requirement)].removeprefix("==")
            assert requirement.specifier.contains(version), f"{requirement}: make lock"


def test_each_pin_is_one_version():
    for pin in pinned():
        assert re.fullmatch(r"==[0-9][^,*]*", str(pin.specifier)), pin
