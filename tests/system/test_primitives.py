"""C++ primitives: error in ulps, special values, and equal bits on all instruction sets."""

import ctypes
import math
import os
import shlex
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random

import mpmath
import numpy as np
import pytest
import torch
from mpmath import mp, mpf

from detloss.auditing.oracle.ulp import FORMATS
from detloss.kernels import cpp
from tests.support.processor import flags, instruction_sets

SOURCE = Path(__file__).with_name("primitives.cpp")
CONTRACTIONS = ("off", "fast")  # of boxes, and of all other losses
COUNT = 1600
EXPONENTS = {np.float32: (-149, 127), np.float64: (-1074, 1023)}  # of the smallest and the largest number
INFINITY, NAN = math.inf, math.nan
mp.dps = 60


@dataclass(frozen=True)
class Primitive:
    """A primitive, its exact definition and its error bound."""

    name: str
    exact: Callable[..., mpf]
    draw: Callable[[Random, int, int], tuple[float, float]]  # x and y, for a range of exponents
    known: tuple[tuple[float, float, float], ...]  # x, y, exact result
    within: float = 1.5  # bound in ulps


def size(rng: Random, low: float, high: float) -> float:
    """A random number with a uniform logarithm between two powers of two."""
    return 2.0 ** rng.uniform(low, high)


def logarithm(rng: Random, low: int, high: int) -> tuple[float, float]:
    return rng.choice((size(rng, low, high), rng.uniform(0.5, 2), 1 + size(rng, -30, -1))), 0.0


def angle(rng: Random, low: int, high: int) -> tuple[float, float]:
    scale, half = size(rng, low / 3, high / 3), low / 8
    x, y = (rng.choice((rng.uniform(-1, 1), rng.choice((-1, 1)) * size(rng, half, 0), 0.0)) for _ in range(2))
    return x * scale, abs(y) * scale if x == 0 else y * scale


PRIMITIVES = (
    Primitive(
        "exp",
        lambda x, _: mpmath.exp(x),
        lambda rng, low, high: (rng.choice((1, 1, 1e-3)) * rng.uniform(0.72 * low, 0), 0.0),
        ((0, 0, 1), (-0.0, 0, 1), (-INFINITY, 0, 0), (-1e4, 0, 0)),
    ),
    Primitive(
        "expm1",
        lambda x, _: mpmath.expm1(x),
        lambda rng, low, high: (-rng.choice((size(rng, low, 0), rng.uniform(0, 2), rng.uniform(0, 80))), 0.0),
        ((0, 0, 0), (-INFINITY, 0, -1), (-1e4, 0, -1)),
    ),
    Primitive(
        "log",
        lambda x, _: mpmath.log(x),
        logarithm,
        (
            (1, 0, 0),
            (0, 0, -INFINITY),
            (-0.0, 0, -INFINITY),
            (INFINITY, 0, INFINITY),
            (-1, 0, NAN),
            (-INFINITY, 0, NAN),
        ),
    ),
    Primitive(
        "log1p",
        lambda x, _: mpmath.log1p(x),
        lambda rng, low, high: (rng.choice((size(rng, low, high), rng.uniform(0, 3))), 0.0),
        ((0, 0, 0), (INFINITY, 0, INFINITY)),
    ),
    Primitive(
        "log1p_of_fraction",
        lambda x, _: mpmath.log1p(x),
        lambda rng, low, high: (rng.choice((size(rng, low, 0), rng.uniform(0, 1))), 0.0),
        ((0, 0, 0),),
    ),
    Primitive(
        "square_root",
        lambda x, _: mpmath.sqrt(x),
        lambda rng, low, high: (size(rng, low, high), 0.0),
        ((0, 0, 0), (1, 0, 1), (INFINITY, 0, INFINITY), (-1, 0, NAN)),
        within=0.5,
    ),
    Primitive(
        "angle",
        lambda y, x: mpmath.atan2(y, x),
        angle,
        ((0, 0, 0), (0, 3, 0), (NAN, 1, NAN), (1, NAN, NAN)),
        within=2.1,  # three roundings of (y - x) / (y + x) near 24 degrees, where the result has half their ulp
    ),
)
POWERS = (0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 2.3, 2.5, 3.0, 3.5, 3.7, 4.0, 5.0)


def compiled(folder: Path, instruction_set: str, contraction: str) -> ctypes.CDLL:
    compiler, target = shlex.split(os.environ.get("CXX", "c++")), folder / f"{instruction_set}-{contraction}.so"
    options = ["-O2", "-std=c++20", "-fPIC", "-fno-math-errno", "-fno-trapping-math", "-fwrapv", "-Wno-psabi"]
    command = [*compiler, *options, f"-ffp-contract={contraction}", *flags(instruction_set), "-shared"]
    subprocess.run([*command, f"-I{Path(cpp.__file__).parent}", SOURCE, "-o", target], check=True)
    return ctypes.CDLL(str(target))


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], ctypes.CDLL]:
    folder = tmp_path_factory.mktemp("primitives")
    return {key: compiled(folder, *key) for key in product(instruction_sets(), CONTRACTIONS)}


def evaluate(library: ctypes.CDLL, name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    kind, result = "float" if x.dtype == np.float32 else "double", np.empty_like(x)
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (x, y, result)]
    getattr(library, f"{name}_{kind}")(*pointers, ctypes.c_int64(len(x)))
    return result


def arguments(pairs: Iterable[tuple[float, float]], dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays that fill every register."""
    drawn = list(pairs)
    drawn += drawn[:1] * (-len(drawn) % 16)
    with np.errstate(over="ignore"):
        x, y = np.array(drawn, dtype=np.float64).T.astype(dtype)
    return np.ascontiguousarray(x), np.ascontiguousarray(y)


def worst(got: np.ndarray, exact: list[mpf], dtype: type) -> float:
    """The largest error in ulps; subnormal numbers have the smallest ulp."""
    form = FORMATS[torch.float32 if dtype == np.float32 else torch.float64]
    lowest = mpmath.ldexp(1, form.lowest_exponent - form.digits + 1)
    units = [max(form.unit(max(abs(number), mpmath.ldexp(1, form.lowest_exponent))), lowest) for number in exact]
    errors = [
        abs(min(mpf(float(one)), form.beyond) - min(number, form.beyond)) / unit
        for one, number, unit in zip(got, exact, units, strict=True)
    ]
    return float(max(errors))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda primitive: primitive.name)
def test_errors(primitive: Primitive, dtype: type, libraries: dict[tuple[str, str], ctypes.CDLL], seed: int) -> None:
    rng = Random(seed)
    x, y = arguments((primitive.draw(rng, *EXPONENTS[dtype]) for _ in range(COUNT)), dtype)
    exact = [primitive.exact(mpf(float(a)), mpf(float(b))) for a, b in zip(x, y)]
    found = {key: evaluate(library, primitive.name, x, y) for key, library in libraries.items()}
    for key, got in found.items():
        assert worst(got, exact, dtype) <= primitive.within, key
        assert np.array_equal(got, found[instruction_sets()[0], key[1]]) or key[1] == "fast"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("primitive", PRIMITIVES, ids=lambda primitive: primitive.name)
def test_special_values(primitive: Primitive, dtype: type, libraries: dict[tuple[str, str], ctypes.CDLL]) -> None:
    given = [*primitive.known, (NAN, 1.0, NAN)]
    x, y = arguments(((x, y) for x, y, _ in given), dtype)
    for key, library in libraries.items():
        got = evaluate(library, primitive.name, x, y)[: len(given)]
        assert np.array_equal(got, np.array([each for _, _, each in given], dtype=dtype), equal_nan=True), key


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("exponent", POWERS)
def test_powers(exponent: float, dtype: type, libraries: dict[tuple[str, str], ctypes.CDLL], seed: int) -> None:
    rng, (low, _) = Random(seed), EXPONENTS[dtype]
    bases = [rng.choice((rng.random(), size(rng, low / max(exponent, 1), 0))) for _ in range(COUNT)]
    x, y = arguments(((base, exponent) for base in bases), dtype)
    exact = [mpmath.power(mpf(float(base)), mpf(float(y[0]))) for base in x]
    ends, same = arguments(((base, exponent) for base in (0.0, 1.0, NAN)), dtype)
    expected = np.array([0.0 if exponent else 1.0, 1.0, NAN if exponent else 1.0])
    allowed = 2.5 if exponent in (2.5, 3.5, 4.0) else 1.5  # products of up to four roundings
    for key, library in libraries.items():
        assert worst(evaluate(library, "power", x, y), exact, dtype) <= allowed, key
        assert np.array_equal(evaluate(library, "power", ends, same)[:3], expected, equal_nan=True), key
