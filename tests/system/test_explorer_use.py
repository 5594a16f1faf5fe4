"""The explorer in a browser: pointer, finger, keyboard, terms of a formula, announcements, time of a frame."""

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
import torch
from playwright.sync_api import Browser, Page

import detloss
from benchmarks.explorer import WANTED, field_times
from tests.support.explorer_page import PHONE, WIDE, coordinates, drag, drawn, opened

BUSY = 10  # times as long on a busy machine
EXPONENTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


@pytest.fixture
def page(browser: Browser, explorer: Path) -> Iterator[Page]:
    with opened(browser, explorer, viewport=WIDE, locale="en-US") as page:
        yield page


def values(page: Page) -> dict[str, str]:
    """The cells of the table: value of every loss."""
    rows = page.locator("#table tbody tr")
    return {row.get_attribute("data-loss") or "": row.locator("td.value").inner_text() for row in rows.all()}


def test_dragging_a_box_changes_the_table(page: Page) -> None:
    before, start = values(page), coordinates(page, "pred")
    drag(page, page.locator("#canvas .pred .body"), -1, 1)
    assert coordinates(page, "pred") == pytest.approx(
        [start[0] - 1, start[1] + 1, start[2] - 1, start[3] + 1], abs=0.06
    )
    after = values(page)
    assert all(after[name] != before[name] for name in before)
    pred, target = (torch.tensor([coordinates(page, name)], dtype=torch.float64) for name in ("pred", "target"))
    assert float(after["giou"]) == pytest.approx(detloss.generalized_iou_loss(pred, target).item(), rel=1e-2)


def test_dragging_a_corner_and_an_edge_resizes_the_box(page: Page) -> None:
    start = coordinates(page, "pred")
    drag(page, page.locator('#canvas .pred .corner[data-moves="0,1"]'), -1, -2)
    assert coordinates(page, "pred") == pytest.approx([start[0] - 1, start[1] - 2, *start[2:]], abs=0.06)
    start = coordinates(page, "target")
    drag(page, page.locator('#canvas .target .edge[data-moves="2"]'), 2, 5)
    assert coordinates(page, "target") == pytest.approx([start[0], start[1], start[2] + 2, start[3]], abs=0.06)


def test_a_finger_drags_a_box(browser: Browser, explorer: Path) -> None:
    with opened(browser, explorer, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        start = coordinates(page, "pred")
        page.locator("#canvas").scroll_into_view_if_needed()
        box = page.locator("#canvas .pred .body").bounding_box()
        assert box is not None
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        session = page.context.new_cdp_session(page)
        for kind, points in (("Start", [(x, y)]), ("Move", [(x + 30, y)]), ("End", [])):
            touches = [{"x": a, "y": b} for a, b in points]
            session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touches})
        drawn(page)
        assert coordinates(page, "pred")[0] > start[0] + 1


def test_the_keyboard_moves_and_resizes_a_box(page: Page) -> None:
    start = coordinates(page, "pred")
    page.locator("#canvas .pred").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    drawn(page)
    assert coordinates(page, "pred") == pytest.approx([x + 0.1 for x in start])
    page.keyboard.press("Shift+ArrowRight")
    drawn(page)
    assert coordinates(page, "pred") == pytest.approx([start[0] + 0.1, start[1] + 0.1, start[2] + 0.2, start[3] + 0.1])


def test_everything_is_reached_with_the_tabulator_key(page: Page) -> None:
    reached = set()
    for _ in range(160):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.box ?? document.activeElement.closest('[id]')?.id"))
    assert {"pred", "target", "coordinates", "loss-ciou", "field-modes", "presets", "race-play", "racers"} <= reached
    assert {
        "class-losses",
        "class-axis",
        "class-options",
        "batch-sliders",
        "number-losses",
        "descent-sliders",
    } <= reached


def test_typed_numbers_move_a_box(page: Page) -> None:
    page.locator('#coordinates input[name="pred 0"]').fill("2.25")
    drawn(page)
    x = page.locator("#canvas .pred .body").get_attribute("x")
    assert x == "2.25"


def test_pointing_at_a_term_shows_it(page: Page) -> None:
    page.locator('#formula .terms [data-term="intersection"]').hover()
    assert page.locator("#canvas .term.pointed").evaluate_all("(all) => all.map((node) => node.dataset.term)") == [
        "intersection"
    ]
    page.locator('#formula .mathematics mi[data-term="distance"]').hover()
    assert page.locator("#canvas .term.pointed").evaluate_all("(all) => all.map((node) => node.dataset.term)") == [
        "distance"
    ]
    opacity = page.locator("#canvas .term.distance").evaluate("(node) => node.classList.contains('pointed')")
    assert opacity


def test_the_numbers_of_every_formula_are_a_sum(page: Page) -> None:
    for name in values(page):
        page.locator(f"label[for=loss-{name}]").click()
        drawn(page)
        text = (page.locator("#formula .numbers").text_content() or "").replace("−", "-").replace(" ", "")
        text = text.replace("×10", "e").translate(EXPONENTS)
        _, *parts = text.split("=")
        assert sum(map(float, re.findall(r"(?:(?<!e)-)?[\d.]+(?:e-?\d+)?", parts[0]))) == pytest.approx(
            float(parts[-1]), rel=2e-2
        )


def test_the_table_is_announced_after_a_movement(page: Page) -> None:
    page.locator("#canvas .pred").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('#announcement').textContent !== ''")
    page.wait_for_timeout(800)
    text = page.locator("#announcement").inner_text()
    assert re.fullmatch(r"Complete IoU: value [\d.]+, gradient [\d.]+", text)
    assert page.locator("#announcement").get_attribute("aria-live") == "polite"


def test_a_frame_of_the_field_is_drawn_in_time(page: Page) -> None:
    times = field_times(page)
    assert min(times) < WANTED
    assert median(times) < BUSY * WANTED
