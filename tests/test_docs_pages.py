"""Documentation pages: code prints the output shown, verdicts follow from intervals, formulas become MathML."""

import doctest
import re
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from docutils.utils.math import MathError

import detloss
from detloss.catalog import MODIFIERS, Kind
from detloss.loss_names import BOX_LOSSES, loss_named
from docs.extension import interval_plots
from docs.extension.compositions_page import code, page
from docs.extension.docstring_parts import has_formula
from docs.extension.interval_plots import tables
from docs.extension.loss_examples import Session, examples
from docs.extension.loss_pages import ALL_LOSSES
from docs.extension.mathml import mathml

DOCS = Path(__file__).parents[1] / "docs"
FINDINGS = (DOCS / "findings.rst").read_text(encoding="utf-8")
MATHML = "{http://www.w3.org/1998/Math/MathML}"


def test_code_of_the_contract_prints_the_output_shown() -> None:
    failures, lines = doctest.testfile(str(DOCS / "contract.rst"), module_relative=False)
    assert lines > 0
    assert failures == 0


@pytest.mark.parametrize("name", tables(FINDINGS))
def test_verdicts_follow_from_the_intervals(name: str) -> None:
    rows = tables(FINDINGS)[name]
    assert [row.cells[1] for row in rows].count("baseline") == 1
    for row in rows:
        if row.difference is None:
            assert row.cells[1] == "baseline"
            continue
        difference, low, high = row.difference
        assert low < difference < high
        verdict = "better" if low > 0 else "worse" if high < 0 else "not distinguishable"
        assert name.startswith("demo") or row.cells[1] == verdict


@pytest.mark.parametrize("name", tables(FINDINGS))
def test_differences_are_those_of_the_averages(name: str) -> None:
    rows = tables(FINDINGS)[name]
    average = {row.label: float(re.search(r"(\.\d+) \(", " ".join(row.cells))[1]) for row in rows}
    (baseline,) = (row.label for row in rows if row.difference is None)
    for row in rows:
        if row.difference is not None:
            assert row.difference[0] == pytest.approx(average[row.label] - average[baseline], abs=0.00151)


def test_every_interval_plot_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "findings.rst").write_text(FINDINGS, encoding="utf-8")
    interval_plots.draw(SimpleNamespace(srcdir=tmp_path))
    drawn = {path.stem for path in (tmp_path / "findings").iterdir() if path.read_bytes().startswith(b"\x89PNG")}
    assert drawn == set(re.findall(r"/findings/(.+)\.png", FINDINGS))


def test_intervals_are_plotted_at_their_numbers() -> None:
    found = tables(FINDINGS)["digits-class"]
    (axes,) = interval_plots.draw_intervals({"first seeds": found}).axes
    (bars,) = axes.collections
    assert sorted(map(tuple, (line[:, 0] for line in bars.get_segments()))) == sorted(
        row.difference[1:] for row in found if row.difference is not None
    )


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
