"""The report in a real browser: nothing overflows a phone, and nothing is blank in the light or the dark."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detloss.study import report
from tests.study.trials import finished_comparison, small_dataset

PHONE = 390
HEIGHT = 2400
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
<script>
addEventListener("load", () => {{
  const page = document.querySelector("iframe").contentDocument.documentElement
  document.title = page.clientWidth + " " + page.scrollWidth
}})
</script>"""


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    settings = {"seeds": 2, "data": "/a/rather/long/path/without/any/space/" + "folder/" * 12}
    report.write(path, finished_comparison(), small_dataset(), settings=settings, command="detloss compare " * 9)
    return path


def chromium(profile: Path, *arguments: str) -> str:
    command = [*CHROMIUM, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def screenshot(page: Path, width: int, *arguments: str) -> np.ndarray:
    picture = page.with_name("picture.png")
    size = f"--window-size={width},{HEIGHT}"
    chromium(page.with_name("profile"), *arguments, f"--screenshot={picture}", size, page.as_uri())
    return np.asarray(Image.open(picture).convert("L"), dtype=float)


def test_a_phone_needs_no_sideways_scrolling(page: Path) -> None:
    frame = page.with_name("frame.html")
    frame.write_text(FRAME.format(width=PHONE, height=HEIGHT))
    content = chromium(
        page.with_name("profile"),
        "--allow-file-access-from-files",
        "--dump-dom",
        "--window-size=600,2400",
        frame.as_uri(),
    )
    widths = re.search(r"<title>(\d+) (\d+)</title>", content)
    assert widths is not None, content
    assert int(widths[1]) <= PHONE
    assert int(widths[2]) <= int(widths[1]), "the page is wider than the phone"


@pytest.mark.parametrize("width", [PHONE, 1100])
def test_the_page_is_drawn_in_the_light_and_in_the_dark(page: Path, width: int) -> None:
    light = screenshot(page, width)
    dark = screenshot(page, width, "--blink-settings=preferredColorScheme=0")
    assert light.shape == dark.shape == (HEIGHT, width)
    assert np.median(light) > 240
    assert np.median(dark) < 40
    for picture in (light, dark):
        bands = np.array_split(picture[: HEIGHT // 2], 6)
        assert all(band.std() > 10 for band in bands), "every part of the page shows something"
