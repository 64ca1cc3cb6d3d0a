"""Controls, what they show, and how figures and sounds become bytes for the browser."""

import html
import io
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import ipywidgets
import matplotlib.pyplot as plt
import soundfile
import torch
from matplotlib.figure import Figure

from s2i_lib import speech
from s2i_lib.audio import SAMPLE_RATE

LABEL = {"description_width": "8.5em"}
PIXELS_PER_INCH = 96  # a figure is shown at its size in inches, drawn at twice as many pixels


class Shown(NamedTuple):
    """What a widget shows for the values of its controls: a figure, a line of HTML and a (samples,) sound at 16 kHz, or a
    function that makes the sound when it is asked for.
    """

    figure: Figure | None = None
    words: str = ""
    sound: torch.Tensor | Callable[[], torch.Tensor] | None = None


class Panel(ipywidgets.VBox):
    """Controls, and below them what they show, made again whenever one of them changes.

    Args:
        show: the values of the controls to what is shown; its ValueErrors and OSErrors, which a user can cause, become words.
        controls: name of an argument of `show` -> control.
        beside: further widgets in the row of the controls.
        busy: HTML that is shown while `show` works, where that takes long.

    Attributes:
        controls, picture, words, sound: the parts.
        listen: the button that asks for a sound.
    """

    def __init__(
        self, show: Callable[..., Shown], controls: Mapping[str, Any], beside: Sequence[ipywidgets.Widget] = (), busy: str = ""
    ):
        self.controls, self._show, self._busy = dict(controls), show, busy
        self._make_sound: Callable[[], torch.Tensor] | None = None
        self.words, self.picture, self.sound = ipywidgets.HTML(), ipywidgets.Image(), ipywidgets.Audio(loop=False)
        self.listen = ipywidgets.Button(description="Listen", icon="volume-up")
        self.listen.on_click(lambda _: self._play())
        rows = ipywidgets.Layout(display="flex", flex_flow="row wrap", align_items="center", grid_gap="0 1em")
        row = ipywidgets.Box([*self.controls.values(), *beside], layout=rows)
        centred = ipywidgets.Layout(align_items="center")
        super().__init__([row, self.words, self.picture, ipywidgets.HBox([self.listen, self.sound], layout=centred)])
        for control in self.controls.values():
            control.observe(lambda _: self.refresh(), "value")
        self.refresh()

    def refresh(self) -> None:
        """Show what belongs to the controls as they are."""
        self.words.value = self._busy
        try:
            shown = self._show(**{name: control.value for name, control in self.controls.items()})
        except (ValueError, OSError) as error:
            shown = Shown(words=problem(str(error)))
        self.words.value = shown.words
        if shown.figure:
            self.picture.layout.max_width = f"{PIXELS_PER_INCH * shown.figure.get_figwidth():.0f}px"
            self.picture.value = png(shown.figure)
        self._make_sound = shown.sound if callable(shown.sound) else None
        self.sound.autoplay = False
        self.sound.value = wav(shown.sound) if isinstance(shown.sound, torch.Tensor) else b""
        for part, there in ((self.picture, shown.figure), (self.listen, self._make_sound), (self.sound, self.sound.value)):
            part.layout.display = None if there else "none"

    def _play(self) -> None:
        if self._make_sound:
            self.sound.autoplay, self.sound.layout.display = True, None
            self.sound.value = wav(self._make_sound())


def problem(sentence: str) -> str:
    """HTML of a sentence that says what is wrong, in a colour of the theme."""
    return f'<span style="color: var(--jp-error-color1, #b03a48)">{html.escape(sentence)}</span>'


def png(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG; it is closed, or the notebook would show it a second time."""
    content = io.BytesIO()
    with plt.rc_context({"savefig.bbox": "standard"}):  # as large as it says, whatever the style of the chapters
        figure.savefig(content, dpi=2 * PIXELS_PER_INCH, format="png")
    plt.close(figure)
    return content.getvalue()


def wav(waveform: torch.Tensor) -> bytes:
    """A (samples,) waveform at 16 kHz as the bytes of a wav file, no louder than full scale."""
    content = io.BytesIO()
    samples = waveform / waveform.abs().max().clamp_min(1.0)
    soundfile.write(content, samples.numpy(), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return content.getvalue()


def menu(label: str, options: Sequence[Any], value: Any = None) -> ipywidgets.Dropdown:
    """Choose one of some values."""
    return ipywidgets.Dropdown(options=options, value=value or options[0], description=label.replace("_", " "), style=LABEL)


def slider(label: str, low: float, high: float, value: float, step: float, form: str = ".1f") -> ipywidgets.FloatSlider:
    """Choose a number; what depends on it is made when the handle is let go."""
    settings = {"min": low, "max": high, "step": step, "readout_format": form, "continuous_update": False, "style": LABEL}
    return ipywidgets.FloatSlider(value, description=label, **settings)


def whole(label: str, low: int, high: int, value: int) -> ipywidgets.IntSlider:
    """Choose a whole number."""
    return ipywidgets.IntSlider(value, low, high, description=label, continuous_update=False, style=LABEL)


@lru_cache(maxsize=64)
def spoken(sentence: str) -> torch.Tensor:
    """(samples,) float32 waveform of a sentence in the first synthetic voice; see ``speech.synthesize`` for errors."""
    return torch.from_numpy(speech.synthesize(sentence))
