"""Data sets that are drawn, so that everything about a picture and its sentences is known.

Each is a module that ends in a specification. A further one is a file of its own and a line in ``RENDERED``; what it needs is
in ``canvas`` (pixels and shading), ``shapes``, ``colours``, ``backgrounds``, ``foreground``, ``captions`` and ``class_tables``.
"""

from s2i_lib.datasets.rendered import birds, flowers, rooms
from s2i_lib.datasets.spec import RenderedSpec

RENDERED: dict[str, RenderedSpec] = {spec.name: spec for spec in (birds.SPEC, flowers.SPEC, rooms.SPEC, birds.MORE)}
