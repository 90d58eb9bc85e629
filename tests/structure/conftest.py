import os
import pathlib
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))


@pytest.fixture(scope="session")
def root():
    return str(pathlib.Path(__file__).resolve().parents[2])


@pytest.fixture(scope="session")
def build(root):
    """The build directory that tests/run has filled."""
    return os.environ.get("FEAT_BUILD_DIR") or os.path.join(root, "build")
