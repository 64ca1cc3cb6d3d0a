"""Spectrograms (chapters 03, 20 and 24) and teacher features (chapter 04) on disk."""

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from s2i_lib import acoustics, audio
from s2i_lib.acoustics import Conditions
from s2i_lib.config import Config
from s2i_lib.datasets import SpokenImages, load_dataset
from s2i_lib.devices import pick_device
from s2i_lib.features import LogMels, States, extract_features, image_shards, speech_source, states_path, teacher_path
from s2i_lib.files import save_array
from s2i_lib.models.pretrained import LAST_DIM
from s2i_lib.models.teacher import Teacher, load_teacher, teacher_views
from s2i_lib.models.whisper import WhisperEncoder, load_whisper, whisper_states
from s2i_lib.preparation.invented import write_invented, write_several_voices
from s2i_lib.preparation.speech import (
    as_conditions,
    clean_recording,
    degradation_seed,
    load_conditions,
    write_many_voices,
    write_voice,
)
from s2i_lib.progress import bar
from s2i_lib.speech import UNSEEN_SYNTHESIZER
from s2i_lib.workers import parallel_map

BLOCK = 1024  # recordings that are read at a time


def write_log_mels(config: Config) -> None:
    """Compute the spectrogram of every utterance (chapter 03): ``log_mel_<split>.npy`` and ``..._offsets.npy``."""
    for split in ("train", "test"):
        path = config.data_dir / f"log_mel_{split}.npy"
        if path.exists():
            continue
        dataset = load_dataset(config.dataset, split, config.data_dir)
        paths = [utterance.recording for utterance in dataset.utterances]
        _save_log_mels(path, recorded_log_mels(paths))


def write_inputs(config: Config) -> bool:
    """Write what the speech encoder of a recipe reads of both splits (``features.speech_source``), if it is not there yet.

    Returns:
        Was any of it missing?
    """
    missing = False
    for split in ("train", "test"):
        source = speech_source(config, split)
        path = (
            states_path(config, source) if config.encoder.front_end == "whisper" else config.data_dir / f"log_mel_{source}.npy"
        )
        if not path.exists():
            _save_log_mels(path, recorded_inputs(config, _recordings(config, split)))
            missing = True
    return missing


def recorded_log_mels(paths: list[Path]) -> LogMels:
    """The spectrograms of recordings; of many, by several processes, since two threads are slower than one."""
    return LogMels.join(list(parallel_map(log_mel_frames, paths, desc="log-mel", unit="utterance", chunksize=256)))


def _recordings(config: Config, split: str) -> list[Path]:
    """The files of a source of speech, written where they are missing."""
    if config.encoder.speech == "invented":
        return write_invented(config, split)
    if config.encoder.speech == "many_voices" and split == "train":
        return write_many_voices(config)
    if config.encoder.speech == "several_voices" and split == "train":
        return write_several_voices(config)
    return [utterance.recording for utterance in load_dataset(config.dataset, split, config.data_dir).utterances]


def recorded_inputs(config: Config, paths: list[Path]) -> LogMels | States:
    """What the speech encoder of a recipe reads of recordings."""
    if config.encoder.front_end == "log_mel":
        return recorded_log_mels(paths)
    return recorded_states(_frozen_encoder(config.encoder.whisper_weights), paths, config.encoder.layers == "all")


@lru_cache(maxsize=1)
def _frozen_encoder(weights: str) -> WhisperEncoder:
    return load_whisper(weights or None).to(pick_device())


def recorded_states(encoder: WhisperEncoder, paths: list[Path], all_layers: bool = False) -> States:
    """The states of recordings: of the last layer, or of all layers beside each other."""
    parts = [
        frames
        for start in bar(range(0, len(paths), BLOCK), desc="states", unit="block")
        for frames in waveform_states(encoder, [audio.load_audio(path) for path in paths[start : start + BLOCK]], all_layers)
    ]
    return States.join(parts)


def waveform_states(
    encoder: WhisperEncoder, waveforms: list[torch.Tensor], all_layers: bool = False, batch_size: int = 16
) -> list[NDArray[np.float16]]:
    """The (steps, C) float16 states of waveforms, in which form they are kept; similar lengths share a batch."""
    states: list[NDArray[np.float16]] = [np.empty(0, np.float16)] * len(waveforms)
    order = sorted(range(len(waveforms)), key=lambda i: len(waveforms[i]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        for row, found in zip(rows, whisper_states(encoder, [waveforms[i] for i in rows], all_layers)):
            states[row] = found.half().numpy()
    return states


def _save_log_mels(path: Path, log_mels: LogMels) -> None:
    offsets = path.with_name(f"{path.stem}_offsets.npy")
    save_array(offsets, log_mels.offsets)
    save_array(path, log_mels.frames)


def log_mel_frames(path: Path) -> NDArray[np.float16]:
    """The spectrogram of a sound file as (frames, 40) float16, the form in which it is kept."""
    return audio.log_mel_spectrogram(audio.load_audio(path)).T.half().numpy()


def voice_log_mels(config: Config, rows: NDArray[np.int64], voice: str = UNSEEN_SYNTHESIZER) -> LogMels:
    """The spectrograms of some test utterances in another voice, see ``write_voice``, in the order of `rows`.

    Where the data set asks for degraded speech, they are degraded under the conditions, and in the room, that chapter 02 drew
    for the same utterance in the first voice.
    """
    paths = write_voice(config, rows, voice)
    if config.data.speech == "clean":
        return recorded_log_mels(paths)
    dataset, table = load_dataset(config.dataset, "test", config.data_dir), load_conditions(config, "test")
    recordings = [clean_recording(config, utterance.recording) for utterance in dataset.utterances]  # babble is mixed from them
    for row, path in zip(rows, paths):
        recordings[row] = path
    conditions = as_conditions(table.iloc[rows])
    return LogMels.join(_simulate(recordings, [int(row) for row in rows], conditions, degradation_seed(config, "test")))


def _simulate(paths: list[Path], rows: list[int], conditions: list[Conditions], seed: int) -> list[NDArray[np.float16]]:
    jobs, frames = list(zip(rows, conditions, strict=True)), partial(_degraded_frames, paths, seed)
    return list(parallel_map(frames, jobs, desc="log-mel, degraded", unit="utterance", chunksize=64))


def _degraded_frames(paths: list[Path], seed: int, job: tuple[int, Conditions]) -> NDArray[np.float16]:
    row, conditions = job
    return audio.log_mel_spectrogram(acoustics.record(paths, row, conditions, seed)).T.half().numpy()


def write_teacher_features(config: Config) -> None:
    """The V views of every image, see ``models.teacher.teacher_views``, through the teacher (chapter 04).

    Writes ``<teacher>_<settings>_<split>.npy``, (N, V, D) float32, for each value of ``TeacherConfig.stages``, in one pass.
    """
    columns = {"last": slice(LAST_DIM[config.teacher.name]), "all": slice(LAST_DIM[config.teacher.name], None)}
    for split in ("train", "test"):
        paths = {stages: teacher_path(config, split, stages) for stages in columns}
        if all(path.exists() for path in paths.values()):
            continue
        teacher = load_teacher(config.teacher.name, config.teacher.image_size, power=config.teacher.power, stages="both")
        features = _view_features(config, load_dataset(config.dataset, split, config.data_dir), teacher.to(pick_device()))
        for stages, path in paths.items():
            save_array(path, features[..., columns[stages]])


def _view_features(config: Config, dataset: SpokenImages, teacher: Teacher) -> NDArray[np.float32]:
    features = [
        [extract_features(teacher, view, config.teacher.batch_size) for view in teacher_views(pixels, config.teacher.views)]
        for pixels in bar(image_shards(dataset), desc=f"teacher {dataset.split}", total=len(set(dataset.labels)), unit="class")
    ]
    return np.concatenate([np.stack(views, axis=1) for views in features])
