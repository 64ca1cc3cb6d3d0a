"""Let eSpeak NG say one sentence: reads it from the standard input and writes a wav file to the standard output.

    echo "a small red bird" | python s2i_lib/espeak.py --voice en-gb+f3 > bird.wav
    echo "a small red bird" | python s2i_lib/espeak.py --phonemes

This runs as a program of its own, never as part of another: ``synthesizers`` starts it anew for every sentence. The
library carries state from one sentence to the next, so that a sentence spoken second has other samples than the same one
spoken first; and eSpeak NG is under the GNU General Public License (version 3 or later), while this project is not. Only the
standard library and ``espeakng_loader``, which holds eSpeak NG and its data, are imported, so that it starts quickly.

What stands between ``[[`` and ``]]`` is spoken as phonemes, in eSpeak NG's own letters for them.
"""

import ctypes
import io
import os
import sys
import wave
from typing import Any

VOICE = "en-us"  # the accent of the first voice
# from eSpeak NG's speak_lib.h
SYNCHRONOUS, DO_NOT_EXIT, CHARACTERS, UTF_8, PHONEMES, IPA = 2, 0x8000, 1, 1, 0x100, 2
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def start(voice: str) -> tuple[ctypes.CDLL, int]:
    """The library with `voice` chosen, and the rate of its samples in hertz.

    Raises:
        ImportError: ``espeakng_loader`` is not installed.
        OSError: its library cannot be loaded, does not find its data, or has no such voice.
    """
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    os.chdir(espeakng_loader.get_data_path())  # the library cuts a path at 160 characters, and this one may be longer
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, b".", DO_NOT_EXIT)
    if rate <= 0 or library.espeak_SetVoiceByName(voice.encode()):
        raise OSError(f"no voice {voice} in {espeakng_loader.get_data_path()}")
    return library, rate


def speak(text: str, voice: str = VOICE) -> tuple[bytes, int]:
    """16-bit mono samples as bytes, and their rate in hertz.

    Raises:
        ImportError, OSError: see ``start``, or the library refuses the text.
    """
    library, rate = start(voice)
    parts: list[bytes] = []

    @CALLBACK
    def keep(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            parts.append(ctypes.string_at(samples, 2 * count))
        return 0  # go on

    library.espeak_SetSynthCallback(keep)
    sentence = text.encode()
    size = ctypes.c_size_t(len(sentence) + 1)
    if library.espeak_Synth(sentence, size, 0, CHARACTERS, 0, UTF_8 | PHONEMES, None, None):
        raise OSError(f"the library refused {text!r}")
    return b"".join(parts), rate


def phonemize(text: str, voice: str = VOICE) -> str:
    """The phonemes of a sentence in the International Phonetic Alphabet, with commas between clauses.

    Raises:
        ImportError, OSError: see ``start``.
    """
    library, _ = start(voice)
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    rest, clauses = ctypes.c_char_p(text.encode()), []
    while rest.value:
        clauses.append((library.espeak_TextToPhonemes(ctypes.byref(rest), UTF_8, IPA) or b"").decode().strip())
    return ", ".join(clause for clause in clauses if clause) + "."


def main(arguments: list[str]) -> None:
    """Speak the standard input, or print its phonemes."""
    voice = arguments[arguments.index("--voice") + 1] if "--voice" in arguments else VOICE
    text = sys.stdin.buffer.read().decode()
    try:
        if "--phonemes" in arguments:
            sys.stdout.buffer.write(phonemize(text, voice).encode())
            return
        samples, rate = speak(text, voice)
    except (ImportError, OSError, RuntimeError) as error:
        sys.exit(str(error))
    sound = io.BytesIO()  # a wav file begins with its length, so it cannot be streamed
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples)
    sys.stdout.buffer.write(sound.getvalue())


if __name__ == "__main__":
    main(sys.argv[1:])
