"""The descents of the explorer and its batch of a dense detector, against the library."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page

import detloss
from detloss.explorer.presets import PRESETS, Preset
from tests.explorer.test_presets import center_and_sides, descent
from tests.support.explorer_page import WIDE, coordinates, drawn, opened


@pytest.fixture
def page(browser: Browser, explorer: Path) -> Iterator[Page]:
    with opened(browser, explorer, viewport=WIDE, locale="en-US") as page:
        yield page


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_descends_as_the_library(browser: Browser, explorer: Path, preset: Preset) -> None:
    with opened(browser, explorer, reduced_motion="reduce", viewport=WIDE) as page:
        page.locator(f"#presets button[value={preset.name}]").click()
        drawn(page)
        assert page.locator("#watch").is_visible()
        for step in (1, 40):
            page.locator("#race-position").fill(str(step))
            drawn(page)
            for name in preset.losses:
                shape = page.locator(f"#race .racers g[data-loss={name}] rect")
                x, y, width, height = (float(shape.get_attribute(key) or 0) for key in ("x", "y", "width", "height"))
                ours = [x + width / 2, y + height / 2, width, height]
                assert ours == pytest.approx(descent(preset, name)[step].abs().tolist(), abs=1e-6)


def test_the_factor_of_the_published_experiment(browser: Browser, explorer: Path) -> None:
    with opened(browser, explorer, "#racers=diou&rate=0.1&factor=true&step=1") as page:
        pred, target = coordinates(page, "pred"), coordinates(page, "target")
        box = center_and_sides(tuple(pred)).requires_grad_()
        goal, geometry = center_and_sides(tuple(target)), detloss.AxisAligned("cxcywh")
        (gradient,) = torch.autograd.grad(detloss.distance_iou_loss(box, goal, geometry=geometry), box)
        expected = box.detach() - 0.1 * (2 - detloss.iou(box.detach(), goal, geometry=geometry)) * gradient
        width = float(page.locator("#race .racers g[data-loss=diou] rect").get_attribute("width") or 0)
        assert width == pytest.approx(expected[0, 2].item(), abs=1e-12)


def test_playing_advances_and_pausing_stops(page: Page) -> None:
    page.locator("#race-play").click()
    page.wait_for_function("Number(document.querySelector('#race-position').value) > 5")
    page.locator("#race-play").click()
    drawn(page)
    step = page.locator("#race-position").input_value()
    page.wait_for_timeout(200)
    assert page.locator("#race-position").input_value() == step
    page.locator("#race-next").click()
    drawn(page)
    assert int(page.locator("#race-position").input_value()) == int(step) + 1


def test_reduced_motion_does_not_start_a_preset(browser: Browser, explorer: Path) -> None:
    for motion, moves in (("reduce", False), ("no-preference", True)):
        with opened(browser, explorer, reduced_motion=motion) as page:
            page.locator("#presets button[value=flat]").click()
            page.wait_for_timeout(600)
            assert (int(page.locator("#race-position").input_value()) > 0) is moves


def test_a_batch_with_focal_loss_is_dominated_by_positives(page: Page) -> None:
    widths = {
        row.get_attribute("data-loss"): float(
            re.findall(r"width: ([\d.e-]+)%", row.locator(".negatives").first.get_attribute("style") or "")[0]
        )
        for row in page.locator(".batch-row").all()
    }
    easy, hard = (torch.tensor([p], dtype=torch.float64).logit() for p in (0.01, 0.3))
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    for name, loss in (("bce", detloss.binary_cross_entropy_loss), ("focal", detloss.sigmoid_focal_loss)):
        negatives, positives = 10000 * loss(easy, zero).item(), 20 * loss(hard, one).item()
        assert widths[name] == pytest.approx(100 * negatives / (negatives + positives), rel=1e-9)
    assert widths["bce"] > 75
    assert widths["focal"] < 5
