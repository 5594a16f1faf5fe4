"""Run the comparisons of docs/findings.rst, and keep their results for the page.

    python -m tools.measure_findings [--data FOLDER] [--out out/findings] [NAME ...]

Each ``comparison`` of the page is run by its command in the folder that has the data sets, and its standings.json
becomes docs/findings/NAME.json. Run again, it continues what was interrupted and trains nothing twice.
"""

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from detloss.experiments.comparison.cluster_jobs import PROGRAM
from detloss.experiments.comparison.output import STANDINGS

DOCS = Path(__file__).parents[1] / "docs"
COMPARISON = re.compile(r"^\.\. comparison:: (\S+)\n\n((?:   .+\n)+)", re.MULTILINE)


def commands(page: str) -> dict[str, list[str]]:
    """The commands of a page by the names of their comparisons, without the first word."""
    return {name: shlex.split(text.replace("\\\n", " "))[1:] for name, text in COMPARISON.findall(page)}


def main() -> None:
    """Run the comparisons one after another."""
    known = commands((DOCS / "findings.rst").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(prog="python -m tools.measure_findings", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="comparisons (all)")
    parser.add_argument("--data", type=Path, default=Path(), help="folder of the data sets (the current folder)")
    parser.add_argument("--out", type=Path, default=Path("out/findings"), help="folder of the runs")
    given = parser.parse_args()
    for name in given.names:
        if name not in known:
            parser.error(f"NAME: expected one of {', '.join(known)}, got {name}")
    for name in given.names or known:
        folder = given.out.resolve() / name
        subprocess.run([sys.executable, "-c", PROGRAM, *known[name], "--out", str(folder)], cwd=given.data, check=True)
        (DOCS / "findings").mkdir(exist_ok=True)
        shutil.copyfile(folder / STANDINGS, DOCS / "findings" / f"{name}.json")


if __name__ == "__main__":
    main()
