"""A real browser, one server for all pages, and what every page is held to.

Headless Chromium from the system's package, driven by Playwright; without either these tests are skipped.
Set GAN_SCREENSHOTS to a folder to keep what `shot` takes.
"""

import contextlib
import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest

WIDTHS = (1280, 390)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip("no browser is installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


class Site:
    """A server in a thread of this process; pages are added to it by `nicegui.ui.page`, each at a path."""

    def __init__(self):
        import uvicorn
        from fastapi import FastAPI
        from nicegui import ui

        from gan_common.pages import serve

        app = FastAPI()
        ui.run_with(
            app,
            show_welcome_message=False,
            message_history_length=serve.KEPT_MESSAGES,
            reconnect_timeout=1.0,
        )
        serve.only_own_names(app)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(
            uvicorn.Config(app, "127.0.0.1", self.port, log_level="warning", ws="websockets-sansio")
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def close(self):
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)


def free_port():
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]


@pytest.fixture(scope="session")
def site(browser):
    pytest.importorskip("nicegui", reason="NiceGUI is not installed")
    asked, find = [], socket.getaddrinfo

    def noted(host, *given, **named):
        asked.append(host)
        return find(host, *given, **named)

    with pytest.MonkeyPatch.context() as patch:  # the server looks up no names but its own, either
        patch.setattr(socket, "getaddrinfo", noted)
        served = Site()
        yield served
        served.close()
    assert set(asked) <= {"127.0.0.1", "localhost", "192.0.2.1", None}  # that of a test of --host


class Visit:
    """A tab, and what it was seen to do wrong: messages in its console, requests to elsewhere."""

    def __init__(self, browser):
        self.context = browser.new_context(viewport={"width": WIDTHS[0], "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)  # two cores may have much else to do
        self.wrong = []
        self._devices = None  # opened when they are asked for
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self._request)

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text}")

    def _request(self, request):
        own = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")
        if not request.url.startswith(own):
            self.wrong.append(f"requested from outside: {request.url}")

    def _input(self, kind, **given):
        """What a screen or a file manager would send; Playwright has no call for these."""
        if self._devices is None:
            self._devices = self.context.new_cdp_session(self.page)
        self._devices.send(f"Input.dispatch{kind}Event", given)

    def touch(self, target, *places):
        """Move a finger over shares (x, y) of an element's box."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        for number, (x, y) in enumerate(places):
            at = {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}
            kind = "touchMove" if number else "touchStart"
            self._input("Touch", type=kind, touchPoints=[at])
        self._input("Touch", type="touchEnd", touchPoints=[])

    def drop(self, target, path):
        """Drag a file from outside of the browser onto an element."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._input("Drag", type=kind, data=data, **at)

    def check_accessible(self):
        """No finding of axe-core: contrast, names, roles, landmarks."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        told = [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]
        assert told == []

    def check_widths(self):
        """Nothing overflows to the right, on a desk's screen and on a telephone's."""
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.wait_for_timeout(100)
            wide = self.page.evaluate(
                "(width) => [...document.querySelectorAll('body *')]"
                ".filter(e => e.getBoundingClientRect().right > width + 1 && e.offsetParent)"
                ".map(e => e.outerHTML.slice(0, 120))",
                width,
            )
            assert wide == [], width
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width
        self.page.set_viewport_size({"width": WIDTHS[0], "height": 900})

    def shot(self, name, full_page=True):
        """Keep a screenshot, if a folder for them is named."""
        if folder := os.environ.get("GAN_SCREENSHOTS"):
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=full_page)


@pytest.fixture
def visit(browser):
    """A tab; in the end nothing may have gone wrong in it."""
    seen = Visit(browser)
    yield seen
    with contextlib.suppress(Exception):
        seen.context.close()
    assert seen.wrong == []


@pytest.fixture
def page(visit):
    return visit.page
