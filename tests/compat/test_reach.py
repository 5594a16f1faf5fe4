"""Import of compat: part of `import detloss`, without importing any peer."""

import subprocess
import sys

import pytest

import detloss
from detloss import compat

PROGRAM = """
import sys
import detloss
for name in ("torchvision", "torch", "fvcore", "mmdet"):
    assert getattr(detloss.compat, name).__name__ == "detloss.compat." + name
assert not {"torchvision", "fvcore", "mmdet", "mmcv", "mmengine", "detectron2"} & {*sys.modules}
"""


def test_peers_stay_outside() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)


@pytest.mark.parametrize("name", compat.__all__)
def test_every_name_is_documented(name: str) -> None:
    module = getattr(detloss.compat, name)
    assert "Cases with different results" in module.__doc__
    public = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
    assert all(each.__doc__ for each in public)
