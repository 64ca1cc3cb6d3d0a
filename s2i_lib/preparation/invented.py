"""The captions in the invented language, spoken (chapter 24): the same birds, and the same attributes mentioned of them.

No step knows the English words: what is translated is what a caption mentions, and what comes out are phonemes. The captions
themselves, said by the same voices, are the control: then nothing but the language differs.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from s2i_lib import speech
from s2i_lib.audio import save_audio
from s2i_lib.config import Config
from s2i_lib.datasets import load_dataset
from s2i_lib.invented.sentences import Sentence, compose
from s2i_lib.preparation.speech import SHARES, keep_transcripts, place_of, training_speakers
from s2i_lib.workers import write_missing_files


def invented_sentences(config: Config, split: str) -> list[Sentence]:
    """What each spoken caption of a split says, in the invented language, in the row order of ``SpokenImages.utterances``.

    Raises:
        ValueError: the captions are not about rendered birds.
    """
    dataset = load_dataset(config.dataset, split, config.data_dir)
    return [
        compose(utterance.caption.mentioned, np.random.default_rng([config.data.seed, 3, int(split == "test"), row]))
        for row, utterance in enumerate(dataset.utterances)
    ]


def plan_speakers(config: Config, split: str, utterances: int) -> list[str]:
    """Who says each sentence: for training, voices of several synthesizers, as often as in ``preparation.speech.SHARES``; in
    tests the first voice.
    """
    if split == "test":
        return [speech.VOICE] * utterances
    rng = np.random.default_rng([config.data.seed, 4])  # 0 and 1 draw degraded speech, 2 many voices, 3 what is said
    found = rng.choice(list(SHARES), utterances, p=list(SHARES.values()))
    speakers = training_speakers()
    return [str(rng.choice(speakers[kind])) for kind in found]


def write_invented(config: Config, split: str) -> list[Path]:
    """Let every spoken caption of a split be said in the invented language, by the voices of ``plan_speakers``.

    Writes clean recordings ``invented/<class>/<image>_<caption>.flac``; those that exist are kept.

    Returns:
        The recordings, in the row order of ``SpokenImages.utterances``.
    """
    sentences = invented_sentences(config, split)
    return _speak(config, split, np.arange(len(sentences)), sentences, plan_speakers(config, split, len(sentences)), "invented")


def write_several_voices(config: Config) -> list[Path]:
    """Let every training caption be said in English, each by the voice that says it in the invented language.

    Writes clean recordings ``several_voices/<class>/<image>_<caption>.flac``; those that exist are kept.

    Returns:
        The recordings, in the row order of ``SpokenImages.utterances``.
    """
    utterances = load_dataset(config.dataset, "train", config.data_dir).utterances
    paths = [place_of(config, utterance.recording, "several_voices") for utterance in utterances]
    speakers = plan_speakers(config, "train", len(utterances))
    jobs = [(utterance.caption.text, voice, path) for utterance, voice, path in zip(utterances, speakers, paths, strict=True)]
    write_missing_files(_speak_text_to_file, jobs, "several voices", "caption", chunksize=32)
    return paths


def write_invented_voice(config: Config, rows: NDArray[np.int64], voice: str) -> list[Path]:
    """Let another voice say some sentences of the test split in the invented language.

    Writes ``invented_voices/<voice>/<class>/<image>_<caption>.flac`` and gives their paths in the order of `rows`.
    """
    sentences, folder = invented_sentences(config, "test"), f"invented_voices/{voice.replace(' ', '_')}"
    return _speak(config, "test", rows, [sentences[row] for row in rows], [voice] * len(rows), folder)


def write_invented_transcripts(config: Config, recognizer: str, rows: NDArray[np.int64]) -> list[str]:
    """What a recognizer of English makes of some sentences of the test split in the invented language, in the order of `rows`.

    Kept in ``transcripts_invented_<recognizer>.json``, see ``preparation.speech.write_transcripts``.
    """
    paths = write_invented(config, "test")
    kept = config.data_dir / f"transcripts_invented_{recognizer}.json"
    return keep_transcripts(kept, recognizer, {int(row): paths[row] for row in rows})


def _speak(
    config: Config, split: str, rows: NDArray[np.int64], sentences: list[Sentence], speakers: list[str], folder: str
) -> list[Path]:
    utterances = load_dataset(config.dataset, split, config.data_dir).utterances
    paths = [place_of(config, utterances[row].recording, folder) for row in rows]
    jobs = [(sentence.phonemes, voice, path) for sentence, voice, path in zip(sentences, speakers, paths, strict=True)]
    write_missing_files(_speak_to_file, jobs, "invented language", "sentence", chunksize=32)
    return paths


def _speak_text_to_file(job: tuple[str, str, Path]) -> None:
    text, voice, path = job
    save_audio(path, speech.synthesize(text, speech.seed_of(text), voice))


def _speak_to_file(job: tuple[str, str, Path]) -> None:
    phonemes, voice, path = job
    save_audio(path, speech.synthesize_phonemes(phonemes, speech.seed_of(phonemes), voice))
