"""What can be moved, heard and spoken into in the chapters: one function per widget, and one that draws its picture.

The functions that draw need neither a browser nor a kernel; chapters save their figures for those who only read.
"""

from s2i_lib.widgets.panel import Panel, Shown, problem, spoken
from s2i_lib.widgets.recorder import Recorder
from s2i_lib.widgets.with_model import (
    SENTENCE,
    START,
    change_a_word,
    draw_recording,
    draw_walk,
    draw_words,
    released_model,
    speak,
    translate_bytes,
    walk,
)
from s2i_lib.widgets.without_model import (
    build_example,
    degrade,
    draw_degraded,
    draw_example,
    draw_logits,
    draw_mel,
    draw_threshold,
    logits_to_losses,
    measured_effects,
    mel_sliders,
    threshold,
)

__all__ = [
    "SENTENCE",
    "START",
    "Panel",
    "Recorder",
    "Shown",
    "build_example",
    "change_a_word",
    "degrade",
    "draw_degraded",
    "draw_example",
    "draw_logits",
    "draw_mel",
    "draw_recording",
    "draw_threshold",
    "draw_walk",
    "draw_words",
    "logits_to_losses",
    "measured_effects",
    "mel_sliders",
    "problem",
    "released_model",
    "speak",
    "spoken",
    "threshold",
    "translate_bytes",
    "walk",
]
