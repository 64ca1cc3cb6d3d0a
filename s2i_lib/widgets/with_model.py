"""Widgets for a trained model: change a word, walk between two sentences, speak."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import ipywidgets
import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure, SubFigure

from s2i_lib import figures
from s2i_lib.audio import log_mel_spectrogram
from s2i_lib.datasets import get_spec
from s2i_lib.features import to_signed
from s2i_lib.inference import Drawing, SpeechToImage, Translation, generate
from s2i_lib.models.checkpoint import CLASSIFIER_FILE, load_weights
from s2i_lib.models.classifiers import Classifier, build_classifier, predict_attributes
from s2i_lib.released import DEFAULT, drawing_folder, release_folder
from s2i_lib.widgets.panel import Panel, Shown, menu, problem, slider, spoken, whole
from s2i_lib.widgets.recorder import Recorder

PICTURES = 8
SENTENCE = "this bird has a {crown} crown, a {breast} breast and {wing} wings."
START = {"crown": "red", "breast": "white", "wing": "black"}


def released_model(name: str = DEFAULT) -> tuple[SpeechToImage, Classifier]:
    """A released model and the classifier of attributes that comes along.

    Raises:
        FileNotFoundError: there is no such release.
        ValueError: a file of it is damaged.
    """
    folder = release_folder(name)
    model = SpeechToImage.load(folder)
    classifier = load_weights(build_classifier(model.config, "attributes"), drawing_folder(folder) / CLASSIFIER_FILE)
    return model, classifier.to(model.device)


# --- change a word ---


def draw_words(model: SpeechToImage, sentences: Sequence[str], seed: int = 0) -> Figure:
    """A row of pictures for each sentence, spoken by the first synthetic voice; the noises of a column are the same."""
    pictures = [picture for sentence in sentences for picture in model.translate(spoken(sentence), PICTURES, seed)]
    labels = [figures.wrap(sentence, 24) for sentence in sentences]
    return figures.image_grid(pictures, PICTURES, row_labels=labels, cell=0.95)


def change_a_word(model: SpeechToImage, sentence: str = SENTENCE, start: dict[str, str] = START) -> Panel:
    """Change the colours in a sentence: the pictures of the sentence before, and those of the one now, from the same noises.

    Args:
        sentence: with the name of a part of the subject in braces wherever a menu chooses its colour.
        start: part -> its first colour.
    """
    heard = [sentence.format(**start)]

    def show(seed: int, **words: str) -> Shown:
        now = sentence.format(**words)
        heard[:] = [heard[-1], now] if now != heard[-1] else heard
        return Shown(draw_words(model, heard, seed), sound=lambda: spoken(now))

    colours = get_spec(model.config.dataset).attributes
    menus = {part: menu(part, colours[part], value) for part, value in start.items()}
    return Panel(show, {**menus, "seed": whole("other noises", 0, 99, 0)}, busy="speaks and draws …")


# --- walk ---


@torch.no_grad()
def draw_walk(model: SpeechToImage, first: str, second: str, shares: Sequence[float], seed: int = 0) -> Figure:
    """Pictures on the straight line between the embeddings of two spoken sentences, all from one noise.

    Args:
        shares: of the way from the first to the second, 0 to 1.
    """
    start, end = (model.embed(spoken(sentence)).float() for sentence in (first, second))
    drawn = [generate(model.generator, torch.lerp(start, end, share), model.config, seed) for share in shares]
    pictures = figures.to_arrays(torch.cat(drawn))
    titles = [f"{share:.0%}" for share in shares]
    figure = figures.image_grid(pictures, len(shares), titles, cell=max(1.0, 6 / len(shares)))
    figure.suptitle(f"“{first}”  →  “{second}”", fontsize=9, fontweight="normal")
    return figure


def walk(model: SpeechToImage, first: str, second: str) -> Panel:
    """Write two sentences and walk from one to the other."""

    def text(label: str, sentence: str) -> ipywidgets.Text:
        layout = ipywidgets.Layout(width="36em")
        return ipywidgets.Text(sentence, description=label, continuous_update=False, layout=layout)

    def show(first: str, second: str, share: float, seed: int) -> Shown:
        return Shown(draw_walk(model, first, second, (0, share, 1), seed))

    controls = {"first": text("from", first), "second": text("to", second), "share": slider("way", 0, 1, 0.5, 0.05, ".0%")}
    return Panel(show, {**controls, "seed": whole("other noise", 0, 99, 0)})


# --- speak ---


def seen_in(classifier: Classifier, drawing: Drawing) -> dict[str, tuple[str, int]]:
    """Attribute -> what most pictures of a sentence show, as the classifier sees it, and how many do."""
    device = next(classifier.parameters()).device
    images = to_signed(torch.from_numpy(drawing.images).permute(0, 3, 1, 2).to(device))
    return {
        name: Counter(map(str, values)).most_common(1)[0] for name, values in predict_attributes(classifier, images).items()
    }


def _draw_sentence(figure: SubFigure, drawing: Drawing, classifier: Classifier | None) -> None:
    columns = PICTURES // 2
    rows = [["heard", *range(columns)], ["heard", *range(columns, PICTURES)]]
    axes = figure.subplot_mosaic(rows, width_ratios=[4.2] + [1] * columns)
    title = f"heard, {drawing.sentence.start:.1f} to {drawing.sentence.end:.1f} s"
    figures.plot_log_mel(axes["heard"], log_mel_spectrogram(drawing.sentence.waveform), title)
    for place in range(PICTURES):
        axes[place].axis("off")
    for place, picture in enumerate(drawing.images):
        figures.show_image(axes[place], picture)
    lines = []
    if drawing.familiarity:
        unlike = "unlike what was taught" if drawing.familiarity.unlike else "like what was taught"
        lines = [f"{unlike}: {drawing.familiarity.score:.2f} (threshold {drawing.familiarity.threshold:.2f}); nearest:"]
        lines += [f"“{caption}” ({cosine:.2f})" for caption, cosine in drawing.familiarity.nearest]
    if classifier and len(drawing.images):
        seen = [f"{name.replace('_', ' ')} {value} ({count})" for name, (value, count) in seen_in(classifier, drawing).items()]
        lines += [figures.wrap(f"seen in how many of {len(drawing.images)}: {', '.join(seen)}", 130)]
    figure.supxlabel("\n".join(lines), fontsize=8.5, ha="left", x=0.01)


def draw_recording(translation: Translation, classifier: Classifier | None = None) -> Figure:
    """What was heard and drawn: a row per sentence, with its score, the nearest training sentences and what is seen."""
    figure = plt.figure(figsize=(9.5, 3.2 * len(translation.drawings)))
    parts = figure.subfigures(len(translation.drawings), 1, squeeze=False)[:, 0]
    for part, drawing in zip(parts, translation.drawings):
        _draw_sentence(part, drawing, classifier)
    return figure


def translate_bytes(model: SpeechToImage, recording: bytes, anyway: bool = False) -> Translation:
    """``SpeechToImage.translate_recording`` for the bytes of a sound file.

    Raises:
        ValueError: it cannot be drawn; the message is for somebody who has no file and no command line.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "recording"
        path.write_bytes(recording)
        try:
            return model.translate_recording(path, PICTURES, anyway=anyway)
        except ValueError as error:
            message = str(error).replace(str(path), "your recording").replace("--anyway", "“draw anyway”")
            raise ValueError(message) from None


def speak(model: SpeechToImage, classifier: Classifier | None = None) -> Panel:
    """Record or upload a sentence, and see what the model hears and draws."""
    recorder = Recorder()
    upload = ipywidgets.FileUpload(accept="audio/*,video/*", description="Upload")
    upload.observe(lambda change: recorder.set_trait("value", bytes(change.new[0].content) if change.new else b""), "value")
    anyway = ipywidgets.Checkbox(description="draw anyway", indent=False, layout=ipywidgets.Layout(width="9em"))
    anyway.tooltip = "draw although nobody speaks, and what is unlike all that the model was taught"

    def show(recording: bytes, anyway: bool) -> Shown:
        if not recording:
            return Shown(words=f"Say, for example: <i>{SENTENCE.format(**START)}</i>")
        translation = translate_bytes(model, recording, anyway)
        heard = torch.cat([drawing.sentence.waveform for drawing in translation.drawings])
        return Shown(draw_recording(translation, classifier), _remarks(translation), heard)

    panel = Panel(show, {"recording": recorder, "anyway": anyway}, beside=[upload], busy="listens and draws …")
    recorder.observe(lambda change: panel.words.set_trait("value", problem(change.new)), "refused")
    return panel


def _remarks(translation: Translation) -> str:
    remarks = []
    if translation.recording.clipped:
        remarks.append("It was recorded too loudly: speak further from the microphone.")
    if any(not len(drawing.images) for drawing in translation.drawings):
        remarks.append(
            "A sentence is unlike any that the model was taught, so that a picture would mean nothing; “draw anyway” does."
        )
    return problem(" ".join(remarks)) if remarks else ""
