"""Documentation pages: code prints the output shown, tables show measured numbers, formulas become MathML."""

import doctest
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest
from docutils.utils.math import MathError

import detloss
from detloss.catalog import MODIFIERS, Kind
from detloss.loss_names import BOX_LOSSES, loss_named
from docs.extension import comparisons
from docs.extension.comparisons import Comparison
from docs.extension.compositions_page import code, page
from docs.extension.docstring_parts import has_formula
from docs.extension.loss_examples import Session, examples
from docs.extension.loss_pages import ALL_LOSSES
from docs.extension.mathml import mathml
from tools.measure_findings import commands

DOCS = Path(__file__).parents[1] / "docs"
FINDINGS = commands((DOCS / "findings.rst").read_text(encoding="utf-8"))
MATHML = "{http://www.w3.org/1998/Math/MathML}"


def test_code_of_the_contract_prints_the_output_shown() -> None:
    failures, lines = doctest.testfile(str(DOCS / "contract.rst"), module_relative=False)
    assert lines > 0
    assert failures == 0


def pair(box: str, **numbers: Any) -> dict[str, Any]:
    """A pair of a standings.json."""
    unknown = dict.fromkeys(("mean", "difference", "low", "high", "verdict", "regret"))
    return {"name": f"{box} + focal", "box": box, "cls": "focal", "weight": 2.0, "seeds": 5, **unknown, **numbers}


STANDINGS = {
    "best": ["iou + focal", "giou + focal"],
    "pairs": [
        pair("iou", mean=0.3456, difference=0.0123, low=-0.004, high=0.0286, verdict="not distinguishable", regret=0.0),
        pair("giou", mean=0.3333, regret=0.0286),
        pair("l2", mean=0.2, difference=-0.1333, low=-0.15, high=-0.1166, verdict="worse", regret=0.1621),
        pair("l1", seeds=0, verdict="worse"),
    ],
    "parts": {"seeds": 0.01, "images": 0.01},
    "detectable": 0.0254,
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder of the page with the results of one comparison."""
    (tmp_path / "findings").mkdir()
    (tmp_path / "findings" / "sample.json").write_text(json.dumps(STANDINGS), encoding="utf-8")
    return tmp_path


def test_a_table_has_the_numbers_of_the_comparison(results: Path) -> None:
    found = Comparison.read(results / "findings" / "sample.json")
    rows = [re.split(r"\n +-", row) for row in found.table().split("   * -")[1:]]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["box loss", "AP", "difference", "verdict", "regret", "weight"],
        ["``iou``", ".346", "+.012 [−.004, +.029]", "not distinguishable", ".000", "2"],
        ["``giou``", ".333", "", "baseline", ".029", "2"],
        ["``l2``", ".200", "−.133 [−.150, −.117]", "worse", ".162", "2"],
        ["``l1``", "", "", "worse", "", "2"],
    ]
    assert found.answer() == (
        "With 5 seeds, ``iou`` and ``giou`` may be the best (95 % confidence). Differences of .025 AP are detected with a"
        " probability of 80 %."
    )


def test_plots_are_drawn_and_show_the_intervals(results: Path) -> None:
    comparisons.draw(SimpleNamespace(srcdir=results))
    assert (results / "findings" / "sample.png").read_bytes().startswith(b"\x89PNG")
    (axes,) = Comparison.read(results / "findings" / "sample.json").plot().axes
    assert [bars.get_segments()[0][:, 0].tolist() for bars in axes.collections] == [[-0.004, 0.0286], [-0.15, -0.1166]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["iou", "giou (baseline)", "l2", "l1"]


@pytest.mark.parametrize("name", FINDINGS)
def test_findings_are_the_results_of_the_commands(name: str) -> None:
    """A command and the results beside it name the same losses, and the verdicts follow from the intervals."""
    results = json.loads((DOCS / "findings" / f"{name}.json").read_text(encoding="utf-8"))
    options = dict(zip(FINDINGS[name], FINDINGS[name][1:]))
    assert {one["box"] for one in results["pairs"]} == set(options["--box"].split(","))
    assert {one["cls"] for one in results["pairs"]} == set(options["--cls"].split(","))
    assert max(one["seeds"] for one in results["pairs"]) == int(options["--seeds"])
    for one in results["pairs"]:
        if one["low"] is not None:
            equal = one["low"] > -0.01 and one["high"] < 0.01
            word = "better" if one["low"] > 0 else "worse" if one["high"] < 0 else "not distinguishable"
            assert one["verdict"] == ("equal" if equal else word)


def test_commands_of_a_page_are_one_line_each() -> None:
    text = ".. comparison:: one\n\n   detloss compare BCCD --seeds 5 \\\n       --box 'a b'\n\nText.\n"
    assert commands(text) == {"one": ["compare", "BCCD", "--seeds", "5", "--box", "a b"]}


@pytest.mark.parametrize("loss", ALL_LOSSES, ids=lambda loss: loss.name)
def test_examples_of_function_and_module_agree(loss) -> None:
    function, module = examples(loss)
    assert function.splitlines()[-1] == module.splitlines()[-1]
    unit = "element" if loss.kind is Kind.REGRESSION else "row"
    assert f"excludes the last {unit}" in function
    assert max(len(line) for line in f"{function}\n{module}".splitlines()) <= 3 + 88, "the width of a code block"


def test_a_session_shows_the_output_of_expressions() -> None:
    block = Session().run(["number = 2", "number + 3"])
    assert block.splitlines()[2:] == ["   >>> number = 2", "   >>> number + 3", "   5"]


def test_formulas_become_mathml() -> None:
    root = ElementTree.fromstring(mathml(r"a &= \frac{1}{2} \\ b &= \operatorname{tr} c", block=True))
    assert root.get("display") == "block"
    assert len(list(root.iter(f"{MATHML}mfrac"))) == 1
    cells = [cell.get("style") for cell in root.iter(f"{MATHML}mtd")]
    assert cells == ["text-align: right", "text-align: left"] * 2


def test_an_unknown_command_is_an_error() -> None:
    with pytest.raises(MathError, match="nonsense"):
        mathml(r"\nonsense", block=False)


@pytest.mark.parametrize(
    ("introduction", "present"),
    [("``loss = 1 - IoU``", True), (".. math::\n\n    x", True), (":math:`x`", True), ("No formula.", False)],
)
def test_a_formula_precedes_the_advice(introduction: str, present: bool) -> None:
    assert has_formula(f"{introduction}\n\nWhen to choose it: with ``code``.") is present


@pytest.mark.parametrize("name", ["inner-siou", "focaler-ciou", "alpha-diou", "wise-inner-giou", "log_iou"])
def test_the_code_of_a_composition_is_the_loss_of_that_name(name: str) -> None:
    loss = loss_named(name)
    written = eval(code(loss), {name: getattr(detloss, name) for name in detloss.__all__})
    built = loss.build()
    assert written.options() == built.options()
    assert type(written) is type(getattr(built, "loss", built))


def test_every_box_loss_and_prefix_is_on_the_page_of_compositions() -> None:
    text = page()
    for loss in BOX_LOSSES.values():
        assert loss.kind is not Kind.BOX or f"``{loss.name}``" in text
    for modifier in MODIFIERS:
        assert f"``{modifier.name}-ciou``" in text
