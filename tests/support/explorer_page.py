"""The explorer in Debian's Chromium, and its arithmetic on tensors."""

import base64
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from torch import Tensor

from detloss.explorer.losses import CANVAS

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
ROWS = """([text, width, source]) => {
  const numbers = new Float64Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer)
  const f = eval(source), found = []
  for (let k = 0; k < numbers.length; k += width) found.push(...f([...numbers.subarray(k, k + width)]))
  return btoa(Array.from(new Uint8Array(Float64Array.from(found).buffer), (byte) => String.fromCharCode(byte)).join(""))
}"""


@contextmanager
def launched_browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, path: Path, fragment: str = "", **context: Any) -> Iterator[Page]:
    """The page in a context of its own with these options; an error of a script fails the test.

    Reduced motion is the default: smooth scrolling would delay every click.
    """
    session = browser.new_context(**{"reduced_motion": "reduce", **context})
    page = session.new_page()
    errors: list[object] = []
    page.on("pageerror", lambda error: errors.append(error))
    page.goto(f"{path.as_uri()}{fragment}")
    drawn(page)
    yield page
    session.close()
    assert errors == []


def drawn(page: Page) -> None:
    """Wait until the page has drawn all changes."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def rows_of(page: Page, source: str, operands: Tensor) -> Tensor:
    """A function in JavaScript from an array to an array, applied to float64 rows; all bits are kept."""
    text = base64.b64encode(operands.to(torch.float64).contiguous().numpy().tobytes()).decode()
    found = base64.b64decode(page.evaluate(ROWS, [text, operands.shape[-1], source]))
    return torch.frombuffer(bytearray(found), dtype=torch.float64).view(len(operands), -1)


def loss_rows(page: Page, kind: str, name: str, operands: Tensor, options: Mapping[str, Any]) -> Tensor:
    """The values and derivatives of a loss by the page's `detloss`; the operands are two halves of every row."""
    half = operands.shape[-1] // 2
    pred, target = ("r[0]", "r[1]") if half == 1 else (f"r.slice(0, {half})", f"r.slice({half})")
    call = f"detloss.{kind}({json.dumps(name)}, {pred}, {target}, {json.dumps(options)})"
    return rows_of(page, f"(r) => {{ const {{ loss, gradient }} = {call}; return [loss].concat(gradient) }}", operands)


def coordinates(page: Page, name: str) -> list[float]:
    return [float(page.locator(f'#coordinates input[name="{name} {k}"]').input_value()) for k in range(4)]


def drag(page: Page, part: Locator, dx: float, dy: float) -> None:
    """Drag the center of an element by lengths of the canvas, with real pointer events."""
    box, canvas = part.bounding_box(), page.locator("#canvas").bounding_box()
    assert box is not None
    assert canvas is not None
    unit = canvas["width"] / CANVAS.image[0]
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx * unit / 2, y + dy * unit / 2)
    page.mouse.move(x + dx * unit, y + dy * unit)
    page.mouse.up()
    drawn(page)
