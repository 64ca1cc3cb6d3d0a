"""Inputs that lie about their size or their values, odd names, and settings of the user's: the right value, or one sentence."""

import io
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from conftest import tone
from miniatures import cub_files, picture, put
from PIL import Image
from safetensors.torch import load_file, save_file
from stub_chapters import ROOT
from test_inference import model, recording, spoken  # noqa: F401  fixtures

from s2i_lib import decoding
from s2i_lib.__main__ import main
from s2i_lib.audio import AudioError, load_audio
from s2i_lib.datasets import DatasetError
from s2i_lib.datasets.photos import cub, places, reading
from s2i_lib.datasets.photos.parts import Photo
from s2i_lib.decoding import decode
from s2i_lib.files import remove_unfinished, save_array, save_atomically
from s2i_lib.inference import SpeechToImage
from s2i_lib.novelty import REFERENCE_FILE, SCORES, load_reference, write_reference
from s2i_lib.recordings import read_recording
from s2i_lib.run import command, drill, execute
from s2i_lib.workers import LONGEST_FOLDER, worker_processes

RATE = 16_000

# --- recordings ---


def with_flac_length(content: bytes, frames: int) -> bytes:
    """A flac file whose header counts so many frames."""
    return content[:21] + bytes([(content[21] & 0xF0) | frames >> 32]) + struct.pack(">I", frames % 2**32) + content[26:]


@pytest.mark.parametrize("frames", [0, 2**36 - 1])
def test_a_flac_file_without_a_length_is_read(tmp_path, frames):
    soundfile.write(tmp_path / "a.flac", tone(500, 0.5), RATE)
    whole = decode(tmp_path / "a.flac").samples
    (tmp_path / "a.flac").write_bytes(with_flac_length((tmp_path / "a.flac").read_bytes(), frames))
    assert np.array_equal(decode(tmp_path / "a.flac").samples, whole)


def test_an_rf64_file_without_a_length_is_read(tmp_path):
    """As FFmpeg writes it into a pipe: no length in the chunk that is there for long ones."""
    samples = (20_000 * tone(500, 0.5)).astype("<i2")
    chunks = (
        b"ds64" + struct.pack("<IQQQI", 28, 0, 0, 0, 0) + b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    )
    content = b"RF64\xff\xff\xff\xffWAVE" + chunks + b"data\xff\xff\xff\xff" + samples.tobytes()
    (tmp_path / "a.wav").write_bytes(content)
    assert np.array_equal(decode(tmp_path / "a.wav").samples[:, 0], samples.astype(np.float32) / 32768)


def test_a_wrong_rate_is_not_called_a_long_recording(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(500, 0.5), 1)
    with pytest.raises(AudioError, match="a sample rate of 1 Hz"):
        read_recording(tmp_path / "a.wav")


@pytest.mark.parametrize("read", [read_recording, load_audio])
def test_channels_count_for_the_memory(tmp_path, monkeypatch, read):
    monkeypatch.setattr(decoding, "MOST_SAMPLES", 4 * RATE)
    soundfile.write(tmp_path / "a.flac", np.zeros((RATE, 8), np.int16), RATE)
    with pytest.raises(AudioError, match="1 s of 8 channels at 16000 Hz are too much"):
        read(tmp_path / "a.flac")


@pytest.mark.parametrize("largest, subtype", [(1, "FLOAT"), (2**15 - 1, "FLOAT"), (2**31 - 1, "DOUBLE")])
@pytest.mark.parametrize("gain", [0.5, 3.0])
def test_floats_in_the_range_of_whole_numbers_are_no_clipping(tmp_path, largest, subtype, gain):
    """As SciPy writes them, when nobody has divided."""
    soundfile.write(tmp_path / "a.wav", largest * np.clip(gain * tone(500, 1.0) / 0.1 / 2, -1, 1), RATE, subtype=subtype)
    loudest = np.abs(decode(tmp_path / "a.wav").samples).max() / largest
    assert read_recording(tmp_path / "a.wav").clipped == (loudest > 0.99)


# --- pictures ---


def read(path: Path) -> np.ndarray:
    return reading.read_pixels(Photo("a", 0, "train", path), 16)


def test_grey_of_sixteen_bits_is_as_bright_as_of_eight(tmp_path):
    grey = np.kron(np.arange(16, dtype=np.uint8).reshape(4, 4) * 16, np.ones((8, 8), np.uint8))
    Image.fromarray(grey).save(tmp_path / "eight.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    assert np.array_equal(read(tmp_path / "sixteen.png"), read(tmp_path / "eight.png"))


def test_pictures_whose_white_nobody_knows_are_refused(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(DatasetError, match="a.tiff cannot be read .its pixels are numbers of 32 bits"):
        read(tmp_path / "a.tiff")


def test_no_program_is_started_for_a_picture(tmp_path, monkeypatch):
    Image.open(io.BytesIO(picture(1))).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "a.jpg")
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(DatasetError, match="a.jpg cannot be read .cannot identify"):
        read(tmp_path / "a.jpg")


def test_a_small_file_with_a_huge_picture_is_refused(tmp_path):
    Image.new("1", (8000, 8000)).save(tmp_path / "a.png")
    with pytest.raises(DatasetError, match="8000 x 8000 pixels are too many"):
        read(tmp_path / "a.png")


# --- tables ---


def test_a_class_that_is_a_digit_and_no_number_is_named(tmp_path):
    put(tmp_path, cub_files())
    path = tmp_path / "CUB_200_2011" / "image_class_labels.txt"
    path.write_text(path.read_text().replace(" 1\n", " ²\n", 1), encoding="utf-8")
    with pytest.raises(DatasetError, match="image_class_labels.txt puts .* into class ²"):
        cub.read(tmp_path)


@pytest.mark.parametrize("content, words", [("[" * 100_000, "is damaged"), (None, "names a recording twice")])
def test_a_damaged_choice_of_pairs_is_named(tmp_path, content, words):
    pairs = {f"{k}.wav": {"image": f"b/bedroom/{k}.jpg"} for k in range(2)}
    written = {"train": ["0.wav", "0.wav"], "test": ["1.wav"]}
    (tmp_path / "a.json").write_text(json.dumps(written) if content is None else content)
    with pytest.raises(DatasetError, match=f"a.json {words}"):
        places._subset(tmp_path / "a.json", pairs)


# --- models ---


@pytest.mark.parametrize("kind", ["nan", "inf", "whole"])
@pytest.mark.parametrize("name", ["speech_encoder.safetensors", "generator.safetensors"])
def test_weights_that_are_no_numbers_are_refused(finished_run, name, kind):
    path = finished_run.run_dir / name
    tensors = load_file(path)
    key = next(name for name, value in tensors.items() if value.is_floating_point())
    tensors[key] = tensors[key].to(torch.int8) if kind == "whole" else tensors[key] + float(kind)
    path.unlink()  # its content may be mapped
    save_file(tensors, path)
    with pytest.raises(ValueError, match=f"{name} holds values that are no numbers, in {key}"):
        SpeechToImage.load(finished_run.run_dir)


SIZES = [("gan", "noise_dim"), ("gan", "generator_width"), ("encoder", "rnn_dim"), ("encoder", "width"), ("gan", "num_scales")]


@pytest.mark.parametrize("size", [10**9, 0, -1])
@pytest.mark.parametrize("section, name", SIZES)
def test_a_description_of_impossible_size_takes_no_memory(finished_run, section, name, size):
    path = finished_run.run_dir / "model.json"
    values = json.loads(path.read_text())
    values["config"][section][name] = size
    path.write_text(json.dumps(values))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="(model.json describes|safetensors holds the weights of another)") as caught:
        SpeechToImage.load(finished_run.run_dir)
    assert "\n" not in str(caught.value) and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


REFERENCES = {
    "no captions": {"captions": "null"},
    "deep": {"captions": "[" * 100_000},
    "thresholds in a list": {"thresholds": json.dumps([*SCORES])},
    "no threshold": {"thresholds": json.dumps(dict.fromkeys(SCORES, 1) | {"nearest_cosine": None})},
    "no number": {"thresholds": json.dumps(dict.fromkeys(SCORES, 1) | {"nearest_cosine": float("nan")})},
    "of another version": {"thresholds": '{"nearest_cosine": 1, "negative_energy": 1, "negative_mahalanobis": 1}'},
}


@pytest.mark.parametrize("kind", [*REFERENCES, "embeddings"])
def test_a_damaged_reference_is_named(tmp_path, kind):
    reference = write_reference(tmp_path, np.eye(4), ["a"] * 4, np.eye(4))
    texts = {"captions": json.dumps(reference.captions), "thresholds": json.dumps(reference.thresholds)}
    rows = torch.full((4, 4), float("nan")) if kind == "embeddings" else torch.eye(4)
    save_file({"embeddings": rows}, tmp_path / REFERENCE_FILE, texts | REFERENCES.get(kind, {}))
    with pytest.raises(ValueError, match=f"{REFERENCE_FILE}: damaged"):
        load_reference(tmp_path)


# --- the command line ---


def draw(run, recording, out, *more) -> int:  # noqa: F811
    return main(["translate", str(recording), "--run", str(run.run_dir), "--out", str(out), "--num-images", "2", *more])


@pytest.mark.parametrize("suffix", ["psd", "fits", "xbm", "wmf", "ico", "icns"])
def test_a_format_that_cannot_hold_the_pictures_is_refused(finished_run, recording, tmp_path, capsys, suffix):  # noqa: F811
    assert draw(finished_run, recording, tmp_path / f"a.{suffix}") == 2
    assert "give an existing folder and a name that ends in .png" in capsys.readouterr().err and not list(tmp_path.glob("a.*"))


def test_a_seed_that_is_too_large_is_named(finished_run, recording, tmp_path, capsys):  # noqa: F811
    assert draw(finished_run, recording, tmp_path / "a.png", "--seed", str(2**64)) == 2
    assert f"seed {2**64} is too large; choose" in capsys.readouterr().err
    assert draw(finished_run, recording, tmp_path / "a.png", "--seed", str(2**63 - 1)) == 0


def test_the_longest_name_can_be_written(finished_run, recording, tmp_path):  # noqa: F811
    out = tmp_path / ("n" * 251 + ".png")
    assert draw(finished_run, recording, out) == 0 and Image.open(out).size == (32, 16)


def test_a_name_cannot_add_lines_or_colours_to_a_message(tmp_path, capsys):
    assert main(["translate", str(tmp_path / "two\nlines\x1b[31m.wav")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and r"two\nlines\x1b[31m.wav: no such file" in said


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", ""])
def test_what_cannot_be_printed_changes_no_exit_code(finished_run, recording, tmp_path, closed):  # noqa: F811
    words = [sys.executable, "-m", "s2i_lib", "translate", str(recording), "--run", str(finished_run.run_dir), "--out"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        ["bash", "-c", f'"$@" {closed}', "bash", *words, str(tmp_path / "日本.png")],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, "") and (tmp_path / "日本.png").exists()
    assert closed or r"\u65e5\u672c.png: 8 images" in done.stdout


@pytest.mark.parametrize(
    "error, words", [(MemoryError(), "the memory is full"), (ImportError("No module named 'av'"), "No module named 'av'")]
)
def test_neither_memory_nor_packages_end_in_a_traceback(monkeypatch, capsys, error, words):
    def fail(options):
        raise error

    monkeypatch.setattr("s2i_lib.__main__._speak", fail)
    assert main(["speak", "a bird"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said and said.count("\n") == 1


# --- files ---


def test_many_may_write_one_file_at_once(tmp_path):
    """Each waits for the others, so that all files are open before one is finished."""
    import threading

    barrier, sizes = threading.Barrier(4), range(1000, 1004)

    def write(size: int) -> None:
        def content(file) -> None:
            file.write(bytes([size % 256]) * size)
            barrier.wait(10)

        save_atomically(tmp_path / "a", content)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, sizes))
    written = (tmp_path / "a").read_bytes()
    assert len(written) in sizes and len(set(written)) == 1 and [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_array_on_a_full_disk_says_why(tmp_path):
    program = (
        "import resource, sys; import numpy as np; from pathlib import Path; from s2i_lib.files import save_array;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); save_array(Path(sys.argv[1]), np.zeros(100_000))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a.npy"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert f"OSError: [Errno 27] File too large: '{tmp_path / 'a.npy'}'" in done.stderr and not list(tmp_path.iterdir())


def test_what_killed_processes_leave_is_removed(tmp_path):
    put(tmp_path, {"a/.0123456789abcdef.tmp": b"half", "a/.birds.tgz.part": b"to be resumed", "a/b.tmp": b"mine"})
    save_array(tmp_path / "a" / "c.npy", np.arange(3))
    remove_unfinished(tmp_path)
    assert {path.name for path in (tmp_path / "a").iterdir()} == {".birds.tgz.part", "b.tmp", "c.npy"}
    assert np.array_equal(np.load(tmp_path / "a" / "c.npy"), np.arange(3))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the process that is forked")
def test_a_long_name_for_temporary_files_stops_no_worker(tmp_path, monkeypatch):
    folder = tmp_path / ("n" * 100)
    folder.mkdir()
    assert len(str(folder)) > LONGEST_FOLDER
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with worker_processes(1) as pool:
        assert list(pool.map(abs, [-1])) == [1]


# --- runs ---


@pytest.mark.parametrize(
    "name", ["JUPYTER_PATH", "IPYTHONDIR", "PYTHONOPTIMIZE", "SNAKEMAKE_PROFILE", "GIT_DIR", "PYTHONWARNINGS"]
)
def test_settings_of_the_users_reach_no_chapter(monkeypatch, name):
    monkeypatch.setenv(name, "mine")
    assert command.environment().get(name) != "mine"
    script = f'source workflow/environment.sh; echo "${{{name}:-}}"'
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "mine" not in done.stdout


@pytest.mark.parametrize("code, words", [(-6, "signal 6, most likely for lack of memory"), (1, "exit code 1")])
def test_a_check_of_the_data_that_dies_is_explained(monkeypatch, code, words):
    monkeypatch.setattr(subprocess, "run", lambda words, **_: subprocess.CompletedProcess(words, code))
    with pytest.raises(ValueError, match=f"data check .* ended with {words}"):
        command._check_data(command.parse(["--profile", "smoke", "--dataset", "birds"]))


@pytest.mark.slow
def test_what_snakemake_stops_of_is_said(tmp_path):
    project = drill.Project.make(tmp_path / "project")
    words = [sys.executable, "-m", "s2i_lib", "run", "--profile", "smoke", "no_such_chapter.ipynb"]
    environment = os.environ | {"S2I_ROOT": str(project.folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, cwd=project.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and "MissingRuleException: No rule to produce no_such_chapter.ipynb" in done.stderr
    assert done.stderr.count("error: ") == 1


def test_a_chapter_that_lacks_memory_is_told_what_to_do():
    class PapermillExecutionError(Exception):
        cell_index = 3

    error = PapermillExecutionError()
    error.__dict__ |= {"cell_index": 3, "ename": "BrokenProcessPool", "evalue": "A process in the process pool was terminated"}
    assert "close other programs or choose a smaller --profile" in execute.explain(error, "02_speech", 1)
    error.__dict__ |= {"ename": "ValueError", "evalue": "odd"}
    assert execute.explain(error, "02_speech", 1) == "02_speech: cell 3 raised ValueError: odd"


def test_a_drill_takes_no_traceback_for_a_sentence():
    printed = (
        "  from s2i_lib.audio import AudioError\nImportError: no memory\nerror: this\n[12:00:00] error: that\n the error: no"
    )
    assert drill._sentences(printed) == ["error: this", "error: that"]


def test_a_run_that_takes_too_long_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(drill, "LONGEST", 1)
    started = []

    def start(self, before=(), prepare=None):
        words = [sys.executable, "-c", "import time; time.sleep(600)"]
        started.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True))
        return started[0]

    monkeypatch.setattr(drill.Project, "start", start)
    with pytest.raises(drill.DrillError, match="took longer than 1 s"):
        drill.Project(tmp_path).finish()
    assert started[0].returncode == -9
