"""The report in a real browser: on a phone, on a wide screen and on paper, in the light and the dark, without network."""

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
    begun,
    outcome_of,
    request_of,
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
    """Pairs with long names on two seeds, l1 + focal the baseline."""
    path = tmp_path / "report.html"
    pairs = (Pair("l1", "focal"), Pair("smooth_l1", "balanced_bce"), Pair("smooth_l1", "softmax_focal"))
    plan = Plan(dict.fromkeys(pairs, (1.0,)), seeds=(0, 1), steps=4)
    comparison = begun(tmp_path, plan)
    for trial in plan.comparison(plan.chosen({})):
        comparison.enter(outcome_of(trial, ap=0.4 + 0.01 * trial.seed + 0.005 * (trial.cls == "softmax_focal")))
    data = "/a/rather/long/path/without/any/space/" + "folder/" * 12
    write_report(path, comparison, request_of("detloss compare " * 9, data=data))
    return path


def chromium(profile: Path, *arguments: str) -> str:
    command = [*CHROMIUM, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def layout(page: Path, width: int) -> dict[str, object]:
    """What a script outside of the page measures in it."""
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
    picture = page.with_name("picture.png")
    size = f"--window-size={width},{HEIGHT}"
    chromium(page.with_name("profile"), *arguments, f"--screenshot={picture}", size, page.as_uri())
    return np.asarray(Image.open(picture).convert("L"), dtype=float)


def requests_of(page: Path) -> list[str]:
    """The addresses beyond this machine that a page asked for; what the browser wants for itself is left out."""
    log = page.with_name("requests.json")
    chromium(page.with_name("profile"), f"--log-net-log={log}", "--dump-dom", page.as_uri())
    events = json.loads(log.read_text())["events"]
    starts = [event["params"] for event in events if "url" in event.get("params", {})]
    asked = {start["url"] for start in starts if start.get("initiator", "not an origin") != "not an origin"}
    return sorted(address for address in asked if not address.startswith(("file:", "data:")))


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_no_screen_needs_sideways_scrolling_and_the_verdict_is_first(page: Path, width: int) -> None:
    found = layout(page, width)
    assert found["client"] == width
    assert found["scroll"] == width, found["beyond"]
    assert found["beyond"] == []
    lines = [line for line in str(found["text"]).splitlines() if line]
    assert lines[0] == "Which losses are best on two & a half?"
    assert lines[1] == (
        "Compared with l1 + focal over 2 seeds, smooth_l1 + softmax_focal (AP +0.005 [+0.005, +0.005]) is better and"
        " smooth_l1 + balanced_bce (AP +0.000 [+0.000, +0.000]) is not distinguishable."
    )
    assert found["verdict"] < FIRST_SCREEN
    assert found["smallest"] > 9, "pixels: what a chart says can be read"


@pytest.mark.parametrize("width", [PHONE, 1280])
def test_the_page_is_drawn_in_the_light_and_in_the_dark(page: Path, width: int) -> None:
    light = screenshot(page, width)
    dark = screenshot(page, width, DARK)
    assert light.shape == dark.shape == (HEIGHT, width)
    assert np.median(light) > 240
    assert np.median(dark) < 40
    for picture in (light, dark):
        bands = np.array_split(picture[: HEIGHT // 2], 6)
        assert all(band.std() > 10 for band in bands), "every part of the page shows something"


def test_nothing_is_asked_of_the_network(page: Path) -> None:
    assert requests_of(page) == []
    source = page.read_text()
    page.write_text(source.replace("</body>", '<img src="http://127.0.0.1:9/picture.png"></body>'))
    assert requests_of(page) == ["http://127.0.0.1:9/picture.png"], "the test would see one"


def test_paper_is_white_and_has_the_images(page: Path) -> None:
    paper = page.with_name("report.pdf")
    chromium(page.with_name("profile"), DARK, "--no-pdf-header-footer", f"--print-to-pdf={paper}", page.as_uri())
    content = paper.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    drawn = b"\n".join(zlib.decompress(stream) for stream in streams if stream[:1] == b"\x78")
    fills = np.array(re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) rg", drawn), float)
    assert fills[0].tolist() == [1, 1, 1], "the page itself is painted first"
    assert not (abs(fills - DARK_PAGE).max(axis=1) < 0.01).any()
    assert drawn.count(b" Do") >= 4, "the images are on paper too"
