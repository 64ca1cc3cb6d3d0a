"""Words of the rendered data sets' captions, as the tests expect them."""

COLOUR_WORDS = {
    "black": "black|ebony",
    "white": "white",
    "grey": "grey",
    "brown": "brown",
    "red": "red|scarlet|crimson",
    "orange": "orange",
    "yellow": "yellow|golden",
    "green": "green",
    "blue": "blue",
    "purple": "purple|violet",
    "pink": "pink",
}
