"""Links, copied programs and saved pictures of the explorer."""

import io
import json
import re
import urllib.parse
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page

from detloss.catalog import LOSSES
from tests.support.explorer_page import WIDE, drag, drawn, opened

CLIPBOARD = "() => { navigator.clipboard.writeText = async (given) => { globalThis.copied = given } }"


@pytest.fixture
def page(browser: Browser, explorer: Path) -> Iterator[Page]:
    with opened(browser, explorer, viewport=WIDE, locale="en-US") as page:
        yield page


def test_a_link_restores_the_state(browser: Browser, explorer: Path, page: Page) -> None:
    drag(page, page.locator("#canvas .pred .body"), 2, 1)
    page.locator("label[for=loss-siou]").click()
    page.locator("#box-options input[type=range]").first.fill("2.5")
    page.locator("#field-modes button[value=size]").click()
    page.locator("#presets button[value=far]").click()
    page.locator("#race-position").fill("37")
    page.locator("#class-losses [data-loss=asl]").click()
    page.locator("#class-axis button[value=probability]").click()
    page.locator("#numbers [data-loss=log_cosh]").click()
    page.locator("#languages button[value=zh]").click()
    page.locator("#theme").select_option("dark")
    page.wait_for_timeout(500)
    address = page.evaluate("location.hash")
    with opened(browser, explorer, address, viewport=WIDE, locale="en-US") as other:
        other.wait_for_timeout(500)
        assert other.evaluate("location.hash") == address
        assert other.locator("main").inner_text() == page.locator("main").inner_text()
        assert other.locator("#race").inner_html() == page.locator("#race").inner_html()
        assert other.evaluate("document.documentElement.dataset.theme") == "dark"
    assert "siou.theta=2.5" in address
    assert "step=37" in address


@pytest.mark.parametrize(
    "fragment",
    ["#pred=1,2,3", "#pred=a,b,c,d", "#loss=", "#preset=none&racers=x,giou", "#step=1e9", "#%%%", "#theme=1&rate=x"],
)
def test_a_wrong_link_does_not_break_the_page(browser: Browser, explorer: Path, fragment: str) -> None:
    with opened(browser, explorer, fragment) as page:
        assert len(page.locator("#table tbody tr").all()) > 10
        assert page.locator("#race rect").count() > 0


def run(program: str) -> list[float]:
    """The numbers that a copied program prints, and those of its comments, which must agree."""
    out = io.StringIO()
    with redirect_stdout(out):
        exec(program, {})
    printed = [json.loads(line) for line in out.getvalue().splitlines()]
    written = [json.loads(text) for text in re.findall(r"  # (.+)$", program, re.MULTILINE)]
    assert len(printed) == len(written) > 0
    flat = [torch.tensor(each, dtype=torch.float64).flatten() for each in printed]
    for got, expected in zip(flat, [torch.tensor(each, dtype=torch.float64).flatten() for each in written]):
        torch.testing.assert_close(got, expected, rtol=1e-13, atol=1e-15)
    return [number for each in flat for number in each.tolist()]


def copied(page: Page, part: str) -> str:
    page.evaluate(CLIPBOARD)
    page.locator(f"[data-copy={part}]").click()
    return str(page.evaluate("globalThis.copied"))


def test_the_copied_program_of_every_box_loss(page: Page) -> None:
    for name in page.evaluate("detloss.names.box"):
        page.locator(f"label[for=loss-{name}]").click()
        drawn(page)
        assert len(run(copied(page, "boxes"))) == 5


def test_the_copied_program_with_modifiers(browser: Browser, explorer: Path) -> None:
    with opened(browser, explorer, "#loss=mpdiou&mpdiou.power=2&mpdiou.interval=0,0.9&mpdiou.inner=1.5") as page:
        program = copied(page, "boxes")
        assert "overlap=detloss.Overlap(power=2.0, interval=(0.0, 0.9), inner=1.5)" in program
        assert "image_size=(20.0, 15.0)" in program
        run(program)


@pytest.mark.parametrize("label", [0, 1])
def test_the_copied_programs_of_class_losses(browser: Browser, explorer: Path, label: int) -> None:
    names = [loss.name for loss in LOSSES if loss.kind.name in ("SIGMOID", "QUALITY", "HEATMAP", "SOFTMAX")]
    options = "focal.gamma=1.5&asl.margin=0&vfl.hold_focus=true&ce.poly=1&softmax_focal.gamma=0.5"
    with opened(browser, explorer, f"#classes={','.join(names)}&label={label}&logit=0.7&{options}") as page:
        assert len(run(copied(page, "classes"))) >= 2 * len(names)


def test_the_copied_programs_of_losses_of_numbers(browser: Browser, explorer: Path) -> None:
    names = [loss.name for loss in LOSSES if loss.kind.name == "REGRESSION"]
    with opened(browser, explorer, f"#numbers={','.join(names)}&error=-1.3&smooth_l1.beta=2") as page:
        assert len(run(copied(page, "numbers"))) == 2 * len(names)


@pytest.mark.parametrize("drawing", ["canvas", "field", "race", "class-value", "number-descent"])
def test_a_saved_picture_is_a_complete_svg(browser: Browser, explorer: Path, page: Page, drawing: str) -> None:
    with page.expect_download() as download:
        page.locator(f'[data-save="#{drawing}"]').click()
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert download.value.suggested_filename == f"{drawing}.svg"
    address = "data:image/svg+xml," + urllib.parse.quote(saved)
    alone = browser.new_page()
    alone.goto(address)
    assert alone.evaluate("document.documentElement.tagName") == "svg"
    assert alone.evaluate("document.documentElement.getBoundingClientRect().width") > 200
    assert alone.locator("path").count() > 0
    if drawing == "field":
        assert alone.locator("image").get_attribute("href").startswith("data:image/png")
    alone.close()
