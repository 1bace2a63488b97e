"""What all pages share: the address, the frame, and that the checks here see what they should."""

import socket
import sys

import pytest

from gan_common.errors import UserError
from gan_common.pages import serve


def test_a_taken_port_is_one_line():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"--port {port}: is taken"):
            serve.check("127.0.0.1", port)


def test_another_address_is_warned_of(capsys):
    assert serve.check("127.0.0.1", 0) > 0
    assert capsys.readouterr().err == ""
    assert serve.check("0.0.0.0", 0) > 0
    assert "lets everybody in" in capsys.readouterr().err
    with pytest.raises(UserError, match="no address of this machine"):
        serve.check("192.0.2.1", 0)


def test_a_missing_library_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "nicegui", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install"):
        serve.check("127.0.0.1", 0)


@pytest.fixture(scope="module")
def sample(site):
    from nicegui import ui

    from gan_common.pages import frame

    @ui.page("/sample")
    def build():
        with frame.frame("A sample", {"Here": "/sample"}, "/sample"):
            trouble = frame.Trouble()

            async def refuse():
                raise UserError("nothing\nis well")

            frame.button("Ask", trouble.guarded(refuse))
            told = ui.label("0").props("role=status")
            frame.slider("Amount", 0, 10, 1, 3, lambda value: told.set_text(f"{value:g}"))

    return site.url + "/sample"


@pytest.mark.integration
def test_the_frame(sample, visit):
    page = visit.page
    page.goto(sample)
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("alert").get_by_text("nothing is well").wait_for()
    slider = page.get_by_role("slider", name="Amount")
    slider.focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("status").get_by_text("4").wait_for()
    visit.check_accessible()
    visit.check_widths()


@pytest.mark.integration
def test_the_checks_find_what_is_wrong(sample, browser, request):
    visit = type(request.getfixturevalue("visit"))(browser)
    visit.page.goto(sample)
    visit.page.evaluate(
        "document.querySelector('h1').parentElement.innerHTML += "
        '\'<p style="color:#ccc;width:3000px">pale and wide</p><img src="http://192.0.2.1/x">\''
    )
    with pytest.raises(AssertionError, match="color-contrast"):
        visit.check_accessible()
    with pytest.raises(AssertionError, match="1280"):
        visit.check_widths()
    visit.page.evaluate("console.error('trouble')")
    visit.context.close()
    assert any("192.0.2.1" in each for each in visit.wrong)
    assert "console: trouble" in visit.wrong


@pytest.mark.integration
def test_only_own_names_are_answered(site):
    import http.client

    for name, status in (("evil.example", 400), ("localhost", 200)):
        connection = http.client.HTTPConnection("127.0.0.1", site.port)
        connection.request("GET", "/sample", headers={"Host": name})
        assert connection.getresponse().status == status
        connection.close()
