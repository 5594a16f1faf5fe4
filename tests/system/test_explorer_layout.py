"""Screens, languages, colors and requests of the explorer."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.explorer_page import PHONE, WIDE, drawn, opened

BEYOND = """() => [...document.body.querySelectorAll('*')]
  .filter((node) => !node.closest('math, svg, .hidden-text, tbody th'))
  .filter((node) => node.getBoundingClientRect().right > innerWidth + 1)
  .map((node) => node.outerHTML.slice(0, 80))"""


def test_no_request_leaves_the_page(browser: Browser, explorer: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(explorer.as_uri())
    for button in page.locator("#presets button, #languages button, #class-losses button").all():
        button.click()
    page.wait_for_timeout(300)
    assert requests == [explorer.as_uri()]
    page.evaluate("new Image().src = 'http://127.0.0.1:9/picture.png'")
    page.wait_for_timeout(200)
    assert requests[1:] == ["http://127.0.0.1:9/picture.png"], "the test detects a request"
    context.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_overflows_on_a_phone(browser: Browser, explorer: Path, language: str) -> None:
    every = "bce,balanced_bce,focal,asl,qfl,vfl,mal,iabce,heatmap,ce,weighted_ce,softmax_focal"
    numbers = "l1,l2,smooth_l1,charbonnier,balanced_l1,log_cosh"
    fragment = f"#language={language}&classes={every}&numbers={numbers}&preset=nested"
    with opened(browser, explorer, fragment, viewport=PHONE) as page:
        for name in page.evaluate("detloss.names.box"):
            page.locator(f"label[for=loss-{name}]").click()
            drawn(page)
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
            assert page.evaluate(BEYOND) == []


def test_the_language_of_the_browser_comes_first(browser: Browser, explorer: Path) -> None:
    for locale, title in (("zh-CN", "损失函数演示"), ("en-US", "Loss explorer"), ("fr-FR", "Loss explorer")):
        with opened(browser, explorer, locale=locale) as page:
            assert page.title() == title
            assert page.locator("h1").inner_text() == title


def test_both_languages_are_complete(browser: Browser, explorer: Path) -> None:
    with opened(browser, explorer, "#preset=far", locale="en-US") as page:
        english = set(page.locator("body").inner_text().splitlines())
        page.locator("#languages button[value=zh]").click()
        page.wait_for_timeout(800)  # the announcement of the table follows after a pause
        chinese = page.locator("body").inner_text()
        sentences = [line for line in english if len(line.split()) > 5 and "IoU 0" not in line]
        assert not [line for line in sentences if line in chinese]
        assert "undefined" not in chinese
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        for label in page.locator("[aria-label]").all():
            text = label.get_attribute("aria-label") or ""
            assert re.search(r"[\u4e00-\u9fff]|^[a-z_]+$|^IoU$", text), text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser: Browser, explorer: Path, scheme: str) -> None:
    with opened(browser, explorer, color_scheme=scheme, viewport=WIDE) as page:
        ratio = """(selector) => {
            const parts = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((each) => each / 255)
            const light = (color) => parts(color).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
              .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0)
            const [text, page] = [getComputedStyle(document.querySelector(selector)).color, getComputedStyle(document.body).backgroundColor]
            const [a, b] = [light(text), light(page)].sort((x, y) => y - x)
            return (a + 0.05) / (b + 0.05)
        }"""
        for selector in ("h1", ".lead", ".note", "#boxes a", "fieldset.pred legend", "th small"):
            assert page.evaluate(ratio, selector) >= 4.5, selector
