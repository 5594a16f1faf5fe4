"""The page: complete, self-contained, and honest about few seeds."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from detloss.study import report
from detloss.study.comparison import Comparison
from detloss.study.pictures import Finding, marks
from detloss.study.report import findings, pairs_of
from detloss.study.training import Trial
from detloss.study.workers import Failed
from tests.study.trials import finished_comparison, outcome_of, small_dataset

VOID = {"meta", "wbr", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """The elements, the text of a page, and whether every element that opens is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(tmp_path: Path, comparison: Comparison) -> Page:
    path = tmp_path / "report.html"
    settings = {"seeds": 2, "steps": 4, "data": "<none>"}
    report.write(path, comparison, small_dataset(), settings=settings, command="detloss compare --seeds 2")
    return Page(path.read_text())


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = page_of(tmp_path, finished_comparison())
    assert page.open == []
    assert not page.all("script")
    assert not page.all("link")
    for _, attributes in page.elements:
        for key in ("src", "href", "xlink:href", "srcset", "data", "action"):
            assert (attributes.get(key) or "#").startswith(("#", "data:image/png;base64,"))
    sources = (tmp_path / "report.html").read_text()
    assert "@import" not in sources
    assert set(re.findall(r"url\(([^)]*)\)", sources)) <= {f"#{name['id']}" for name in page.all("clippath")}


def test_every_pair_has_its_curves_and_the_same_pictures(tmp_path: Path) -> None:
    page = page_of(tmp_path, finished_comparison())
    labels = [attributes.get("aria-label") or "" for attributes in page.all("svg")]
    for box in ("l1", "giou"):
        assert any(label.startswith(f"box loss: {box}") for label in labels)
        for image in ("image-0.png", "image-1.png"):
            assert f"{box} + focal on {image}: 1 of 2 found" in labels
    assert [image["id"] for image in page.all("image")] == ["photograph-1", "photograph-2"]
    assert [use["href"] for use in page.all("use") if "href" in use] == ["#photograph-1", "#photograph-2"] * 2
    drawn = [rectangle.get("class") for rectangle in page.all("rect")]
    for kind in ("found", "missed", "hit", "false"):
        assert drawn.count(kind) == 2 * 2 + 1, "one a picture, and one in the legend"


def test_the_page_tells_the_numbers_the_data_and_how_it_was_made(tmp_path: Path) -> None:
    text = page_of(tmp_path, finished_comparison()).text
    for words in (
        "Which losses are best on two & a half?",
        "giou + focal has the highest mean AP, 0.410 (0.405 to 0.415 over 2 seeds).",
        "0.410 0.405–0.415",
        "0.310 0.305–0.315",
        "not a verdict",
        "Every fifth image; 2 and 2 images.",
        "labels/<7>.json",
        "annotation 12",
        "box (4, 4, 4, 9) has no area",
        "detloss compare --seeds 2",
        "<none>",
        "torch",
        "python",
    ):
        assert words in text


def test_trials_that_did_not_finish_are_named(tmp_path: Path) -> None:
    comparison = finished_comparison()
    missing = Trial("giou", "ce", 2.0, 0, steps=4)
    comparison.trials = [*comparison.trials, missing]
    comparison.failures.append(Failed(missing, "RuntimeError: <out of luck>"))
    text = page_of(tmp_path, comparison).text
    assert "1 of 5 trials did not finish" in text
    assert "giou + ce, seed 0: RuntimeError: <out of luck>" in text


def told(**scores: list[float]) -> str:
    outcomes = [
        outcome_of(Trial(box, "focal", 1.0, seed, 2), ap) for box, aps in scores.items() for seed, ap in enumerate(aps)
    ]
    return " ".join(findings(pairs_of(outcomes)))


def test_the_words_follow_the_ranges() -> None:
    near = told(l1=[0.30, 0.40], giou=[0.39, 0.50], ciou=[0.10, 0.20])
    assert near.startswith("giou + focal has the highest mean AP, 0.445 (0.390 to 0.500 over 2 seeds).")
    assert "overlaps with that of l1 + focal:" in near
    assert "0.295 apart at most" in near
    assert "by up to 0.110" in near
    assert "No other pair's range" in told(l1=[0.30, 0.38], giou=[0.39, 0.50])
    alone = told(l1=[0.3], giou=[0.5])
    assert "With one seed there is no telling chance from merit" in alone
    assert "range" not in alone
    assert near.endswith("An order of means over 2 seeds is a hint, not a verdict.")
    assert told(l1=[0.3, 0.4]) == "The mean AP of l1 + focal is 0.350 (0.300 to 0.400 over 2 seeds)."


def test_pairs_are_in_the_order_of_their_means_and_seeds() -> None:
    outcomes = finished_comparison(seeds=3).outcomes
    pairs = pairs_of(outcomes[::-1])
    assert [pair.name for pair in pairs] == ["giou + focal", "l1 + focal"]
    assert [outcome.trial.seed for outcome in pairs[0].outcomes] == [0, 1, 2]
    assert (pairs[1].ap.mean, pairs[1].ap.lowest, pairs[1].ap.highest) == pytest.approx((0.41, 0.40, 0.42))
    assert f"{pairs[1].ap:.3f}" == "0.410 (0.400–0.420)"


def test_a_true_box_is_found_once_and_by_its_own_class() -> None:
    sample = small_dataset().validation[0]
    boxes, scores, _ = outcome_of(Trial("l1", "ce", 1.0, 0, 2)).predictions[0]
    twice = boxes[[0, 0, 2]], scores, [0, 0, 0]
    assert [mark.finding for mark in marks(sample, twice, ("cat", "dog"))] == [
        Finding.FOUND, Finding.MISSED, Finding.HIT, Finding.FALSE
    ]  # fmt: skip
    other_class = boxes, scores, [1, 1, 1]
    found = marks(sample, other_class, ("cat", "dog"))
    assert [mark.finding for mark in found] == [Finding.MISSED, Finding.MISSED, Finding.FALSE, Finding.FALSE]
    assert (found[0].x, found[0].y, found[0].width, found[0].height, found[0].label) == (2, 3, 10, 15, "cat")


def test_an_image_with_few_or_no_predictions() -> None:
    sample = small_dataset().validation[0]
    boxes, scores, labels = outcome_of(Trial("l1", "ce", 1.0, 0, 2)).predictions[0]
    none = boxes[:0], scores[:0], labels[:0]
    assert [mark.finding for mark in marks(sample, none, ("cat", "dog"))] == [Finding.MISSED, Finding.MISSED]
