"""The explorer in Debian's Chromium, and its arithmetic on tensors."""

import base64
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from playwright.sync_api import Browser, Page, sync_playwright
from torch import Tensor

from detloss.explorer.page import write

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
ROWS = """([text, width, source]) => {
  const numbers = new Float64Array(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer)
  const f = eval(source), found = []
  for (let k = 0; k < numbers.length; k += width) found.push(...f([...numbers.subarray(k, k + width)]))
  return btoa(Array.from(new Uint8Array(Float64Array.from(found).buffer), (byte) => String.fromCharCode(byte)).join(""))
}"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        yield opened
        opened.close()


@contextmanager
def opened_page(fragment: str = "", **context: Any) -> Iterator[Page]:
    """The page in a browser, without errors; `context` are options of the browser's context."""
    with TemporaryDirectory() as folder, browser() as opened:
        path = Path(folder, "explorer.html")
        write(path)
        page = opened.new_context(**context).new_page()
        errors: list[object] = []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(f"{path.as_uri()}{fragment}")
        yield page
        assert errors == []


def rows_of(page: Page, source: str, operands: Tensor) -> Tensor:
    """A function in JavaScript from an array to an array, applied to float64 rows; all bits are kept."""
    text = base64.b64encode(operands.to(torch.float64).contiguous().numpy().tobytes()).decode()
    found = base64.b64decode(page.evaluate(ROWS, [text, operands.shape[-1], source]))
    return torch.frombuffer(bytearray(found), dtype=torch.float64).view(len(operands), -1)
