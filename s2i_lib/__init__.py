"""Companion library to "Direct Speech-to-Image Translation" (Li et al., 2020).

The notebooks are the product; this package holds what more than one of them needs. One module per concern:
``config``, ``audio``, ``speech``, ``datasets``, ``encoders``, ``losses``, ``gan``, ``training``, ``metrics``,
``pipeline``, ``results`` and ``figures``.
"""

__version__ = "0.1.0"
