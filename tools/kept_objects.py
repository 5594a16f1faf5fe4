"""In the place of a compiler, for mutants: `python kept_objects.py FOLDER SET ARGUMENTS...` compiles what it lacks.

An object of that instruction set is kept by what the preprocessor makes of its source; of any other set, the first is
kept for ever.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

COMPILER = shlex.split(os.environ.get("KEPT_CXX", "c++"))


def main() -> None:
    kept, wanted, arguments = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    sets = [argument.removeprefix("-DISA=") for argument in arguments if argument.startswith("-DISA=")]
    if not sets:  # the start of the library, the link
        sys.exit(subprocess.run([*COMPILER, *arguments]).returncode)
    output = arguments.index("-o")
    target = Path(arguments[output + 1])
    version = "first"
    if sets == [wanted]:
        rest = [*arguments[:output], *arguments[output + 2 :]]
        source = subprocess.run([*COMPILER, "-E", "-P", *rest], stdout=subprocess.PIPE, check=True).stdout
        version = hashlib.sha256(source).hexdigest()
    mine = kept / f"{target.name}-{version}"
    if not mine.exists():
        subprocess.run([*COMPILER, *arguments], check=True)
        kept.mkdir(exist_ok=True)
        shutil.copy2(target, mine)
    shutil.copy2(mine, target)


if __name__ == "__main__":
    main()
