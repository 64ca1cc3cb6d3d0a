"""Accidents on purpose; a quarter of an hour, in the full tests only."""

import pytest

from s2i_lib.__main__ import main


@pytest.mark.slow
def test_every_run_ends_as_promised(capsys):
    code = main(["drill"])
    said = capsys.readouterr().out
    assert code == 0 and "NOT AS PROMISED" not in said, said


def test_an_unknown_drill_is_named(capsys):
    assert main(["drill", "earthquake"]) == 2
    assert "there is no drill 'earthquake'; choose from killed, twice" in capsys.readouterr().err
