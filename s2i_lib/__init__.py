"""Companion library to "Direct Speech-to-Image Translation" (Li et al., 2020).

The notebooks are the product; this package holds what more than one of them needs. From the bottom to the top: ``decoding``,
``audio`` and ``recordings``; ``datasets``; ``recipes`` and ``config``; ``speech``, ``recognition`` and ``acoustics``;
``losses``, ``metrics`` and ``statistics``; ``models``; ``features`` and ``preparation``, what chapters 01 to 04 hand on;
``inference``; ``training``; ``results``, ``evaluation`` and ``figures``; ``run``, which runs the chapters.
"""

import os

from s2i_lib import home

__version__ = "0.1.0"

# Nothing leaves this machine unasked, and no library keeps an identifier of it. Set before the first of them is imported.
for _variable in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
    os.environ.setdefault(_variable, "1")
home.prepare()
