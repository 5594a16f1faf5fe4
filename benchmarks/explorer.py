"""Time of a frame of the explorer's field in Chromium (`python -m benchmarks.explorer`)."""

import shutil
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from detloss.explorer import document

WANTED = 16.0  # milliseconds
FRAMES = 60
MOVE = """async (count) => {
  const input = document.querySelector('#coordinates input[name="pred 0"]'), times = []
  const frame = () => new Promise((done) => requestAnimationFrame(done))
  for (let k = 0; k < count; k += 1) {
    input.value = 1 + 0.05 * k
    input.dispatchEvent(new Event('input'))
    await frame()
    await frame()
    times.push(performance.getEntriesByName('field').at(-1).duration)
  }
  return times
}"""


def field_times(page: Page, count: int = FRAMES) -> list[float]:
    """Times in milliseconds to compute and draw the field while a box moves."""
    times: list[float] = page.evaluate(MOVE, count)
    return times


def main() -> None:
    """Print the times."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("explorer: not measured, no chromium found")
        return
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder, "explorer.html")
        document.write(path)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(path.as_uri())
        times = field_times(page)
        browser.close()
    print(f"explorer: field of 64 x 64 predictions, median {median(times):.1f} ms, wanted {WANTED:g} ms")


if __name__ == "__main__":
    main()
