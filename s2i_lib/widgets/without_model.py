"""Widgets that need no trained model: draw and describe, hear and degrade, move logits and thresholds."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torchaudio import functional as AF

from s2i_lib import acoustics, figures, losses, results
from s2i_lib.audio import ENERGY_FLOOR, LOW_FREQUENCY, PRE_EMPHASIS, SAMPLE_RATE, set_level
from s2i_lib.datasets import rendered_spec
from s2i_lib.widgets.panel import Panel, Shown, menu, slider, spoken, whole

NO_NOISE = 30  # decibels at the right end of the slider, which stand for none

# --- pictures and sentences ---


def draw_example(dataset: str, attributes: dict[str, str], number: int = 0) -> tuple[Figure, str]:
    """A picture of a rendered data set, beside one of its sentences and what that sentence mentions; and the sentence.

    Args:
        dataset: name of a rendered data set.
        attributes: a value for every attribute.
        number: seed of pose, place and light, and of the choice of words.
    """
    spec, rng = rendered_spec(dataset), np.random.default_rng(number)
    sentence, mentioned = spec.describe(attributes, np.random.default_rng(number))
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.9), width_ratios=[1, 1.7])
    figures.show_image(left, spec.draw(attributes, rng, 256))
    right.axis("off")
    right.text(0, 1, figures.wrap(f"“{sentence}”", 46), va="top", fontsize=12)
    for place, (name, value) in enumerate(attributes.items()):
        colour, weight = (figures.INK, "bold") if name in mentioned else (figures.GREY, "normal")
        column, row = divmod(place, (len(attributes) + 1) // 2)
        words = f"{name.replace('_', ' ')}: {value}"
        right.text(0.5 * column, 0.52 - 0.1 * row, words, va="top", color=colour, weight=weight)
    return figure, sentence


def build_example(dataset: str, start: dict[str, str]) -> Panel:
    """Choose every attribute from a menu, see the picture and hear its sentence; ``another`` changes what is left to chance.

    Args:
        dataset: name of a rendered data set.
        start: a value for every attribute.
    """
    attributes = {name: menu(name, values, start[name]) for name, values in rendered_spec(dataset).attributes.items()}

    def show(another: int, **chosen: str) -> Shown:
        figure, sentence = draw_example(dataset, chosen, another)
        return Shown(figure, sound=lambda: spoken(sentence))

    return Panel(show, {**attributes, "another": whole("another", 0, 99, 0)})


# --- sounds ---


def mel_spectrogram(
    waveform: torch.Tensor, bands: int = 40, window_ms: float = 25.0, hop_ms: float = 10.0
) -> tuple[torch.Tensor, NDArray[np.float64]]:
    """``audio.log_mel_spectrogram`` with other numbers.

    Args:
        waveform: (samples,) at 16 kHz.
        bands: mel bands from 20 Hz to 8 kHz.
        window_ms, hop_ms: length and distance of the windows, in milliseconds.

    Returns:
        (bands, frames) log energies, and the (bins, bands) filters; of narrow bands and few bins, some filters are all zero.
    """
    window, hop = round(window_ms * SAMPLE_RATE / 1000), round(hop_ms * SAMPLE_RATE / 1000)
    centred = waveform - waveform.mean()
    emphasised = torch.cat([centred[:1], centred[1:] - PRE_EMPHASIS * centred[:-1]])
    padded = torch.nn.functional.pad(emphasised, (window // 2, window // 2))
    frames = padded.unfold(-1, window, hop) * torch.hamming_window(window, dtype=waveform.dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "At least one mel filterbank")  # the picture says which
        filters = AF.melscale_fbanks(
            window // 2 + 1, LOW_FREQUENCY, SAMPLE_RATE / 2, bands, SAMPLE_RATE, norm="slaney", mel_scale="slaney"
        )
    energies = torch.fft.rfft(frames).abs().square() @ filters.to(waveform.dtype)
    return torch.log(energies.T + ENERGY_FLOOR), filters.double().numpy()


def example_sounds(sentence: torch.Tensor) -> dict[str, torch.Tensor]:
    """Sounds whose spectrograms one can predict, as long as the (samples,) `sentence` and as loud."""
    time = torch.arange(len(sentence)) / SAMPLE_RATE
    rise = 100 * time + (7000 - 100) * time.square() / (2 * time[-1])  # turns: the integral of a rising frequency
    clicks = torch.zeros(len(sentence))
    clicks[:: SAMPLE_RATE // 5] = 1
    noise = acoustics.make_noise("pink", len(sentence), np.random.default_rng(0))
    sounds = {"a sentence": sentence, "a rising tone": torch.sin(2 * math.pi * rise), "five clicks a second": clicks}
    return {name: set_level(sound) for name, sound in {**sounds, "pink noise": noise}.items()}


def draw_mel(waveform: torch.Tensor, bands: int = 40, window_ms: float = 25.0, hop_ms: float = 10.0) -> Figure:
    """The filters and the log-mel spectrogram of a (samples,) waveform; see ``mel_spectrogram``."""
    log_mel, filters = mel_spectrogram(waveform.float(), bands, window_ms, hop_ms)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 2.9), width_ratios=[1, 2])
    kilohertz = np.linspace(0, SAMPLE_RATE / 2000, len(filters))
    left.set_prop_cycle(color=plt.get_cmap("viridis")(np.linspace(0, 0.9, bands)))
    left.plot(kilohertz, filters, linewidth=0.8)
    empty = int((filters.max(0) == 0).sum())
    left.set(xlabel="frequency (kHz)", ylabel="weight", xlim=(0, 8), ylim=(0, None), yticks=[])
    left.set_title(f"{bands} filters" + (f", {empty} of them empty" if empty else ""))
    seconds = len(waveform) / SAMPLE_RATE
    image = right.imshow(log_mel.numpy(), origin="lower", aspect="auto", extent=(0, seconds, 0, bands), interpolation="nearest")
    figure.colorbar(image, label="log energy", pad=0.02)
    right.set(xlabel="time (s)", ylabel="mel band")
    right.set_title(f"{SAMPLE_RATE:,} numbers a second become {bands} times {1000 / hop_ms:g}")
    return figure


def mel_sliders(waveform: torch.Tensor) -> Panel:
    """Choose the sound, the number of bands and the window of a log-mel spectrogram.

    Args:
        waveform: (samples,) of a sentence at 16 kHz.
    """
    sounds = example_sounds(waveform.float())

    def show(sound: str, bands: int, window: int, hop: int) -> Shown:
        return Shown(draw_mel(sounds[sound], bands, window, hop), sound=sounds[sound])

    controls = {
        "sound": menu("sound", list(sounds)),
        "bands": whole("mel bands", 10, 120, 40),
        "window": ipywidgets.SelectionSlider(options=[5, 10, 25, 50, 100, 200], value=25, description="window (ms)"),
        "hop": ipywidgets.SelectionSlider(options=[5, 10, 20, 40], value=10, description="every (ms)"),
    }
    return Panel(show, controls)


def draw_degraded(clean: torch.Tensor, degraded: torch.Tensor) -> Figure:
    """The spectrograms of two (samples,) waveforms at 16 kHz, one above the other, on one scale of colours."""
    figure, axes = plt.subplots(2, 1, figsize=(9, 3.8), sharex=True, sharey=True)
    pictures = [mel_spectrogram(set_level(waveform.float()))[0] for waveform in (clean, degraded)]
    for axis, picture, title in zip(axes, pictures, ("as spoken", "as recorded")):
        figures.plot_log_mel(axis, picture, title)
        axis.images[0].set_clim(float(pictures[0].min()), float(pictures[0].max()))
    axes[0].set_xlabel("")
    figure.colorbar(axes[1].images[0], ax=axes, label="log energy", pad=0.01)
    return figure


def degrade(clean: torch.Tensor, others: Sequence[torch.Tensor] = ()) -> Panel:
    """Put a sentence into noise and into a room, see what is left of its spectrogram, and listen.

    Args:
        clean: (samples,) of a sentence at 16 kHz.
        others: waveforms that babble is mixed from; without three of them, there is none.
    """
    noises = [name for name in acoustics.NOISES if name != "babble" or len(others) >= acoustics.BABBLE[0]]

    def show(snr_db: float, noise: str, rt60: float, band: str) -> Shown:
        conditions = acoustics.Conditions(snr_db=snr_db if snr_db < NO_NOISE else math.inf, noise=noise, rt60=rt60, band=band)
        recorded = acoustics.degrade(clean.float(), conditions, np.random.default_rng(0), others)
        return Shown(draw_degraded(clean, recorded), sound=recorded)

    controls = {
        "snr_db": slider(f"SNR, {NO_NOISE}: none", -5, NO_NOISE, 5, 1, ".0f"),
        "noise": menu("noise", noises),
        "rt60": slider("echo (s)", 0, 2, 0.3, 0.1),
        "band": menu("microphone", list(acoustics.BANDS)),
    }
    return Panel(show, controls)


# --- numbers ---


def logit_terms(real: float, generated: float, mismatched: float) -> pd.DataFrame:
    """Every term of the discriminator's and the generator's loss for one logit of each kind of pair.

    Returns:
        Columns term, whose (``discriminator`` or ``generator``), cross entropy (Eqs. 11, 13 and 14 with the logarithm of Eq. 1)
        and hinge (``losses.hinge_discriminator_loss``).
    """
    r, g, m = (torch.tensor([logit], dtype=torch.float64) for logit in (real, generated, mismatched))
    certain = torch.full_like(r, 1e3)  # a logit so far on its side that its own term is zero
    return pd.DataFrame(
        [
            ("real, fits", "discriminator", losses.discriminator_conditional_loss(r, -certain), (1 - r).relu()),
            ("generated", "discriminator", losses.discriminator_conditional_loss(certain, g), (1 + g).relu() / 2),
            ("real, another's sentence", "discriminator", losses.discriminator_mismatch_loss(m), (1 + m).relu() / 2),
            ("generated", "generator", losses.generator_loss(g, certain), losses.hinge_generator_loss(g)),
        ],
        columns=["term", "whose", "cross entropy", "hinge"],
    ).astype({"cross entropy": float, "hinge": float})


def draw_logits(real: float, generated: float, mismatched: float) -> Figure:
    """The two curves of cross entropy with the three logits on them, and the terms as bars; see ``logit_terms``."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.1), width_ratios=[1.1, 1])
    line = np.linspace(-8, 8, 200)
    left.plot(line, np.logaddexp(0, -line), color=figures.INK, label=r"$-\log D$")
    left.plot(line, np.logaddexp(0, line), "--", color=figures.INK, label=r"$-\log(1 - D)$")
    for number, (name, logit, sign) in enumerate(
        (("real, fits", real, -1), ("generated", generated, 1), ("real, another's sentence", mismatched, 1))
    ):
        left.plot(logit, np.logaddexp(0, sign * logit), "o", color=f"C{number}", markersize=9, label=name)
    left.set(xlabel="logit", ylabel="loss", ylim=(0, 8.5))
    left.legend(fontsize=8, loc="upper center")
    terms = logit_terms(real, generated, mismatched)
    places, names = np.arange(len(terms)), [f"{row.whose}:\n{row.term}" for row in terms.itertuples()]
    right.barh(places - 0.2, terms["cross entropy"], 0.36, color=["C0", "C1", "C2", "C1"])
    right.barh(places + 0.2, terms["hinge"], 0.36, color=["C0", "C1", "C2", "C1"], alpha=0.35)
    right.axvline(math.log(2), color=figures.GREY, linestyle=":", linewidth=1)
    right.set_yticks(places, names, fontsize=8)
    right.set(ylim=(3.6, -0.6), xlabel="loss: cross entropy (dark), hinge (light)")
    total = terms[terms.whose == "discriminator"]["cross entropy"].sum()
    right.set_title(f"discriminator {total:.2f} (knows nothing: {3 * math.log(2):.2f})")
    return figure


def logits_to_losses() -> Panel:
    """Move the discriminator's three logits, and see what it and the generator lose."""
    controls = {
        "real": slider("real, fits", -8, 8, 1.5, 0.5),
        "generated": slider("generated", -8, 8, -1, 0.5),
        "mismatched": slider("another's", -8, 8, 0.5, 0.5),
    }
    return Panel(lambda **logits: Shown(draw_logits(**logits)), controls)


def measured_effects(records: pd.DataFrame) -> pd.DataFrame:
    """Every claim that has an interval in some records: claim, data, sense (``>`` or ``<``), value, low and high.

    Args:
        records: of one profile, ``results.load_records``; a claim is measured on those of their data sets that it is about.
    """
    claims = results.claims()
    directed = claims[claims.sense.str.match("[<>]") & ~claims.metric.isin(["FID", "IS"])]
    rows = [
        {"claim": claim.claim, "data": data, "sense": str(claim.sense)[0], **results.effect(part, claim)}
        for claim in directed.itertuples()
        for data, part in records.groupby("dataset")
        if results.is_about(claim, str(data))
    ]
    effects = pd.DataFrame(rows, columns=["claim", "data", "sense", "value", "low", "high", "seeds"])
    return effects.dropna(subset="low").drop_duplicates(["claim", "data"])


def draw_threshold(effects: pd.DataFrame, claim: str, threshold: float = 0.0) -> Figure:
    """The intervals of one claim against a threshold, coloured by ``results.verdict``; see ``measured_effects``."""
    rows = effects[effects.claim == claim]
    figure, axis = plt.subplots(figsize=(8.5, 1.0 + 0.45 * len(rows)))
    colours = {"holds": "#4c9f70", "does not hold": "#c8553d", "undecided": "#c9a227"}
    found: list[dict[str, Any]] = rows.to_dict("records")  # type: ignore[assignment]
    for place, row in enumerate(found):
        verdict = results.verdict(row, f"{row['sense']} {threshold:g}" if threshold else row["sense"])
        axis.plot([row["low"], row["high"]], [place, place], linewidth=5, color=colours[verdict], solid_capstyle="butt")
        axis.plot(row["value"], place, "o", color=figures.INK, markersize=5)
        axis.annotate(f"  {verdict}", (max(row["high"], threshold), place), va="center", color=colours[verdict], weight="bold")
    axis.axvline(threshold, color=figures.INK, linestyle="--", linewidth=1)
    axis.set_yticks(range(len(rows)), rows.data)
    reach = 0.05 + max(rows.low.abs().max(), rows.high.abs().max(), abs(threshold))
    side = "more" if rows.sense.iloc[0] == ">" else "less"
    axis.set(xlim=(-reach, 1.4 * reach), ylim=(len(rows) - 0.5, -0.5), xlabel=f"effect; it has to be {side} than {threshold:g}")
    axis.set_title(claim)
    return figure


def threshold(effects: pd.DataFrame) -> Panel:
    """Choose a claim and the number that its effect has to exceed, and see the verdict change; see ``measured_effects``."""
    if not len(effects):
        return Panel(lambda: Shown(words="No result with an interval was found: ./run_all.sh makes some."), {})
    claims = menu("claim", list(dict.fromkeys(effects.claim)))
    claims.layout.width = "36em"
    needed = slider("threshold", -0.5, 0.5, 0, 0.01, ".2f")
    return Panel(lambda claim, number: Shown(draw_threshold(effects, claim, number)), {"claim": claims, "number": needed})
