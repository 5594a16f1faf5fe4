"""Fixtures of the experiments."""

from pathlib import Path

import pytest

from detloss.experiments.data import image_cache


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Resized images are stored in a folder of the test run."""
    folder = tmp_path_factory.getbasetemp() / "cache"
    monkeypatch.setattr(image_cache, "user_cache_path", lambda name: Path(folder) / name)
