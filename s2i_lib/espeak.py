"""Let eSpeak NG say one sentence: reads it from the standard input and writes a wav file to the standard output.

    echo "a small red bird" | python s2i_lib/espeak.py > bird.wav

This runs as a program of its own, never as part of another: ``speech.synthesize`` starts it anew for every sentence. The
library carries state from one sentence to the next, so that a sentence spoken second has other samples than the same one
spoken first; and eSpeak NG is under the GNU General Public License (version 3 or later), while this project is not. Only the
standard library and ``espeakng_loader``, which holds eSpeak NG and its data, are imported, so that it starts quickly.
"""

import ctypes
import io
import os
import sys
import wave
from typing import Any

LANGUAGE = b"en-us"  # the accent of the first voice
# from eSpeak NG's speak_lib.h
SYNCHRONOUS, DO_NOT_EXIT, CHARACTERS, UTF_8 = 2, 0x8000, 1, 1
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def speak(text: str) -> tuple[bytes, int]:
    """16-bit mono samples as bytes, and their rate in hertz.

    Raises:
        ImportError: ``espeakng_loader`` is not installed.
        OSError: its library cannot be loaded, or does not find its data.
    """
    import espeakng_loader

    library, parts = ctypes.CDLL(espeakng_loader.get_library_path()), []
    os.chdir(espeakng_loader.get_data_path())  # the library cuts a path at 160 characters, and this one may be longer
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, b".", DO_NOT_EXIT)
    if rate <= 0 or library.espeak_SetVoiceByName(LANGUAGE):
        raise OSError(f"no voice {LANGUAGE.decode()} in {espeakng_loader.get_data_path()}")

    @CALLBACK
    def keep(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            parts.append(ctypes.string_at(samples, 2 * count))
        return 0  # go on

    library.espeak_SetSynthCallback(keep)
    sentence = text.encode()
    if library.espeak_Synth(sentence, ctypes.c_size_t(len(sentence) + 1), 0, CHARACTERS, 0, UTF_8, None, None):
        raise OSError(f"the library refused {text!r}")
    return b"".join(parts), rate


def main() -> None:
    """Speak the standard input."""
    try:
        samples, rate = speak(sys.stdin.buffer.read().decode())
    except (ImportError, OSError, RuntimeError) as error:
        sys.exit(str(error))
    sound = io.BytesIO()  # a wav file begins with its length, so it cannot be streamed
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples)
    sys.stdout.buffer.write(sound.getvalue())


if __name__ == "__main__":
    main()
