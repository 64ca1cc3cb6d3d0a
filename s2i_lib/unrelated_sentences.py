"""English sentences about nothing that any data set shows, to see whether a score notices them (``s2i_lib.novelty``)."""

import numpy as np

SENTENCES = (
    # cooking and shopping
    "please stir the soup until the onions begin to smell sweet",
    "the recipe asks for half a litre of milk and three eggs",
    "could you buy bread and a kilo of potatoes on your way home",
    "my grandmother never measured flour, she simply knew",
    "leave the dough to rise for an hour before you bake it",
    "this coffee is too strong for me, may i have some sugar",
    # weather
    "heavy rain will reach the coast before tomorrow evening",
    "it snowed all night and the trains are not running",
    "the forecast promises sunshine with a light breeze from the west",
    "yesterday was the hottest day since records began",
    "take an umbrella, the clouds do not look friendly",
    # sports
    "the home team scored twice in the last ten minutes",
    "she finished the marathon in under three hours",
    "our goalkeeper was injured before half time",
    "he serves for the match after a very long rally",
    "the referee has stopped the game once again",
    "they practise rowing on the river every morning",
    # news
    "parliament will vote on the new budget next thursday",
    "the bank raised its interest rates for the third time",
    "workers at the harbour have agreed to end their strike",
    "the mayor opened a hospital on the outskirts of the city",
    "scientists presented their findings at a conference in geneva",
    "police are asking witnesses of the accident to come forward",
    "prices for electricity fell sharply during the summer",
    # numbers, dates and times
    "nineteen plus twenty three makes forty two",
    "the code of this lock is seven zero six nine",
    "the meeting starts at a quarter past eleven",
    "he was born on the fourth of july in nineteen eighty",
    "one hundred and sixty thousand people live in this town",
    "divide the result by twelve and round it to the nearest integer",
    # travel
    "the next train to edinburgh departs from platform nine",
    "turn left at the traffic lights and follow the signs",
    "our flight was delayed because of fog over the airport",
    "how long does the ferry take to reach the island",
    "the hotel charges extra for breakfast and parking",
    "we cycled along the canal until our legs were tired",
    # work and computers
    "your password must contain at least twelve characters",
    "please send me the contract before the end of the week",
    "the printer on the third floor is out of paper again",
    "restart the computer and try to log in once more",
    "i have attached the minutes of our last meeting",
    "nobody knows why the server stopped answering",
    # family and health
    "my sister moved to canada with her husband last year",
    "take these tablets after every meal for a week",
    "the dentist told him to brush more carefully",
    "our children are learning to swim this autumn",
    "happy birthday, and many thanks for your kind letter",
    "he has had a cough and a fever since monday",
    # music, books and history
    "the orchestra tuned their instruments before the concert",
    "she reads detective novels whenever she cannot sleep",
    "the empire collapsed after a century of wars",
    "he plays the cello, his brother prefers the drums",
    "the film was better than the book, in my opinion",
    "this museum was once the house of a famous composer",
    # conversation
    "what did you think of the lecture this afternoon",
    "i would rather stay at home than argue about politics",
    "nobody told me that the shop would be closed today",
    "could you repeat that a bit more slowly, please",
    "let us meet again when everybody has had time to think",
    "honesty is the best policy, as my teacher used to say",
)

_WORDS = """
engine carpet tuesday invoice gravity pencil harbour sandwich lawyer thunder bicycle opinion ladder vitamin pocket
battery island committee elephant receipt violin tunnel democracy biscuit anchor festival keyboard mountain salary
window whisper calendar lemonade parliament hammer dentist satellite umbrella library passport volcano mattress suddenly
quickly never often jumped borrowed forgot measured painted swallowed invented carried melted argued counted explained
folded heavy noisy expensive hungry electric ancient polite invisible frozen nervous between under without during
against beyond seven eleven
""".split()  # noqa: SIM905


def nonsense_sentences(count: int = 30, seed: int = 0) -> list[str]:
    """Random English words about other things, six to eleven in a row; equal arguments give equal sentences."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(_WORDS, rng.integers(6, 12), replace=False).tolist()) for _ in range(count)]
