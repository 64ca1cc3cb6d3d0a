"""The paper's own data sets: photographs that everybody has to fetch for themselves, since nobody may pass them on.

Each is a module that ends in a specification. A further one is a file of its own and a line in ``PHOTOS``.
"""

from s2i_lib.datasets.photos import cub, oxford, places
from s2i_lib.datasets.spec import PhotoSpec

PHOTOS: dict[str, PhotoSpec] = {spec.name: spec for spec in (cub.SPEC, oxford.SPEC, places.SPEC)}
