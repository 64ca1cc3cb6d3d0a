"""Spoken captions on disk (chapter 02), in many voices and in unseen ones (chapters 19 and 20); transcripts (chapter 12)."""

import json
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from s2i_lib import acoustics, audio, recognition, speech, unrelated_sentences
from s2i_lib.acoustics import Conditions
from s2i_lib.config import Config
from s2i_lib.datasets import DatasetError, load_dataset
from s2i_lib.features import many_voices_captions, transcripts_path
from s2i_lib.files import save_text
from s2i_lib.recognition import TAUGHT_BY
from s2i_lib.workers import parallel_map, write_missing_files


def write_speech(config: Config) -> None:
    """Speak the captions of both splits into ``speech/<class>/<image>_<caption>.wav`` (chapter 02).

    Where the data set asks for degraded speech, these are simulated; the voice itself is in ``clean/``, and the conditions of
    every recording are in ``conditions_<split>.csv``, see ``load_conditions``. Captions that people have recorded are
    left alone.

    Raises:
        DatasetError: such a recording is missing, or a caption cannot be spoken; nothing has been spoken then.
    """
    datasets = {split: load_dataset(config.dataset, split, config.data_dir) for split in ("train", "test")}
    for path in (path for dataset in datasets.values() for record in dataset if record.recorded for path in record.speech):
        if not path.exists():
            raise DatasetError(f"recording {path} is missing: unpack the recordings again")
    jobs = [
        (utterance.caption.text, utterance.recording)
        for dataset in datasets.values()
        for utterance in dataset.utterances
        if not dataset[utterance.image].recorded
    ]
    for text, path in jobs:
        if reason := speech.why_unspeakable(text):
            raise DatasetError(f"{path} cannot be spoken: {reason}")
    if config.data.speech == "clean":
        speech.speak_captions(jobs)
        return
    speech.speak_captions([(text, clean_recording(config, path)) for text, path in jobs])
    for split, dataset in datasets.items():
        recordings = [utterance.recording for utterance in dataset.utterances]
        conditions = acoustics.draw_conditions(len(recordings), split, config.data.seed)
        acoustics.write_degraded_speech(
            [clean_recording(config, path) for path in recordings], recordings, conditions, seed=degradation_seed(config, split)
        )
        table = pd.DataFrame(map(asdict, conditions)).to_csv(index_label="utterance")
        save_text(config.data_dir / f"conditions_{split}.csv", table)


def clean_recording(config: Config, recording: Path) -> Path:
    """The voice before it was degraded: where chapter 02 keeps what `recording` was made from; the recording itself if it is
    clean.
    """
    if config.data.speech == "clean":
        return recording
    return place_of(config, recording, "clean")


def place_of(config: Config, recording: Path, folder: str) -> Path:
    """Where another version of a recording of the data set is kept: the same place below `folder`, as flac."""
    return config.data_dir / folder / recording.relative_to(config.data_dir / "speech").with_suffix(".flac")


def degradation_seed(config: Config, split: str) -> int:
    """The seed of the rooms and noises of a split; no two splits of a data set share one."""
    return 2 * config.data.seed + (split == "test")


def load_conditions(config: Config, split: str) -> pd.DataFrame:
    """How every recording of degraded speech was made: the fields of ``acoustics.Conditions``, rows as
    ``SpokenImages.utterances``.

    Raises:
        DatasetError: the recordings are clean, or chapter 02 has not written them yet.
    """
    path = config.data_dir / f"conditions_{split}.csv"
    if not path.exists():
        raise DatasetError(f"no degraded recordings in {config.data_dir}: clean speech has none, else run chapter 02 first")
    return pd.read_csv(path, index_col="utterance")


def write_voice(config: Config, rows: NDArray[np.int64], voice: str = speech.UNSEEN_SYNTHESIZER) -> list[Path]:
    """Let another voice say some utterances of the test split.

    Writes clean recordings ``voices/<voice>/<class>/<image>_<caption>.flac``, see ``speech.synthesize``, and gives their paths
    in the order of `rows`. Recordings that exist are kept.
    """
    dataset, jobs = load_dataset(config.dataset, "test", config.data_dir), []
    for utterance in (dataset.utterances[row] for row in rows):
        jobs.append((utterance.caption.text, place_of(config, utterance.recording, f"voices/{voice.replace(' ', '_')}")))
    speech.speak_captions(jobs, voice=voice)
    return [path for _, path in jobs]


# --- many voices ---

# How often which synthesizer speaks: eSpeak NG has the most voices, Piper takes the longest.
SHARES = {"hibari": 0.36, "piper": 0.06, "espeak": 0.58}


def training_speakers() -> dict[str, list[str]]:
    """The voices of each synthesizer that training may use."""
    return {kind: [name for name in speech.TRAINING_VOICES if speech.VOICES[name].synthesizer == kind] for kind in SHARES}


def plan_many_voices(config: Config, utterances: int) -> pd.DataFrame:
    """Who says what of the training pictures under which conditions, see ``many_voices_captions``.

    Voices and a noise that are kept for tests do not occur, see ``speech.TEST_VOICES``, ``acoustics.UNSEEN_VOICE`` and
    ``acoustics.UNSEEN_NOISE``.

    Returns:
        One row per recording, rendition after rendition: the fields of ``acoustics.Conditions``.
    """
    rng = np.random.default_rng([config.data.seed, 2])  # 0 and 1 draw degraded speech
    speakers = training_speakers()
    shifted = [voice for voice in acoustics.SHIFTED_VOICES if voice != acoustics.UNSEEN_VOICE]
    noises = [noise for noise in acoustics.NOISES if noise != acoustics.UNSEEN_NOISE]
    rows = []
    for _ in range(config.data.renditions * utterances):
        synthesizer = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        voices = ["plain"] if synthesizer == "espeak" else shifted  # it has its own
        conditions = acoustics.everyday_conditions(rng, voices, noises)
        rows.append(asdict(replace(conditions, speaker=str(rng.choice(speakers[synthesizer])))))
    return pd.DataFrame(rows)


def write_many_voices(config: Config) -> list[Path]:
    """Let many voices say captions of the training pictures, each recording under conditions of its own.

    Writes ``many_voices/<rendition>/<class>/<image>_<caption>.flac`` and their plan, ``many_voices_train.csv``; recordings that
    exist are kept.

    Returns:
        The recordings, in the order of the plan.
    """
    dataset = load_dataset(config.dataset, "train", config.data_dir)
    plan, jobs = plan_many_voices(config, len(dataset.utterances)), []
    save_text(config.data_dir / "many_voices_train.csv", plan.to_csv(index_label="recording"))
    captions = many_voices_captions(config, dataset)
    for row, ((number, caption), conditions) in enumerate(zip(captions, as_conditions(plan), strict=True)):
        rendition, place = divmod(row, len(dataset.utterances))
        recording = dataset.utterances[place].recording
        name = f"{recording.stem.rsplit('_', 1)[0]}_{number}{recording.suffix}"
        path = place_of(config, recording.with_name(name), f"many_voices/{rendition}")
        jobs.append((caption.text, conditions, row, path))
    write_missing_files(_record_voice, jobs, "many voices", "recording", chunksize=32)
    return [path for *_, path in jobs]


def as_conditions(table: pd.DataFrame) -> list[Conditions]:
    """The rows of a table whose columns are the fields of ``acoustics.Conditions``."""
    return [Conditions(**{str(name): value for name, value in row.items()}) for row in table.to_dict("records")]


def _record_voice(job: tuple[str, Conditions, int, Path]) -> None:
    text, conditions, row, path = job
    spoken = torch.from_numpy(speech.synthesize(text, speech.seed_of(text), conditions.speaker))
    audio.save_audio(path, acoustics.degrade(spoken, conditions, np.random.default_rng([2, row])))


# --- the robustness study ---


def write_condition(config: Config, rows: NDArray[np.int64], conditions: Conditions) -> list[Path]:
    """Some utterances of the test split as they sound under some conditions, in the order of `rows`.

    An utterance meets the same room and the same noise under all conditions. Recordings of clean speech are those of the data
    set, or of ``write_voice``; degraded ones are written below ``conditions/``, and those that exist are kept.
    """
    dataset = load_dataset(config.dataset, "test", config.data_dir)
    recordings = clean = [dataset.utterances[row].recording for row in rows]
    if conditions.speaker != speech.VOICE:
        clean = write_voice(config, rows, conditions.speaker)
    if conditions == Conditions(speaker=conditions.speaker):
        return clean
    targets = [place_of(config, path, f"conditions/{conditions.slug}") for path in recordings]
    acoustics.write_degraded_speech(clean, targets, [conditions] * len(clean), degradation_seed(config, "test"))
    return targets


def write_transcripts(
    config: Config, recognizer: str, rows: NDArray[np.int64], conditions: Conditions = acoustics.CLEAN
) -> list[str]:
    """What a recognizer makes of some utterances of the test split, in the order of `rows` (chapters 12 and 20).

    Kept in ``transcripts_<recognizer>.json``, where they are clean, written every 64 utterances, so that a killed run goes on
    where it stopped.
    """
    files = dict(zip(map(int, rows), write_condition(config, rows, conditions), strict=True))
    return keep_transcripts(transcripts_path(config, recognizer, conditions=conditions.slug), recognizer, files)


def write_taught_transcripts(config: Config) -> None:
    """Transcripts of all utterances of both splits, for a text encoder that learns from them (chapter 11)."""
    for split in ("train", "test"):
        utterances = load_dataset(config.dataset, split, config.data_dir).utterances
        files = {row: utterance.recording for row, utterance in enumerate(utterances)}
        keep_transcripts(transcripts_path(config, TAUGHT_BY, split), TAUGHT_BY, files)


def keep_transcripts(path: Path, recognizer: str, files: dict[int, Path]) -> list[str]:
    """What a recognizer makes of some recordings, in their order; what `path` holds by their number is not heard again."""
    known = json.loads(path.read_text()) if path.exists() else {}
    missing = [row for row in files if str(row) not in known]
    texts = parallel_map(
        partial(_listen, recognizer), [files[row] for row in missing], desc=recognizer, unit="utterance", chunksize=4
    )
    for count, (row, text) in enumerate(zip(missing, texts, strict=True), 1):
        known[str(row)] = text
        if count % 64 == 0 or count == len(missing):
            save_text(path, json.dumps(known))
    return [known[str(row)] for row in files]


def _listen(recognizer: str, path: Path) -> str:
    return recognition.recognize(audio.load_audio(path), recognizer)


# --- sentences that no encoder was taught ---


def write_held_out(config: Config, count: int = 200) -> list[Path]:
    """Let the first voice say captions of training images that are spoken nowhere else: of the kind that is taught, and new.

    Where all of them are spoken, captions of the further pictures that the class classifier learns from stand in. Writes
    ``held_out/<row>.flac``, at most `count` of them, one caption an image; those that exist are kept.

    Raises:
        DatasetError: every caption is spoken.
    """
    dataset = load_dataset(config.dataset, "train", config.data_dir)
    taught = config.data.spoken_captions * (config.data.renditions if config.encoder.speech == "many_voices" else 1)
    texts = [record.captions[-1].text for record in dataset if len(record.captions) > taught]
    if not texts and config.spec.rendered:
        texts = [record.captions[-1].text for record in load_dataset(config.dataset, "classifier", config.data_dir)]
    if not texts:
        raise DatasetError(f"every caption of {config.dataset} is spoken in training: there is none to hold out")
    chosen = [texts[row] for row in np.linspace(0, len(texts) - 1, min(count, len(texts))).round().astype(int)]
    return _speak_texts(config, chosen, "held_out")


def write_unrelated(config: Config, count: int = 200) -> list[Path]:
    """Let the first voice say sentences about other things, and nonsense; see ``unrelated_sentences``.

    Writes ``unrelated/<row>.flac``, at most `count` of them; those that exist are kept.
    """
    texts = [*unrelated_sentences.SENTENCES, *unrelated_sentences.nonsense_sentences()]
    return _speak_texts(config, texts[:count], "unrelated")


def _speak_texts(config: Config, texts: list[str], folder: str) -> list[Path]:
    jobs = [(text, config.data_dir / folder / f"{row:03d}.flac") for row, text in enumerate(texts)]
    speech.speak_captions(jobs)
    return [path for _, path in jobs]
