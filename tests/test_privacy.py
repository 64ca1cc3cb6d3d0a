"""Nothing leaves the machine that nobody asked for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from stub_chapters import ROOT

from s2i_lib.speech import synthesize

ADDRESS = re.compile(r'sin6?_addr=inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
OF_THIS_MACHINE = ("127.", "0.0.0.0", "::1", "::")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, which watches system calls"),
]


def connections(command: list[str], folder: Path, **variables: str) -> list[str]:
    """The addresses of other machines that a program and its children try to reach or to look up."""
    trace = folder / "trace"
    watched = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace), *command]
    environment = {**os.environ, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), **variables}
    for name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        environment.pop(name, None)
    done = subprocess.run(watched, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = ["".join(groups) for groups in ADDRESS.findall(trace.read_text(errors="replace"))]
    return [address for address in found if not address.startswith(OF_THIS_MACHINE)]


def test_the_watch_notices_a_connection(tmp_path):
    code = "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('192.0.2.1', 9))"
    assert connections([sys.executable, "-c", code], tmp_path) == ["192.0.2.1"]


@pytest.mark.parametrize(
    "words", [["speak", "a red bird.", "--out", "{}/speech.wav"], ["models"], ["gallery"], ["data", "status"]]
)
def test_commands_reach_no_other_machine(tmp_path, words):
    root = {"S2I_ROOT": str(tmp_path)}
    assert connections([sys.executable, "-m", "s2i_lib", *(word.format(tmp_path) for word in words)], tmp_path, **root) == []
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    left -= {"data/voices/kokoro.int8.onnx"}  # the test voices, made smaller once
    assert not [name for name in left if re.search("telemetry|onnx|device.?id|huggingface", name, re.IGNORECASE)], left


def test_translation_reaches_no_other_machine(tmp_path):
    from s2i_lib.audio import save_audio

    save_audio(tmp_path / "speech.wav", synthesize("this bird has a red crown and black wings."))
    words = ["translate", str(tmp_path / "speech.wav"), "--out", str(tmp_path / "birds.png"), "--anyway", "--json"]
    assert connections([sys.executable, "-m", "s2i_lib", *words], tmp_path) == []


def test_a_chapter_reaches_no_other_machine(tmp_path):
    words = ["notebooks/01_data.ipynb", str(tmp_path / "out.ipynb"), "--parameters", "profile=smoke", "dataset=birds"]
    program = [sys.executable, "-m", "s2i_lib.run.execute", *words]
    assert connections(program, tmp_path, S2I_ROOT=str(tmp_path), MPLBACKEND="agg", JUPYTER_PREFER_ENV_PATH="1") == []
