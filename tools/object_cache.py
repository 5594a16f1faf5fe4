"""Compiler wrapper with a cache of object files, for mutants: `python object_cache.py FOLDER ISA ARGUMENTS...`.

Objects of that instruction set are cached by their preprocessed source. Objects of other instruction sets are compiled
once and never again.
"""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

COMPILER = shlex.split(os.environ.get("OBJECT_CACHE_CXX", "c++"))


def main() -> None:
    cache, instruction_set, arguments = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    compiled_for = [argument.removeprefix("-DISA=") for argument in arguments if argument.startswith("-DISA=")]
    if not compiled_for:  # the entry point of the library, or the linker
        sys.exit(subprocess.run([*COMPILER, *arguments]).returncode)
    output = arguments.index("-o")
    target = Path(arguments[output + 1])
    version = "first"
    if compiled_for == [instruction_set]:
        rest = [*arguments[:output], *arguments[output + 2 :]]
        source = subprocess.run([*COMPILER, "-E", "-P", *rest], stdout=subprocess.PIPE, check=True).stdout
        version = hashlib.sha256(source).hexdigest()
    cached = cache / f"{target.name}-{version}"
    if not cached.exists():
        subprocess.run([*COMPILER, *arguments], check=True)
        cache.mkdir(exist_ok=True)
        shutil.copy2(target, cached)
    shutil.copy2(cached, target)


if __name__ == "__main__":
    main()
