"""Losses of the explorer: all of the catalog, with formulas, options and texts."""

import inspect
import re
from pathlib import Path

import pytest

import detloss.explorer
from detloss.catalog import LOSSES, ROTATED_LOSSES
from detloss.explorer import document
from detloss.explorer.losses import omitted_losses, page_losses
from tools.print_formulas import files

MODULES = Path(inspect.getfile(detloss.explorer)).parent / "modules"
LARGEST = 600_000


@pytest.fixture(scope="module")
def page() -> str:
    return document.document()


def module(name: str) -> str:
    return (MODULES / f"{name}.js").read_text(encoding="utf-8")


def texts(language: str) -> dict[str, str]:
    """The texts of a language by their keys."""
    pairs = re.findall(r"^  '?([\w. ]+?)'?:\s+'((?:[^'\\]|\\.)*)',$", module(f"texts-{language}"), re.MULTILINE)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def test_every_loss_is_on_the_page_or_omitted_with_a_reason() -> None:
    omitted = omitted_losses()
    assert all(record["reason"] for record in omitted)
    names = [record["name"] for record in (*page_losses(), *omitted)]
    assert sorted(names) == sorted(loss.name for loss in (*LOSSES, *ROTATED_LOSSES))


def test_every_formula_is_in_the_generated_module() -> None:
    generated = files()[MODULES / "formulas.js"]
    for record in page_losses():
        formulas = [record["formula"], *(variant["formula"] for variant in record["variants"])]
        for formula in formulas:
            assert f"\n  {formula['name']}(" in generated
            assert formula["geometry"] is None or f"\n  {formula['geometry']}(" in generated
        if record["modified"]:
            assert f"\n  modified_{record['formula']['name']}(" in generated


def test_every_parameter_is_an_option_or_derived_from_options() -> None:
    derived = set(re.findall(r"^  (\w+): \(\{", module("parameters"), re.MULTILINE))
    for record in page_losses():
        options = {option["name"] for option in record["options"]} | {"quality"}
        for formula in [record["formula"], *(variant["formula"] for variant in record["variants"])]:
            parameters = {parameter["name"] for parameter in formula["parameters"]}
            assert parameters - options - derived <= {"gamma"}, record["name"]  # the focal loss with gamma 0


@pytest.mark.parametrize(
    ("name", "formula", "value", "is_value"),
    [
        ("focal", "poly_focal", 0.0, False),
        ("asl", "asymmetric_without_margin", 0.0, True),
        ("vfl", "varifocal_with_constant_focus", False, False),
        ("ce", "poly_softmax_focal", 0.0, False),
    ],
)
def test_options_that_choose_a_formula(name: str, formula: str, value: float, is_value: bool) -> None:
    [variant] = next(record for record in page_losses() if record["name"] == name)["variants"]
    assert (variant["formula"]["name"], variant["value"], variant["is_value"]) == (formula, value, is_value)


def test_sliders_have_the_bounds_of_the_losses() -> None:
    bounds = {(r["name"], o["name"]): (o["low"], o["high"]) for r in page_losses() for o in r["options"]}
    assert bounds["focal", "alpha"] == (0.0, 1.0)
    assert bounds["focal", "gamma"] == (0.0, 4.0)
    assert bounds["siou", "theta"] == (1.0, 8.0)
    assert bounds["bce", "poly"] == (-1.0, 4.0)
    assert bounds["nwd", "scale"] == (0.05, 8.0)


def test_terms_of_the_sums() -> None:
    terms = {record["name"]: record["terms"] for record in page_losses() if record["list"] == "box"}
    assert terms["iou"] == 0
    assert terms["giou"] == terms["diou"] == 1
    assert terms["ciou"] == terms["eiou"] == 2
    assert terms["wiou"] is terms["nwd"] is terms["log_iou"] is None


def test_every_loss_has_a_formula() -> None:
    for record in page_losses():
        assert record["mathml"], record["name"]
        assert all(mathml.startswith("<math") for mathml in record["mathml"])


def test_both_languages_have_the_same_texts() -> None:
    english, chinese = texts("en"), texts("zh")
    extra = {key for key in chinese if key.startswith("loss.")}
    assert set(chinese) - extra == set(english)
    assert {key.removeprefix("loss.") for key in extra} <= {loss.name for loss in LOSSES}
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[key])), key
    same = {key for key in english if english[key] == chinese[key]}
    assert same == {"name.en", "name.zh", "axis.logit", "race.iou", "term.iou"}


def test_the_template_and_the_modules_use_texts_that_exist(page: str) -> None:
    used = set(re.findall(r'data-(?:text|label)="([\w.]+)"', page))
    used |= set(re.findall(r"(?:\btext\(|lider\('\w+', )'([\w.]+)'", page))
    assert used <= set(texts("en"))
    patterns = set(re.findall(r"\btext\(`([^`]+)`", page))
    stems = {pattern.split("$")[0] for pattern in patterns}
    unused = {key for key in set(texts("en")) - used if not key.startswith(tuple(stems))}
    assert unused <= {"label.1", "label.0", "copied", "not.copied", "prediction", "target", "race.play", "race.pause"}


def test_the_page_is_one_file_of_at_most_600_kilobytes(page: str) -> None:
    assert len(page.encode()) <= LARGEST
    assert not re.search(r"<(?:script|link|img|iframe)[^>]*\s(?:src|href)=", page)
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page.replace("url(#${clip})", ""))
    assert not re.search(r"\b(?:fetch|XMLHttpRequest|WebSocket|sendBeacon)\b", document.program())


def test_modules_are_joined_in_the_order_of_their_imports() -> None:
    program = document.program()
    assert not re.search(r"^(?:import|export) ", program, re.MULTILINE)
    defined = [match[1] for match in re.finditer(r"^const (module_\w+) =", program, re.MULTILINE)]
    assert len(defined) == len(set(defined)) == len(list(MODULES.glob("*.js")))
    for match in re.finditer(r"= (module_\w+);", program):
        assert program.index(f"const {match[1]} =") < match.start()
