"""The page: complete, self-contained, and explicit about few seeds."""

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detloss.experiments.comparison.report.charts import COLORS
from detloss.experiments.comparison.report.example_images import BoxStatus, drawn_boxes, embedded_image
from detloss.experiments.comparison.runner import Comparison, Results
from detloss.experiments.training import snapshots
from detloss.experiments.training.evaluation import Prediction
from detloss.experiments.training.outcome import Trial
from detloss.experiments.training.snapshots import Snapshot
from detloss.experiments.training.workers import Failed
from tests.support.trials import (
    finished_comparison,
    fixed_plan,
    outcome_of,
    settings_of,
    small_dataset,
    write_report,
)

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
    write_report(path, comparison, settings_of("detloss compare --seeds 2", steps=4, data="<none>"))
    return Page(path.read_text())


def test_the_page_needs_nothing_but_itself(tmp_path: Path) -> None:
    page = page_of(tmp_path, finished_comparison(tmp_path))
    assert page.open == []
    assert not page.all("script")
    assert not page.all("link")
    for _, attributes in page.elements:
        for key in ("src", "href", "xlink:href", "srcset", "data", "action"):
            assert (attributes.get(key) or "#").startswith(("#", "data:image/jpeg;base64,"))
    sources = (tmp_path / "report.html").read_text()
    assert "@import" not in sources
    assert set(re.findall(r"url\(([^)]*)\)", sources)) <= {f"#{name['id']}" for name in page.all("clippath")}


def test_every_loss_has_its_curves_and_every_pair_the_same_images(tmp_path: Path) -> None:
    page = page_of(tmp_path, finished_comparison(tmp_path))
    labels = [attributes.get("aria-label") or "" for attributes in page.all("svg")]
    assert [label.partition(" over")[0] for label in labels if " loss: " in label] == [
        "class loss: focal", "box loss: giou", "box loss: l1"
    ]  # fmt: skip
    pictures = [label for label in labels if label.endswith("found")]
    assert pictures == [
        f"{box} + focal on {image}: 1 of 2 found" for image in ("image-0.png", "image-1.png") for box in ("giou", "l1")
    ]
    assert [image["id"] for image in page.all("image")] == ["image-0", "image-1"]
    shown = [use["href"] for use in page.all("use") if "href" in use]
    assert shown == ["#image-0"] * 2 + ["#image-1"] * 2
    drawn = [rectangle.get("class") for rectangle in page.all("rect")]
    for kind in ("found", "missed", "hit", "false"):
        assert drawn.count(kind) == 2 * 2 + 1, "one per image, and one in the legend"


def test_an_image_with_fewer_predictions_than_objects_counts_the_objects(tmp_path: Path) -> None:
    comparison = finished_comparison(tmp_path)
    for index, outcome in enumerate(comparison.outcomes):
        first = {
            image: Prediction(*(column[:1] for column in prediction))
            for image, prediction in outcome.predictions.items()
        }
        comparison.outcomes[index] = replace(outcome, predictions=first)
    assert page_of(tmp_path, comparison).text.count("1 of 2 found") == 4


def test_a_pair_has_one_color_in_the_whole_page(tmp_path: Path) -> None:
    page_of(tmp_path, finished_comparison(tmp_path))
    source = (tmp_path / "report.html").read_text()
    drawings = source[source.index("</head>") :]
    assert not any(light in drawings for light, _ in COLORS), "colors that do not change on a dark page"
    assert set(re.findall(r"--pair-\d", drawings)) == {"--pair-0", "--pair-1"}
    for index, box in enumerate(("l1", "giou")):  # the order of the plan, whichever is better
        rows = re.findall(rf"<span>{box} \+ focal</span>\s*<svg.*?</svg>", drawings, re.DOTALL)
        assert len(rows) == 2 + 3, "of two classes, of one size and of two aspect ratios"
        for row in rows:
            assert set(re.findall(r"var\(--pair-(\d)\)", row)) == {str(index)}
        [chart] = re.findall(rf'<svg role="img" aria-label="box loss: {box} .*?</svg>', drawings, re.DOTALL)
        assert set(re.findall(r"var\(--pair-(\d)\)", chart)) == {str(index)}


def test_the_positives_of_other_detectors_are_unknown(tmp_path: Path) -> None:
    comparison = finished_comparison(tmp_path)
    comparison.outcomes[:] = [
        replace(outcome, trial=replace(outcome.trial, detector="fcos")) for outcome in comparison.outcomes
    ]
    comparison.plan = replace(comparison.plan, detector="fcos")
    assert "of the cells were" not in page_of(tmp_path, comparison).text


def test_the_page_has_the_numbers_the_data_and_the_settings(tmp_path: Path) -> None:
    text = page_of(tmp_path, finished_comparison(tmp_path)).text
    for words in (
        "Losses in unitbox from random weights on two & a half, images of 40 pixels, 4 steps",
        "Use giou + focal, which is at most 0.015 AP below the best: l1 + focal (0.026) may also be the best",
        "A quick look at one seed",
        "Difference from l1 + focal",
        "not distinguishable +0.005 [-0.025, +0.035]",
        "l1 + focal weight 1, 2 seeds, baseline 0.405 0.400–0.410",
        "Use giou + focal, with weight 1 for the box loss, until more is known",
        "use_losses(model, box=detloss.GeneralizedIoULoss(), classification=detloss.SigmoidFocalLoss(), box_weight=1)",
        "focal: Sigmoid focal; giou: Generalized IoU.",
        "0.410 0.405–0.415",
        "0.310 0.305–0.315",
        "Every fifth image; 2 and 2 images.",
        "labels/<7>.json",
        "annotation 12",
        "box (4, 4, 4, 9) has no area",
        "detloss compare --seeds 2",
        "<none>",
        # Found is the first box of each image, 10 x 15 pixels, up to its IoU of 14/15; the second, 18 x 20, is not.
        "10 to 30 % 4 objects",
        "1 : 2 to 4 : 5 2 objects",
        "about square 2 objects",
        "too few images to compare",
        "giou + focal: AP50 0.610",
        # Of 10 x 8 cells per image, the centers of 2 x 3 and of 3 x 3 lie in the central part of the boxes, .7 of
        # their sides; a batch has 16 images.
        "18.8 % of the cells were positive, of 1280 per batch",
        "positive cells: 240.0 on average, from 240 to 240",
        "torch",
        "python",
    ):
        assert words in text
    rows = re.findall(r"(giou|l1) \+ focal (0\.\d{3}) (?=giou|l1|not|too)", text[text.index("Recall by size") :])
    assert rows == [(box, recall) for recall in ("0.450", "0.900", "0.000") for box in ("giou", "l1")]


def test_the_verdict_comes_first(tmp_path: Path) -> None:
    text = page_of(tmp_path, finished_comparison(tmp_path)).text
    parts = [text.rindex(words) for words in (
        "Losses in unitbox from random weights", "may also be the best", "A quick look", "Next steps", "Difference from l1",
        "Scores loss", "Classes and errors", "Validation images", "Data", "More details", "Recall by object size and aspect ratio",
        "Precision, recall and training losses", "positives and normalizer", "Settings and versions",
    )]  # fmt: skip
    assert parts == sorted(parts)


def test_a_difference_is_drawn_with_its_seeds_and_interval(tmp_path: Path) -> None:
    """Positions are linear: those of zero, of ±0.01, of the ends of the interval, and of the seeds' +0.005."""
    page_of(tmp_path, finished_comparison(tmp_path))
    source = (tmp_path / "report.html").read_text()
    [row] = re.findall(r'<svg role="img" aria-label="difference of giou.*?</svg>', source, re.DOTALL)
    zero = float(re.findall(r'class="zero" x1="([\d.]+)%', row)[0])
    ticks = [float(x) for x in re.findall(r'class="grid" x1="([\d.]+)%', row)]
    labels = re.findall(r'<text x="([\d.]+)%"[^>]*>([^<]*)</text>', source)
    scale = (float(labels[-1][0]) - zero) / float(labels[-1][1])
    assert sorted([*ticks, zero]) == [float(x) for x, _ in labels]
    [(start, end)] = re.findall(r'class="interval" x1="([\d.]+)%" x2="([\d.]+)%', row)
    [(left, width)] = re.findall(r'class="equal" x="([\d.]+)%" y="0" width="([\d.]+)%', row)
    seeds = re.findall(r'class="seed" x1="([\d.]+)%', row)
    found = [*(float(x) - zero for x in (start, end, left, *seeds)), float(width)]
    expected = [-0.0254, 0.0354, -0.01, 0.005, 0.005, 0.02]  # the interval of a t-test is wider by less than .0005
    np.testing.assert_allclose(np.array(found) / scale, expected, atol=6e-4)


def test_trials_that_did_not_finish_are_named(tmp_path: Path) -> None:
    comparison = finished_comparison(tmp_path)
    comparison.plan = replace(comparison.plan, seeds=(0, 1, 2))
    comparison.failures.append(Failed(Trial("giou", "focal", 1.0, 2, steps=4), "RuntimeError: <out of memory>"))
    text = page_of(tmp_path, comparison).text
    assert "2 of 6 trials did not finish" in text
    assert "giou + focal, seed 2: RuntimeError: <out of memory>" in text


def test_an_object_is_found_once_and_by_its_own_class() -> None:
    sample = small_dataset().validation[0]
    boxes, scores, _ = outcome_of(Trial("l1", "ce", 1.0, 0, 2)).predictions[0]
    twice = Prediction(boxes[[0, 0, 2]], scores, np.array([0, 0, 0]))
    assert [box.status for box in drawn_boxes(sample, twice, ("cat", "dog"))] == [
        BoxStatus.FOUND, BoxStatus.MISSED, BoxStatus.TRUE_POSITIVE, BoxStatus.FALSE_POSITIVE
    ]  # fmt: skip
    other_class = Prediction(boxes, scores, np.array([1, 1, 1]))
    found = drawn_boxes(sample, other_class, ("cat", "dog"))
    assert [box.status for box in found] == [BoxStatus.MISSED] * 2 + [BoxStatus.FALSE_POSITIVE] * 2
    assert (found[0].x, found[0].y, found[0].width, found[0].height, found[0].label) == (2, 3, 10, 15, "cat")


def test_an_image_with_few_or_no_predictions() -> None:
    sample = small_dataset().validation[0]
    boxes, scores, labels = outcome_of(Trial("l1", "ce", 1.0, 0, 2)).predictions[0]
    none = Prediction(boxes[:0], scores[:0], labels[:0])
    assert [box.status for box in drawn_boxes(sample, none, ("cat", "dog"))] == [BoxStatus.MISSED] * 2


def comparison_with_snapshots(folder: Path) -> Comparison:
    """Two pairs with two snapshots, the second with a better AP."""
    comparison = finished_comparison(folder)
    for index, outcome in enumerate(comparison.outcomes):
        snapshots = [Snapshot(step, step / 10, outcome.predictions) for step in (2, 4)]
        comparison.outcomes[index] = replace(outcome, snapshots=snapshots)
    return comparison


def test_a_page_names_the_number_of_images_of_the_snapshots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "MOST_IMAGES", 1)
    page = page_of(tmp_path, comparison_with_snapshots(tmp_path))
    assert "AP on 1 of the 2 validation images; the AP in the table is on all of them." in page.text


def test_a_page_shows_the_snapshots_of_each_pair(tmp_path: Path) -> None:
    page = page_of(tmp_path, comparison_with_snapshots(tmp_path))
    labels = [attributes.get("aria-label") or "" for attributes in page.all("svg")]
    assert "AP on validation images over the training steps, one line per pair of losses" in labels
    assert [label for label in labels if "after step" in label] == [
        f"{box} + focal on image-{image}.png after step {step}: 1 of 2 found"
        for image in (0, 1)
        for box in ("giou", "l1")
        for step in (2, 4)
    ]


def test_a_page_before_the_first_result_shows_the_images_and_then_the_snapshots(tmp_path: Path) -> None:
    plan = fixed_plan(0, 1, boxes=("l1", "giou"), steps=4)
    nothing = Results(plan, [], [])
    write_report(tmp_path / "report.html", nothing, settings_of(), running=True)
    page = Page((tmp_path / "report.html").read_text())
    assert {"http-equiv": "refresh", "content": "5"} in page.all("meta")
    assert "No trial of the comparison has finished yet. " in page.text
    assert "0 of 4 trials have finished." in page.text
    labels = [attributes.get("aria-label") or "" for attributes in page.all("svg")]
    assert [label for label in labels if "objects" in label] == ["image-0.png: 2 objects", "image-1.png: 2 objects"]
    trial = Trial("giou", "focal", 1.0, 0, 4)
    nothing.running[trial] = [Snapshot(2, 0.2, {1: outcome_of(trial).predictions[0]})]
    write_report(tmp_path / "report.html", nothing, settings_of(), running=True)
    page = Page((tmp_path / "report.html").read_text())
    labels = [attributes.get("aria-label") or "" for attributes in page.all("svg")]
    assert "giou + focal on image-1.png after step 2: 1 of 2 found" in labels
    write_report(tmp_path / "report.html", nothing, settings_of())
    assert "http-equiv" not in (tmp_path / "report.html").read_text()


def test_images_where_pairs_differ_come_first(tmp_path: Path) -> None:
    comparison = finished_comparison(tmp_path)
    for index, outcome in enumerate(comparison.outcomes):
        if outcome.trial.box == "giou":
            none = Prediction(*(column[:0] for column in outcome.predictions[1]))
            comparison.outcomes[index] = replace(outcome, predictions={0: outcome.predictions[0], 1: none})
    page = page_of(tmp_path, comparison)
    pictures = [label for svg in page.all("svg") if (label := svg.get("aria-label") or "").endswith("found")]
    assert [picture.partition(" on ")[2] for picture in pictures] == [
        "image-1.png: 0 of 2 found", "image-1.png: 1 of 2 found",
        "image-0.png: 1 of 2 found", "image-0.png: 1 of 2 found",
    ]  # fmt: skip
    text = page.text
    assert text.index("Largest differences between the pairs") < text.index("Typical images")


def test_an_image_is_read_from_its_file_if_that_exists(tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    Image.new("RGB", (400, 300), (200, 30, 40)).save(file)
    sample = replace(small_dataset().validation[0], file=file)
    for changed, size, red in (
        (sample, (480, 360), True),
        (replace(sample, file=tmp_path / "gone"), (160, 120), False),
    ):
        shown = embedded_image(changed, "a")
        picture = Image.open(BytesIO(b64decode(shown.url.partition(",")[2]))).convert("RGB")
        assert (shown.width, shown.height) == (40, 30), "boxes are in pixels of the evaluated image"
        assert picture.size == size
        assert (np.abs(np.asarray(picture).astype(int) - (200, 30, 40)).max() < 10) == red
