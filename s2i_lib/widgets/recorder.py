"""A microphone in the notebook."""

from pathlib import Path

import anywidget
import traitlets


class Recorder(anywidget.AnyWidget):
    """A button that records until it is pressed again; asks for the microphone when it is pressed, not before.

    Attributes:
        value: the recording as the browser encodes it (webm, ogg or mp4); empty before the first.
        refused: why there is no recording, a sentence; empty if nothing is wrong.
    """

    _esm = Path(__file__).with_name("recorder.js")
    _css = ".s2i-recorder { display: flex; align-items: center; gap: 0.6em; color: var(--jp-ui-font-color1) }"
    value = traitlets.Bytes().tag(sync=True, from_json=lambda value, _: bytes(value))
    refused = traitlets.Unicode().tag(sync=True)
