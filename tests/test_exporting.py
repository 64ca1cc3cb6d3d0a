"""Networks as ONNX graphs compute what torch computes."""

import numpy as np
import onnxruntime
import pytest
import torch
from conftest import EMBEDDING_DIM, TEACHER_DIM, tiny_config

from s2i_lib import exporting
from s2i_lib.audio import log_mel_spectrogram, set_level
from s2i_lib.exporting import export_encoder, export_generator
from s2i_lib.features import to_pixels
from s2i_lib.inference import SpeechToImage, noise_rows
from s2i_lib.models.gan import build_gan
from s2i_lib.models.student import SpeechModel
from s2i_lib.models.whisper import whisper_log_mel
from s2i_lib.novelty import write_reference

SECONDS = (0.64, 0.65, 1.3, 2.617)  # of whole frames, steps and states, and of none


def untrained(recipe="recommended", **sections):
    """A model with random weights and random statistics of its batch normalisations."""
    settings = tiny_config(recipe=recipe, **sections)
    torch.manual_seed(0)
    speech_model = SpeechModel(settings, TEACHER_DIM)
    for module in speech_model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return SpeechToImage(settings, speech_model, build_gan(settings.gan, EMBEDDING_DIM)[0])


def sound(seconds: float) -> torch.Tensor:
    """Noise that grows louder and has a pause."""
    waveform = torch.randn(round(16_000 * seconds), generator=torch.Generator().manual_seed(1))
    waveform *= torch.linspace(0.1, 1, len(waveform))
    waveform[2000:4000] *= 1e-4
    return set_level(waveform)


class Graph:
    """An exported graph, as another program runs it."""

    def __init__(self, graph):
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(graph.SerializeToString(), settings)

    def __call__(self, **inputs) -> list[np.ndarray]:
        return self.session.run(None, inputs)


def cosine(first, second) -> float:
    first, second = np.ravel(first), np.ravel(second)
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("pooling", ["mean", "all_steps", "last"])
def test_an_encoder_of_spectrograms_is_exported_for_sentences_of_any_length(pooling, normalise):
    model = untrained(encoder={"pooling": pooling, "normalise": normalise})
    run = Graph(export_encoder(model))
    for seconds in SECONDS:
        embedding, frames = run(waveform=sound(seconds).numpy())
        expected = model.embed(sound(seconds)).numpy()
        assert np.abs(frames - log_mel_spectrogram(sound(seconds)).numpy()).max() < 1e-3
        assert np.abs(embedding - expected).max() < 5e-3 * np.abs(expected).max(), "but for weights in half precision"


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["last", "all"])
def test_a_frozen_encoder_is_exported_with_its_head(layers):
    model = untrained(encoder={"front_end": "whisper", "layers": layers, "width": 32})
    graph = export_encoder(model)
    assert graph.ByteSize() < 14e6
    run = Graph(graph)
    for seconds in (*SECONDS, 20.0):
        embedding, frames = run(waveform=sound(seconds).numpy())
        assert np.abs(frames - whisper_log_mel(sound(seconds)).numpy()).max() < 1e-3
        assert cosine(embedding, model.embed(sound(seconds))) > 0.999


def test_a_reference_comes_along(tmp_path):
    model = untrained()
    model.reference = write_reference(tmp_path, np.eye(3), ["one", "two", "three"], np.eye(3))
    embedding, _, cosines, score = Graph(export_encoder(model))(waveform=sound(1.0).numpy())
    familiarity = model.reference.familiarity(embedding)
    assert score.item() == pytest.approx(familiarity.score, rel=1e-4)
    assert model.reference.captions[cosines.argmax()] == familiarity.nearest[0][0]


def test_a_generator_is_exported():
    model = untrained()
    run, noise = Graph(export_generator(model)), noise_rows(4, model.config.gan.noise_dim, 0)
    for row in noise:
        embedding = torch.randn(1, EMBEDDING_DIM, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            expected = to_pixels(model.generator(row[None], embedding)[-1])[0].permute(1, 2, 0).numpy()
        (pixels,) = run(noise=row[None].numpy(), embedding=embedding.numpy())
        assert pixels.dtype == np.uint8 and pixels.shape == expected.shape
        assert np.abs(pixels.astype(int) - expected).max() <= 2
    assert len({row[0] > 0 for row in noise.numpy()}) == 2, "mirrored pictures were among them"


def test_what_cannot_be_exported_is_named():
    with pytest.raises(ValueError, match="generator of paper augments its condition: give a model that does not"):
        export_generator(untrained("paper"))
    with pytest.raises(ValueError, match="kind TextEncoder cannot be exported"):
        export_encoder(untrained("text"))


def test_eight_bits_are_within_half_a_step_of_each_column():
    values = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32) * 10.0 ** np.arange(-3, 4).astype(np.float32)
    whole, scales = exporting._in_eight_bits(values, outputs=1)
    assert whole.dtype == np.int8 and np.abs(whole).max(axis=0).tolist() == [127] * 7
    assert (np.abs(whole * scales - values) <= scales * 0.501).all()
    kernels, of_each = exporting._in_eight_bits(values.T.reshape(7, 2, 5, 5), outputs=0)
    assert np.array_equal(kernels.reshape(7, 50).T, whole) and np.array_equal(of_each.ravel(), scales.ravel())
