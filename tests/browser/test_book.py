"""The built book in a browser: formulas, search and figures, with nothing asked of outside."""

import functools
import http.server
import threading
from pathlib import Path

import pytest

from tests.browser.conftest import WIDTHS

pytestmark = pytest.mark.integration
BOOK = Path(__file__).resolve().parents[2] / "build" / "book"

# What lies beyond the right edge, unless it is in something that scrolls by itself, or in a shut drawer.
OVERFLOWING = """(width) => [...document.querySelectorAll("body *")].filter((element) => {
  if (!element.offsetParent || element.getBoundingClientRect().right <= width + 1) return false;
  for (let each = element; each !== document.body; each = each.parentElement) {
    const style = getComputedStyle(each);
    if (style.position === "fixed" || /drawer/.test(each.className)) return false;
    if (each !== element && style.overflowX !== "visible" && each.getBoundingClientRect().right <= width + 1)
      return false;
  }
  return true;
}).map((element) => element.outerHTML.slice(0, 120))"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def book(browser):
    if not (BOOK / "index.html").is_file():
        pytest.skip("the book is not built: make book")
    handler = functools.partial(Quiet, directory=BOOK)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def check_fits(page):
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(100)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(OVERFLOWING, width) == []


def test_the_front_page_leads_to_every_notebook(book, visit, page):
    page.goto(f"{book}/index.html")
    notebooks = len(list((BOOK / "notebooks").rglob("*.html")))
    assert page.locator(".card").count() == notebooks > 10
    check_fits(page)
    visit.check_accessible()
    visit.shot("book_front")


def test_a_notebook_has_formulas_and_figures_that_say_what_they_show(book, visit, page):
    page.goto(f"{book}/notebooks/2.4.1_feature_matching.html")
    page.locator("mjx-container svg").first.wait_for()
    figures = page.locator(".cell_output img")
    assert figures.count() >= 2
    assert all(len(figures.nth(i).get_attribute("alt")) > 10 for i in range(figures.count()))
    check_fits(page)
    visit.shot("book_notebook", full_page=False)


def test_a_chinese_page_and_the_english_one_lead_to_each_other(book, visit, page):
    page.goto(f"{book}/notebooks/2.3.2_mode_collapse.html")
    figures = page.locator(".cell_output img").count()
    page.locator(".language a", has_text="中文").click()
    page.wait_for_url("**/notebooks/zh/2.3.2_mode_collapse.html")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.locator(".cell_output img").count() == figures > 5
    assert page.locator("[id=the-healthy-patient]").count() == 1  # the English page's anchor
    visit.check_accessible()
    check_fits(page)
    visit.shot("book_chinese", full_page=False)
    page.locator(".language a", has_text="English").click()
    page.wait_for_url("**/notebooks/2.3.2_mode_collapse.html")


def test_the_longest_tables_fit_a_telephone(book, visit, page):
    page.goto(f"{book}/docs/which-trick-when.html")
    page.locator("details").first.click()
    check_fits(page)
    visit.shot("book_tricks", full_page=False)


def test_the_search_finds_a_page_and_also_from_a_disk(book, visit, page):
    page.goto(f"{book}/search.html?q=minibatch+discrimination")
    page.locator(".search li", has_text="2.4.2").first.wait_for()
    page.locator(".search li .context").first.wait_for()
    check_fits(page)
    visit.shot("book_search", full_page=False)
    page.remove_listener("request", visit._request)  # which knows servers alone
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{BOOK}/search.html?q=minibatch+discrimination")
    page.locator(".search li", has_text="2.4.2").first.wait_for()
    assert all(url.startswith("file:///") for url in asked)
