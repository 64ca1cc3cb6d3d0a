"""A user without a home, or with one that cannot be written, gets a temporary place for what libraries keep."""

import os
import tempfile
from pathlib import Path

import pytest

from s2i_lib import home


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in home.FOLDERS:
        monkeypatch.delenv(name, raising=False)
    return tmp_path / f"s2i-home-{os.getuid()}"


def test_a_home_that_can_be_written_is_left_alone(place, monkeypatch):
    monkeypatch.setenv("HOME", str(place.parent))
    home.prepare()
    assert not place.exists() and not any(name in os.environ for name in home.FOLDERS)


def test_a_user_without_a_home_gets_a_temporary_one(place, monkeypatch):
    monkeypatch.setenv("HOME", "unchanged")
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError))
    home.prepare()
    assert os.environ["HOME"] == str(place) and place.stat().st_mode & 0o777 == 0o700
    assert {os.environ.pop(name) for name in home.FOLDERS} == {str(place / folder) for folder in home.FOLDERS.values()}


def test_a_home_that_cannot_be_written_keeps_its_name(place, monkeypatch):
    monkeypatch.setenv("HOME", "/proc/self")
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != "/proc/self")
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    home.prepare()
    assert os.environ["HOME"] == "/proc/self" and os.environ["MPLCONFIGDIR"] == "mine"
    assert os.environ.pop("IPYTHONDIR") == str(place / "ipython") and os.environ.pop("JUPYTER_RUNTIME_DIR")


def test_a_folder_of_somebody_else_is_not_used(place, monkeypatch):
    place.mkdir(mode=0o777)
    place.chmod(0o777)
    monkeypatch.setenv("HOME", "/proc/self")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    home.prepare()
    used = Path(os.environ.pop("MPLCONFIGDIR")).parent
    assert used != place and used.stat().st_mode & 0o077 == 0
    for name in home.FOLDERS:
        os.environ.pop(name, None)
