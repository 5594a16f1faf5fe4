"""The report in a browser: narrow and wide screens, light and dark color schemes, print, no network requests."""

import json
import re
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detloss.experiments.comparison.plan import Pair, Plan
from tests.support.trials import (
    begin_comparison,
    outcome_of,
    settings_of,
    write_report,
)

PHONE = 360
HEIGHT = 2400
FIRST_SCREEN = 640
DARK = "--blink-settings=preferredColorScheme=0"
DARK_PAGE = np.array([0x14, 0x18, 0x1D]) / 255
CHROMIUM = (
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
)
FRAME = """<!doctype html><body style="margin:0"><iframe src="report.html" width="{width}" height="{height}"></iframe>
<pre></pre><script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument
  const root = page.documentElement
  const beyond = [...page.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > root.clientWidth + 1)
  document.querySelector("pre").textContent = JSON.stringify({{
    client: root.clientWidth, scroll: root.scrollWidth,
    beyond: beyond.map(e => e.outerHTML.slice(0, 80)),
    text: page.body.innerText, verdict: page.querySelector(".verdict").getBoundingClientRect().bottom,
    smallest: Math.min(...[...page.querySelectorAll(".charts text")].map(e => e.getBoundingClientRect().height)),
  }})
}})
</script>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A report of pairs with long names and two seeds, with the baseline l1 + focal."""
    path = tmp_path / "report.html"
    pairs = (Pair("l1", "focal"), Pair("smooth_l1", "balanced_bce"), Pair("smooth_l1", "softmax_focal"))
    plan = Plan(dict.fromkeys(pairs, (1.0,)), seeds=(0, 1), steps=4)
    comparison = begin_comparison(tmp_path, plan)
    for trial in plan.comparison_trials(plan.best_weights({})):
        comparison.record(outcome_of(trial, ap=0.4 + 0.01 * trial.seed + 0.005 * (trial.cls == "softmax_focal")))
    data = "/a/rather/long/path/without/any/space/" + "folder/" * 12
    write_report(path, comparison, settings_of("detloss compare " * 9, data=data))
    return path


def chromium(profile: Path, *arguments: str) -> str:
    command = [*CHROMIUM, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def layout(page: Path, width: int) -> dict[str, object]:
    """Measurements of a script outside of the page."""
    frame = page.with_name("frame.html")
    frame.write_text(FRAME.format(width=width, height=HEIGHT))
    arguments = ("--allow-file-access-from-files", "--dump-dom", "--window-size=1400,2400", frame.as_uri())
    content = chromium(page.with_name("profile"), *arguments)
    found = re.search(r"<pre>(.*?)</pre>", content, re.DOTALL)
    assert found is not None, content
    result: dict[str, object] = json.loads(
        re.sub(r"&(lt|gt|amp);", lambda sign: "<>&"[["lt", "gt", "amp"].index(sign[1])], found[1])
    )
    return result


def screenshot(page: Path, width: int, *arguments: str) -> np.ndarray:
    image = page.with_name("screenshot.png")
    size = f"--window-size={width},{HEIGHT}"
    chromium(page.with_name("profile"), *arguments, f"--screenshot={image}", size, page.as_uri())
    return np.asarray(Image.open(image).convert("L"), dtype=float)


def requests_of(page: Path) -> list[str]:
    """The network addresses that a page requests, without the requests of the browser itself."""
    log = page.with_name("requests.json")
    chromium(page.with_name("profile"), f"--log-net-log={log}", "--dump-dom", page.as_uri())
    events = json.loads(log.read_text())["events"]
    starts = [event["params"] for event in events if "url" in event.get("params", {})]
    requested = {start["url"] for start in starts if start.get("initiator", "not an origin") != "not an origin"}
    return sorted(address for address in requested if not address.startswith(("file:", "data:")))


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_page_needs_no_horizontal_scrolling_and_starts_with_the_result(page: Path, width: int) -> None:
    found = layout(page, width)
    assert found["client"] == width
    assert found["scroll"] == width, found["beyond"]
    assert found["beyond"] == []
    lines = [line for line in str(found["text"]).splitlines() if line]
    assert lines[0] == "Losses in unitbox from random weights on two & a half, images of 40 pixels, 4 steps"
    assert lines[1] == (
        "Any of smooth_l1 + softmax_focal, l1 + focal and smooth_l1 + balanced_bce may be the best: their differences are"
        " the same on all seeds, so the variance over the seeds is unknown."
    )
    assert found["verdict"] < FIRST_SCREEN
    assert found["smallest"] > 9, "text height in pixels, for legible charts"


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_page_has_light_and_dark_color_schemes(page: Path, width: int) -> None:
    light = screenshot(page, width)
    dark = screenshot(page, width, DARK)
    assert light.shape == dark.shape == (HEIGHT, width)
    assert np.median(light) > 240
    assert np.median(dark) < 40
    for image in (light, dark):
        bands = np.array_split(image[: HEIGHT // 2], 6)
        assert all(band.std() > 10 for band in bands), "no part of the page is empty"


def test_page_makes_no_network_requests(page: Path) -> None:
    assert requests_of(page) == []
    source = page.read_text()
    page.write_text(source.replace("</body>", '<img src="http://127.0.0.1:9/picture.png"></body>'))
    assert requests_of(page) == ["http://127.0.0.1:9/picture.png"], "the test detects a request"


def test_print_is_white_and_includes_the_images(page: Path) -> None:
    document = page.with_name("report.pdf")
    chromium(page.with_name("profile"), DARK, "--no-pdf-header-footer", f"--print-to-pdf={document}", page.as_uri())
    content = document.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    drawn = b"\n".join(zlib.decompress(stream) for stream in streams if stream[:1] == b"\x78")
    fills = np.array(re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) rg", drawn), float)
    assert fills[0].tolist() == [1, 1, 1], "the background of the page"
    assert not (abs(fills - DARK_PAGE).max(axis=1) < 0.01).any()
    assert drawn.count(b" Do") >= 4, "the images are printed"
