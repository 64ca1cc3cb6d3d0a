"""Compare the project's training step and sound loader with plain versions of the same work.

    python benchmarks/run.py [--threads 2] [--repeats 5] [--write]

The two variants of a pair take turns, so that a busy machine slows both down. Reported is the median of the ratios of
neighbouring measurements with the smallest and the largest one.
"""

import argparse
import copy
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import threadpoolctl
import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the library needs no installation

from s2i_lib import artefacts, audio, results, training  # noqa: E402
from s2i_lib.config import ROOT, Config, load_config  # noqa: E402
from s2i_lib.gan import build_gan  # noqa: E402

STEPS = 4  # training steps per measurement
UTTERANCES = 64


# --- training step of StackGAN-v2 ---


def plain_step(generator, discriminators, optimizers, images, embedding, labels, settings) -> None:
    """The same update written down literally: one pass through the discriminator per kind of pair."""
    noise = torch.randn(len(images), settings.noise_dim)
    fakes, mean, log_variance = generator.draw(noise, embedding)
    one, zero = torch.ones(len(images)), torch.zeros(len(images))
    bce, keep = F.binary_cross_entropy_with_logits, labels != labels.roll(-1)
    condition = mean.detach()
    for scale, (discriminator, optimizer) in enumerate(zip(discriminators, optimizers["discriminators"])):
        real = F.interpolate(images, size=fakes[scale].shape[-1], mode="area")
        right, alone = discriminator(real, condition)
        wrong, _ = discriminator(real, condition.roll(-1, 0))
        fake_right, fake_alone = discriminator(fakes[scale].detach(), condition)
        loss = (bce(right, one) + bce(fake_right, zero) + bce(alone, one) + bce(fake_alone, zero)
                + bce(wrong[keep], zero[keep]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    loss = settings.kl_weight * -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).mean()
    for discriminator, fake in zip(discriminators, fakes):
        fake_right, fake_alone = discriminator(fake, mean)
        loss = loss + bce(fake_right, one) + bce(fake_alone, one)
    optimizers["generator"].zero_grad()
    loss.backward()
    optimizers["generator"].step()


def gan_variants(config: Config) -> tuple[Callable, Callable]:
    """Our step and the plain step, on the same networks, batch and optimiser settings."""
    settings = config.gan
    torch.manual_seed(0)
    images = torch.rand(settings.batch_size, 3, settings.image_size, settings.image_size) * 2 - 1
    embedding = torch.randn(settings.batch_size, config.encoder.target_dim)
    labels = torch.arange(settings.batch_size)
    plain = build_gan(settings, config.encoder.target_dim)
    generator, discriminators = (copy.deepcopy(part).to(memory_format=torch.channels_last) for part in plain)

    def adam(module, rate):
        return torch.optim.Adam(module.parameters(), rate, (settings.beta1, 0.999))

    ours_optimizers = {"generator": adam(generator, settings.generator_learning_rate),
                       "discriminators": adam(discriminators, settings.discriminator_learning_rate)}
    plain_optimizers = {"generator": adam(plain[0], settings.generator_learning_rate),
                        "discriminators": [adam(d, settings.discriminator_learning_rate) for d in plain[1]]}
    last_images = images.contiguous(memory_format=torch.channels_last)

    def ours():
        for step in range(STEPS):
            with training.mixed_precision(config):
                training.stackgan_step(generator, discriminators, ours_optimizers, last_images, embedding, labels,
                                       settings, step)

    def literal():
        for _ in range(STEPS):
            plain_step(*plain, plain_optimizers, images, embedding, labels, settings)

    return ours, literal


# --- sound files to log-mel spectrograms ---


def write_utterances(folder: Path) -> list[Path]:
    """Wav files of 3 to 6 seconds at 16 kHz; noise, since the content costs nothing."""
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:02d}.wav" for number in range(UTTERANCES)]
    for path in paths:
        samples = np.convolve(rng.normal(size=int(rng.uniform(3, 6) * audio.SAMPLE_RATE)), np.exp(-np.arange(40) / 8), "same")
        audio.save_audio(path, 0.1 * samples / samples.std())
    return paths


def librosa_log_mel(path: Path) -> np.ndarray:
    """The same features by librosa."""
    import librosa

    waveform, _ = librosa.load(path, sr=audio.SAMPLE_RATE)
    waveform = waveform * (audio.LEVEL / np.sqrt(np.mean(waveform**2)))
    waveform = librosa.effects.preemphasis(waveform - waveform.mean(), coef=audio.PRE_EMPHASIS, zi=[0.0])
    mel = librosa.feature.melspectrogram(
        y=waveform, sr=audio.SAMPLE_RATE, n_fft=audio.WINDOW, hop_length=audio.HOP, window="hamming", center=True,
        pad_mode="constant", power=2.0, n_mels=audio.NUM_MELS, fmin=audio.LOW_FREQUENCY, fmax=audio.SAMPLE_RATE / 2)
    return np.log(mel + audio.ENERGY_FLOOR)


def loader_variants(paths: list[Path]) -> tuple[Callable, Callable]:
    """Our loader as chapter 03 uses it and librosa's, both file by file.

    numpy's BLAS gets one thread: librosa is as fast with it, and its idle second thread would spin through our turn.
    """
    threadpoolctl.threadpool_limits(1, "blas")
    if not np.allclose(artefacts.log_mel_frames(paths[0]).T, librosa_log_mel(paths[0]), atol=2e-2):
        raise AssertionError("the two loaders give different features")
    return lambda: [artefacts.log_mel_frames(path) for path in paths], lambda: [librosa_log_mel(path) for path in paths]


# --- measuring ---


def seconds(function: Callable) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def compare(name: str, unit: str, items: int, variants: tuple[Callable, Callable], repeats: int) -> dict:
    """Rates of both variants and their ratio; one unmeasured round first, then the two take turns."""
    ours, plain = variants
    ours(), plain()
    rounds = []
    for number in range(repeats):
        first, second = (seconds(function) for function in (variants if number % 2 == 0 else variants[::-1]))
        rounds.append((first, second) if number % 2 == 0 else (second, first))
    ratios = [slow / fast for fast, slow in rounds]
    return {"benchmark": name, "unit": unit, "ours": items / statistics.median(fast for fast, _ in rounds),
            "plain": items / statistics.median(slow for _, slow in rounds), "ratio": statistics.median(ratios),
            "ratio_min": min(ratios), "ratio_max": max(ratios), "repeats": repeats}


def main() -> None:
    """Run both comparisons, print a table and, if asked, keep it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="default: all available cores")
    parser.add_argument("--repeats", type=int, default=5, help="measurements per variant (default: %(default)s)")
    parser.add_argument("--write", action="store_true", help="save the table as results/benchmarks.csv")
    options = parser.parse_args()
    if options.threads < 1 or options.repeats < 1:
        parser.error("--threads and --repeats must be at least 1")
    if torch.cuda.is_available():
        parser.error("these comparisons are for the CPU; hide the GPU with CUDA_VISIBLE_DEVICES=''")
    torch.set_num_threads(options.threads)
    config = load_config("small", recipe="paper")
    with training.mixed_precision(config):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    precision, machine = str(product.dtype).removeprefix("torch."), results.hardware()
    with tempfile.TemporaryDirectory() as folder:
        rows = [compare("StackGAN-v2 training step", "images/s", STEPS * config.gan.batch_size, gan_variants(config),
                        options.repeats),
                compare("log-mel from wav", "utterances/s", UTTERANCES, loader_variants(write_utterances(Path(folder))),
                        options.repeats)]
    table = pd.DataFrame(rows).assign(precision=[precision, "float32"], threads=options.threads,
                                      processor=machine["processor"], torch=torch.__version__)
    print(f"{machine['processor']}, {options.threads} threads; our training step in {precision} and channels last, "
          "the plain one in float32")
    print(results.markdown(table[["benchmark", "unit", "ours", "plain", "ratio", "ratio_min", "ratio_max"]].round(2)))
    if options.write:
        table.to_csv(ROOT / "results" / "benchmarks.csv", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
