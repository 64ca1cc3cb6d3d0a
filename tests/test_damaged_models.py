"""Weights and descriptions from strangers: what is damaged, or something else, is named in one sentence."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_inference import model, recording, spoken  # noqa: F401  fixtures

from s2i_lib.__main__ import PIPE_CLOSED, main
from s2i_lib.config import load_config
from s2i_lib.inference import SpeechToImage, generate, noise_rows
from s2i_lib.models.gan import build_gan
from s2i_lib.results import records


def renamed(path) -> None:
    save_file({f"module.{name}": value for name, value in load_file(path).items()}, path)


def resized(path) -> None:
    save_file({name: value.repeat_interleave(2, 0) if value.ndim else value for name, value in load_file(path).items()}, path)


def one_more(path) -> None:
    save_file(load_file(path) | {"further": torch.zeros(1)}, path)


WEIGHTS = {
    "empty": (lambda path: path.write_bytes(b""), "is empty"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "is cut short"),
    "cut in its header": (lambda path: path.write_bytes(path.read_bytes()[:20]), "is cut short"),
    "pointer": (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "git lfs pull"),
    "web page": (lambda path: path.write_text("\n<!DOCTYPE html><title>Sign in</title>"), "is a web page"),
    "noise": (lambda path: path.write_bytes(bytes(range(256)) * 20), "no safetensors file"),
    "of several GPUs": (renamed, "weights of another network"),
    "other sizes": (resized, "weights of another network"),
    "one more": (one_more, "nothing here is called further"),
}


@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("name", ["speech_encoder.safetensors", "generator.safetensors"])
def test_damaged_weights_are_named(finished_run, recording, tmp_path, capsys, name, kind):  # noqa: F811
    damage, words = WEIGHTS[kind]
    damage(finished_run.run_dir / name)
    assert main(["translate", str(recording), "--run", str(finished_run.run_dir), "--out", str(tmp_path / "out.png")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{finished_run.run_dir / name} " in said and words in said
    assert not (tmp_path / "out.png").exists()


DESCRIPTIONS = {
    "empty": "",
    "cut": '{"config": {"profile": "sm',
    "a list": "[]",
    "null": "null",
    "nothing": "{}",
    "no configuration": '{"config": null}',
    "unknown keys": '{"config": {"profile": "small", "dataset": "birds", "recipe": "paper", "gan": {"size": 1}}}',
    "deep": "[" * 100_000,
    "no text": b"\xff\xfe{}",
    "a way out": '{"config": {}, "drawn_by": "../../other"}',
    "no name": '{"config": {}, "drawn_by": ["birds"]}',
}


@pytest.mark.parametrize("kind", DESCRIPTIONS)
def test_a_damaged_description_is_named(finished_run, kind):
    content, path = DESCRIPTIONS[kind], finished_run.run_dir / "model.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match="model.json (holds no|was written by|names)") as caught:
        SpeechToImage.load(finished_run.run_dir)
    assert "\n" not in str(caught.value)


def test_a_program_that_reads_one_line_is_no_error(tmp_path):
    command = "import sys; from s2i_lib.__main__ import main; sys.exit(main(['data', 'status']))"
    program = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    program.stdout.close()
    assert program.stderr.read() == b"" and program.wait() == PIPE_CLOSED


def test_without_git_the_commit_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert records._commit() is None


# --- threads ---


def test_the_noise_of_a_picture_does_not_depend_on_how_many_follow():
    many = noise_rows(9, 100, 4)
    assert torch.equal(noise_rows(1, 100, 4), many[:1]) and torch.equal(noise_rows(5, 100, 4), many[:5])
    assert len(torch.unique(many)) == many.numel() and abs(many.mean()) < 0.2 and abs(many.std() - 1) < 0.1
    assert not torch.equal(noise_rows(1, 100, 5), many[:1])


def test_any_number_of_threads_draw_the_same_pictures(model, recording):  # noqa: F811
    alone = [model.translate(recording, 4, seed=seed) for seed in range(6)]
    assert all(np.array_equal(model.translate(recording, 1, seed=seed), alone[seed][:1]) for seed in range(6))
    with ThreadPoolExecutor(8) as pool:
        seeds = list(range(6)) * 10
        together = list(pool.map(lambda seed: model.translate(recording, 4, seed=seed), seeds))
    assert all(np.array_equal(pictures, alone[seed]) for seed, pictures in zip(seeds, together))


def test_a_network_that_draws_numbers_of_its_own_is_as_steady():
    config = load_config("smoke", "birds", "paper", overrides={"gan": {"augment_condition": True}})
    torch.manual_seed(0)
    generator, sentence = build_gan(config.gan, 12)[0].eval(), torch.randn(1, 12)

    def draw(seed: int, count: int) -> torch.Tensor:
        return generate(generator, sentence.expand(count, -1), config, seed, batch_size=1)

    before = torch.random.get_rng_state()
    alone = [draw(seed, 4) for seed in range(4)]
    assert torch.equal(before, torch.random.get_rng_state()) and torch.equal(draw(2, 1), alone[2][:1])
    assert not torch.equal(alone[0][0], alone[0][1])
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda seed: draw(seed, 4), list(range(4)) * 10))
    assert all(torch.equal(pictures, alone[number % 4]) for number, pictures in enumerate(together))


def test_a_damaged_list_of_checksums_is_named(tmp_path, monkeypatch):
    from s2i_lib import released

    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "checksums.json").write_text("{")
    monkeypatch.setattr(released, "repository", lambda: tmp_path)
    (found,) = released.list_releases()
    assert found.damaged == ["checksums.json"] and found.config is None
    (folder / "checksums.json").write_text(json.dumps({"model.json": "0"}))
    assert released.list_releases()[0].damaged == ["model.json"]
