"""A project folder with a tiny data set, so that every training loop runs in seconds.

Six classes of rendered birds at 32 px. A tone stands for each spoken caption and a noisy class vector for each teacher
feature, so that speech and image agree on the class and there is something to learn.
"""

import io
import json
import shutil
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from s2i_lib import audio, workers
from s2i_lib.config import load_config
from s2i_lib.datasets import load_dataset
from s2i_lib.datasets.rendered import birds
from s2i_lib.features import embeddings_path, teacher_path
from s2i_lib.models.checkpoint import classifier_path, save_weights
from s2i_lib.models.classifiers import ImageClassifier, classifier_heads
from s2i_lib.models.gan import build_gan
from s2i_lib.models.student import SpeechModel
from s2i_lib.preparation.features import write_log_mels
from s2i_lib.preparation.images import write_images
from s2i_lib.training import common

TEACHER_DIM, EMBEDDING_DIM = 16, 3  # fewer directions than training classes
TINY = {
    "precision": "float32",
    "data": {
        "num_classes": 6,
        "num_train_classes": 4,
        "images_per_train_class": 3,
        "images_per_test_class": 2,
        "images_for_classifier": 2,
        "spoken_captions": 2,
        "image_size": 32,
    },
    "encoder": {"target_dim": EMBEDDING_DIM, "width": 2, "rnn_dim": 8, "epochs": 3, "batch_size": 8},
    "gan": {
        "base_size": 8,
        "num_scales": 2,
        "generator_width": 4,
        "discriminator_width": 4,
        "noise_dim": 6,
        "condition_dim": 6,
        "steps": 6,
        "batch_size": 4,
    },
    "classifier": {"images": 8, "width": 2, "epochs": 1, "batch_size": 4},
}


def pytest_addoption(parser):
    parser.addoption("--complete", action="store_true", help="more of the paper on photographs (./run_tests.sh --all)")
    parser.addoption("--write-numbers", action="store_true", help="what test_identity.py measures is written down as known")


LONGEST = ("test_paper_workflow.py", "test_workflow.py", "test_training.py")


def pytest_collection_modifyitems(items):
    """The longest files first: ``run_tests.sh`` hands out files in this order, and nobody should wait for one at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture
def committed(tmp_path):
    """A function that unpacks paths of the last commit into a folder of the test and returns it."""

    def unpack(*paths: str) -> Path:
        archive = subprocess.run(
            ["git", "archive", "--format=zip", "HEAD", *paths], cwd=Path(__file__).parents[1], capture_output=True
        )
        if archive.returncode:
            pytest.skip("this is no checkout, and a run of one's own may have changed these files")
        zipfile.ZipFile(io.BytesIO(archive.stdout)).extractall(tmp_path)
        return tmp_path

    return unpack


def tiny_config(seed=0, recipe="paper", **sections):
    """The tiny configuration; ``sections`` are laid over it, for example ``gan={"steps": 3}``."""
    overrides = {key: dict(value) if isinstance(value, dict) else value for key, value in TINY.items()}
    for name, values in sections.items():
        overrides[name] = {**overrides.get(name, {}), **values} if isinstance(values, dict) else values
    return load_config("smoke", recipe=recipe, seed=seed, overrides=overrides)


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    """A folder whose ``data`` holds everything that chapters 01-04 leave there."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("S2I_ROOT", str(root))
        patch.setattr(workers, "worker_processes", lambda processes=None: ThreadPoolExecutor(1))  # starts faster
        settings, rng = tiny_config(), np.random.default_rng(0)
        write_images(settings)
        for split in ("train", "test"):
            dataset = load_dataset("birds", split, settings.data_dir)
            for utterance in dataset.utterances:
                utterance.recording.parent.mkdir(parents=True, exist_ok=True)
                audio.save_audio(utterance.recording, tone(300.0 * (1 + utterance.label), rng.uniform(0.7, 1.1)))
            classes = np.random.default_rng(1).normal(size=(6, TEACHER_DIM))
            features = classes[dataset.labels][:, None] + 0.1 * rng.normal(size=(len(dataset), 2, TEACHER_DIM))
            for stages in ("last", "all"):
                np.save(teacher_path(settings, split, stages), features.astype(np.float32))
        write_log_mels(settings)
        write_classifier_training_set(settings, rng)
    return root


def write_classifier_training_set(settings, rng) -> None:
    """What the attribute classifier learns from, and an untrained one, without the drawing processes."""
    size, folder = settings.classifier_size, settings.data_dir / "classifiers"
    folder.mkdir()
    attributes = [{name: str(rng.choice(values)) for name, values in birds.SPEC.attributes.items()} for _ in range(8)]
    images = [birds.SPEC.draw(one, rng, size).transpose(2, 0, 1) for one in attributes]
    np.save(folder / f"images_{size}.npy", np.stack(images))
    (folder / "attributes.json").write_text(json.dumps(attributes))
    torch.manual_seed(0)
    classifier = ImageClassifier(classifier_heads(settings, "attributes"), size, settings.classifier.width)
    save_weights(classifier, classifier_path(settings, "attributes"))


@pytest.fixture
def project(data_root, tmp_path, monkeypatch):
    """A project folder of its own for one test: a copy of the data, no runs yet."""
    shutil.copytree(data_root / "data", tmp_path / "data")
    monkeypatch.setenv("S2I_ROOT", str(tmp_path))
    monkeypatch.setattr(common, "CHECKPOINT_SECONDS", 0.0)
    return tmp_path


@pytest.fixture
def finished_run(project):
    """The configuration of a run that looks finished: untrained weights in the files of chapters 05 and 06."""
    settings = tiny_config()
    torch.manual_seed(0)
    save_weights(SpeechModel(settings, TEACHER_DIM), settings.run_dir / "speech_encoder.safetensors")
    save_weights(build_gan(settings.gan, EMBEDDING_DIM)[0], settings.run_dir / "generator.safetensors")
    (settings.run_dir / "model.json").write_text(json.dumps({"config": settings.model_dump()}))
    return settings


def write_embeddings(settings) -> None:
    """Random speech embeddings where chapter 05 leaves its own."""
    rng = np.random.default_rng(0)
    settings.encoder_dir.mkdir(parents=True, exist_ok=True)
    for split in ("train", "test"):
        rows = len(load_dataset("birds", split, settings.data_dir).utterances)
        np.save(embeddings_path(settings, split), rng.normal(size=(rows, EMBEDDING_DIM)).astype(np.float32))


def forget_training(settings) -> None:
    """Remove what a training loop wrote, except the embeddings."""
    for path in settings.run_dir.iterdir():
        if path.suffix != ".npy":
            path.unlink() if path.is_file() else shutil.rmtree(path)


def tone(frequency: float, seconds: float, rate: int = 16_000) -> np.ndarray:
    """(samples,) sine wave with a little noise."""
    time = np.arange(int(seconds * rate)) / rate
    return 0.2 * np.sin(2 * np.pi * frequency * time) + 0.01 * np.random.default_rng(0).normal(size=len(time))
