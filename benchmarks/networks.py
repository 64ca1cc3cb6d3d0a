"""Training steps and the answer to one utterance."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from measure import Comparison
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.flop_counter import FlopCounterMode

from s2i_lib import audio, recognition, speech
from s2i_lib.config import Config, load_config
from s2i_lib.devices import configure_gpu, mixed_precision, pick_device
from s2i_lib.inference import SpeechToImage, generate
from s2i_lib.models.gan import build_gan
from s2i_lib.models.student import SpeechModel
from s2i_lib.models.text_encoder import TextEncoder, encode_characters
from s2i_lib.training.common import adam, averaged
from s2i_lib.training.encoder import mask_time
from s2i_lib.training.gan import build_networks, compile_networks
from s2i_lib.training.gan_steps import GAN_STEPS, Batch

STEPS = 4  # training steps per measurement
PADDED_FRAMES = 2048  # frames that the released code pads every utterance to


def precision_of(config: Config) -> str:
    """What ``devices.mixed_precision`` chooses on this machine."""
    device = pick_device()
    with mixed_precision(config):
        product = torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)
    return str(product.dtype).removeprefix("torch.")


def count_flops(function: Callable) -> float:
    """Floating point operations of one call, from the shapes of its matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        function()
    return float(counter.get_total_flops())


# --- GAN ---


def plain_step(generator, discriminators, optimizers, images, embedding, labels, settings) -> None:
    """A StackGAN-v2 update written down literally: one pass through the discriminator per kind of pair."""
    noise = torch.randn(len(images), settings.noise_dim, device=images.device)
    fakes, mean, log_variance = generator.generate(noise, embedding)
    one, zero = torch.ones(len(images), device=images.device), torch.zeros(len(images), device=images.device)
    bce, keep = F.binary_cross_entropy_with_logits, labels != labels.roll(-1)
    condition = mean.detach()
    for scale, (discriminator, optimizer) in enumerate(zip(discriminators, optimizers["discriminators"])):
        real = F.interpolate(images, size=fakes[scale].shape[-1], mode="area")
        right, alone = discriminator(real, condition)
        wrong, _ = discriminator(real, condition.roll(-1, 0))
        fake_right, fake_alone = discriminator(fakes[scale].detach(), condition)
        loss = bce(right, one) + bce(fake_right, zero) + bce(alone, one) + bce(fake_alone, zero) + bce(wrong[keep], zero[keep])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()  # into the log, as usual
    loss = settings.kl_weight * -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).mean()
    for discriminator, fake in zip(discriminators, fakes):
        fake_right, fake_alone = discriminator(fake, mean)
        loss = loss + bce(fake_right, one) + bce(fake_alone, one)
    optimizers["generator"].zero_grad()
    loss.backward()
    optimizers["generator"].step()
    loss.item()


def gan_batch(config: Config) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Random images, embeddings and labels: the content costs nothing."""
    settings, device = config.gan, pick_device()
    images = torch.rand(settings.batch_size, 3, settings.image_size, settings.image_size, device=device) * 2 - 1
    return (
        images,
        torch.randn(settings.batch_size, config.encoder.target_dim or 1024, device=device),
        torch.arange(settings.batch_size, device=device),
    )


def our_step(config: Config, batch: tuple) -> Callable[[], None]:
    """One step of ``training.gan.train_gan`` on a fixed batch."""
    settings, device = config.gan, pick_device()
    torch.manual_seed(0)
    networks, count = build_networks(config, batch[1].shape[1], device), iter(range(10**9))
    average = averaged(networks.generator, settings.ema_decay)
    example = Batch(batch[0].contiguous(memory_format=torch.channels_last), *batch[1:])
    configure_gpu(config)
    compile_networks(networks)

    def step() -> None:
        with mixed_precision(config):
            GAN_STEPS[settings.model](networks, example, next(count))
        average.update_parameters(networks.generator)

    return step


def literal_step(config: Config, batch: tuple) -> Callable[[], None]:
    """The literal step in float32, channels first, with an optimiser per discriminator and the usual running average."""
    settings, device, plain = config.gan, pick_device(), config.model_copy(update={"precision": "float32"})
    torch.manual_seed(0)
    generator, discriminators = (part.to(device) for part in build_gan(settings, batch[1].shape[1]))
    betas, average = (settings.beta1, 0.999), copy.deepcopy(generator)
    optimizers = {
        "generator": torch.optim.Adam(generator.parameters(), settings.generator_learning_rate, betas),
        "discriminators": [
            torch.optim.Adam(discriminator.parameters(), settings.discriminator_learning_rate, betas)
            for discriminator in discriminators
        ],
    }

    def step() -> None:
        with mixed_precision(plain):
            plain_step(generator, discriminators, optimizers, *batch, settings)
        with torch.no_grad():
            for mean, value in zip(average.parameters(), generator.parameters()):
                mean.mul_(0.999).add_(value, alpha=0.001)

    return step


def repeated(function: Callable, times: int) -> Callable[[], None]:
    """`function` several times over."""

    def run() -> None:
        for _ in range(times):
            function()

    return run


def gan_comparison(config: Config, name: str, steps: int = STEPS, repeats: int | None = None) -> Comparison:
    """Our StackGAN-v2 step against the literal one on the same batch."""
    batch = gan_batch(config)
    ours = our_step(config, batch)
    return Comparison(
        name,
        "images/s",
        steps * config.gan.batch_size,
        repeated(ours, steps),
        {"literal StackGAN-v2 step": repeated(literal_step(config, batch), steps)},
        flops=steps * count_flops(ours),
        precision=precision_of(config),
        repeats=repeats,
        note="ours scores three mismatched sentences per image, the literal step one",
    )


def gan(folder: Path) -> Comparison:
    """The paper's GAN at the size of the profile `small` (64 px)."""
    return gan_comparison(load_config("small", recipe="paper"), "GAN step, 64 px")


def gan_256(folder: Path) -> Comparison:
    """The paper's GAN with the paper's network sizes at 256 px: a GPU's work."""
    return gan_comparison(
        load_config("large", recipe="paper"), "GAN step, 256 px", steps=2 if on_gpu() else 1, repeats=None if on_gpu() else 1
    )


def modulated_comparison(profile: str, steps: int, repeats: int | None = None) -> Comparison:
    """The recommended generator's step with and without mixed precision, channels last and compilation."""
    config = load_config(profile, recipe="recommended")
    plain = load_config(profile, recipe="recommended", overrides={"precision": "float32"})
    batch = gan_batch(config)
    return Comparison(
        f"recommended GAN step, {config.gan.image_size} px",
        "images/s",
        steps * config.gan.batch_size,
        repeated(our_step(config, batch), steps),
        {"the same in float32": repeated(our_step(plain, batch), steps)},
        precision=precision_of(config),
        repeats=repeats,
    )


def modulated(folder: Path) -> Comparison:
    """The recommended generator at the size of the profile `small`."""
    return modulated_comparison("small", steps=4)  # every fourth step takes the gradient penalty


def modulated_256(folder: Path) -> Comparison:
    """The recommended generator at 256 px."""
    return modulated_comparison("large", steps=4, repeats=None if on_gpu() else 1)


# --- speech encoder ---


class PlainSpeechEncoder(nn.Module):
    """The released encoder as it was: every utterance padded to 2,048 frames, padding normalised and averaged with the rest."""

    def __init__(self, embedding_dim: int, width: int, rnn_dim: int):
        super().__init__()

        def layer(inputs, outputs, kernel, stride=1):
            return [nn.Conv1d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]

        w = width
        self.convolutions = nn.Sequential(
            nn.BatchNorm1d(40),
            *layer(40, w, 1),
            *layer(w, w, 3),
            nn.MaxPool1d(3, 2, 1),
            *layer(w, 2 * w, 17, 2),
            *layer(2 * w, 4 * w, 13, 2),
            *layer(4 * w, 4 * w, 3),
            *layer(4 * w, 8 * w, 9, 2),
            nn.MaxPool1d(3, 2, 1),
            *layer(8 * w, 8 * w, 3),
            *layer(8 * w, 16 * w, 5, 2),
        )
        self.rnn = nn.LSTM(16 * w, rnn_dim // 2, batch_first=True, bidirectional=True)
        self.project = nn.Linear(rnn_dim, embedding_dim)

    def forward(self, log_mel, lengths):
        slots = self.convolutions(log_mel).transpose(1, 2)
        packed = pack_padded_sequence(slots, (lengths.cpu() // 64).clamp_min(1), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.rnn(packed)[0], batch_first=True, total_length=slots.shape[1])
        return self.project(states.mean(dim=1))


def utterances(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A padded batch of random spectrograms of 3 to 6 seconds and their lengths."""
    lengths = torch.randint(300, 600, (count,), generator=torch.Generator().manual_seed(0))
    return audio.collate_log_mels([torch.randn(audio.NUM_MELS, int(length)) for length in lengths])


def encoder(folder: Path) -> Comparison:
    """One update of the paper's speech encoder at the size of the profile `small`, spectrograms in memory."""
    config, device = load_config("small", recipe="paper"), pick_device()
    settings, steps = config.encoder, 2
    log_mel, lengths = utterances(settings.batch_size)
    features, labels = torch.randn(len(lengths), 1280, device=device), torch.arange(len(lengths), device=device)
    model = SpeechModel(config, 1280).to(device)
    average, optimizer = averaged(model, 0.995), adam(model, settings.learning_rate)

    def ours() -> None:
        for _ in range(steps):
            with mixed_precision(config):
                embedded = model.encoder(mask_time(log_mel, lengths).to(device), lengths)
            loss = model.loss(embedded, model.targets(features), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            average.update_parameters(model)

    plain = PlainSpeechEncoder(model.encoder.embedding_dim, settings.width, settings.rnn_dim).to(device)
    plain_optimizer = torch.optim.Adam(plain.parameters(), settings.learning_rate)

    def padded() -> None:
        for _ in range(steps):
            batch = F.pad(mask_time(log_mel, lengths), (0, PADDED_FRAMES - log_mel.shape[2])).to(device)
            loss = model.loss(plain(batch, lengths), model.targets(features), labels)
            plain_optimizer.zero_grad()
            loss.backward()
            plain_optimizer.step()
            loss.item()

    return Comparison(
        "speech encoder step",
        "utterances/s",
        steps * len(lengths),
        ours,
        {"padded to 2,048 frames, float32": padded},
        precision=precision_of(config),
    )


# --- one utterance ---


def latency(folder: Path) -> Comparison:
    """From a recording of four seconds to its first 64 px image, models in memory. Weights do not matter for the time."""
    config = load_config("small", recipe="paper")
    model = SpeechModel(config, 1280)
    generator = build_gan(config.gan, model.encoder.embedding_dim)[0]
    translator = SpeechToImage(config, model, generator)
    waveform = torch.from_numpy(speech.synthesize("this small bird has a red crown, black wings and a short pointed bill"))
    reader = TextEncoder(model.encoder.embedding_dim).eval()

    @torch.no_grad()
    def two_stages() -> None:
        characters = encode_characters(recognition.recognize(waveform) or " ")
        embedding = reader(characters[None], torch.tensor([len(characters)]))
        generate(translator.generator, embedding, config)

    return Comparison(
        "speech to first 64 px image",
        "answers/s",
        1,
        lambda: translator.translate(waveform),
        {"two stages with whisper tiny": two_stages},
        precision=precision_of(config),
        note="one answer at a time on the processor",
    )


def on_gpu() -> bool:
    """Is there a GPU?"""
    return torch.cuda.is_available()
