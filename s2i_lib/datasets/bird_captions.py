"""Captions of rendered birds, in the manner of people who describe CUB birds.

A caption is composed in three steps: choose which attributes to mention, turn
them into statements about parts of the bird (wing colour and wing bars, say,
make one statement), and arrange the statements in a sentence form, each
statement either as a noun phrase ("black wings with white bars") or as a
clause ("its wings are black with white bars").  Every sentence states
the mentioned attributes, all of them, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COLOUR_ATTRIBUTES: tuple[str, ...] = ('crown', 'back', 'wing', 'breast', 'tail')

MIN_WORDS, MAX_WORDS = 6, 18

# Values that people leave out: nobody says that a bird has no crest.
_UNREMARKABLE = {'none', 'plain'}
_COUNT_SHARES = {2: 0.16, 3: 0.34, 4: 0.34, 5: 0.16}
_SYNONYM_SHARE = 0.15

_COLOUR_WORDS = {
    'black': ('jet black', 'ebony'),
    'white': ('snowy white', 'pure white'),
    'grey': ('ash grey', 'slate grey'),
    'brown': ('rusty brown', 'chestnut brown', 'chocolate brown'),
    'red': ('scarlet', 'crimson', 'bright red'),
    'orange': ('bright orange', 'deep orange'),
    'yellow': ('golden', 'golden yellow', 'bright yellow'),
    'green': ('emerald green', 'leaf green', 'bright green'),
    'blue': ('bright blue', 'royal blue', 'deep blue'),
    'purple': ('violet', 'deep purple'),
}
# Each part's names in the singular or the plural; the first is the usual one.
_PART_WORDS = {
    'crown': ('crown', 'head', 'cap', 'top of the head'),
    'back': ('back', 'back', 'mantle', 'upper back'),
    'wing': ('wings', 'wings', 'wing feathers'),
    'breast': ('breast', 'belly', 'chest', 'underside'),
    'tail': ('tail', 'tail', 'tail feathers'),
    'bill': ('bill', 'beak'),
}
_SIZE_WORDS = {'small': ('small', 'small', 'little', 'tiny'),
               'large': ('large', 'large', 'big')}
_COMPOUNDS = {'crown': ('headed', 'crowned', 'capped'), 'back': ('backed',),
              'wing': ('winged',), 'breast': ('breasted', 'bellied', 'chested'),
              'tail': ('tailed',), 'bill': ('billed', 'beaked')}

# Sentence forms.  {bird} is "bird" with or without adjectives, {a_bird} the
# same with its article; {all} lists all statements as noun phrases, {some} and
# {rest} are the two halves of that list, {clauses} is the second half as
# clauses and {all_clauses} are all statements as clauses; {size} is a word for
# the size where that is not among the adjectives.
_LIST_FORMS = (
    '{a_bird} with {all}', '{a_bird} that has {all}', '{a_bird} which has {all}',
    'this {bird} has {all}', 'the {bird} has {all}', 'this is {a_bird} with {all}',
    'this is {a_bird} that has {all}', 'there is {a_bird} with {all}',
    'here is {a_bird} with {all}', 'it is {a_bird} with {all}', 'we see {a_bird} with {all}',
    'i can see {a_bird} with {all}', 'a picture of {a_bird} with {all}',
    '{a_bird} showing {all}', 'this {bird} shows {all}', '{a_bird} featuring {all}',
    'look at the {bird} with {all}', 'you can tell this {bird} by {all}',
    'the {bird} in the picture has {all}',
)
_SPLIT_FORMS = (
    '{a_bird} with {some}, and it has {rest}', 'this {bird} has {some}, and also {rest}',
    'with {some}, this {bird} also has {rest}', 'the {bird} has {some} as well as {rest}',
    'this {bird} has {some} along with {rest}', 'besides {some}, this {bird} has {rest}',
)
_CLAUSE_FORMS = (
    '{a_bird} with {some}, {clauses}', 'this {bird} has {some}, {clauses}',
    'this {bird} has {some} while {clauses}', 'the {bird} has {some}, and {clauses}',
    'a picture of {a_bird} with {some}, {clauses}', '{a_bird} that has {some}, {clauses}',
)
_ALL_CLAUSE_FORMS = (
    'on this {bird}, {all_clauses}', 'as for this {bird}, {all_clauses}',
    'on the {bird} we see, {all_clauses}', 'this {bird} is easy to spot, {all_clauses}',
    'this is {a_bird} and {all_clauses}',
)
_SIZE_FORMS = (
    'this bird is {size} with {all}', 'the bird is {size} and has {all}',
    'this bird is {size} and it has {all}', 'a bird that is {size} with {all}',
    'this bird is {size} and shows {all}', 'it is a {size} one with {all}',
)
_FORM_GROUPS = ((_LIST_FORMS, 0.5), (_SPLIT_FORMS, 0.14), (_CLAUSE_FORMS, 0.24),
                (_ALL_CLAUSE_FORMS, 0.12))


@dataclass(frozen=True)
class _Statement:
    """What is said of one part, or of parts that share a colour.

    ``phrase`` is a noun phrase with its article, ``clause`` a main clause;
    a ``shared`` statement joins two parts by an "and" of its own.
    """

    phrase: str
    clause: str
    shared: bool = False


def compose_caption(attributes: dict[str, str],
                    rng: np.random.Generator) -> tuple[str, dict[str, str]]:
    """The work of :func:`birds.describe`, for attributes known to be valid."""
    mentioned = _choose(attributes, rng)
    while True:  # a form that is too long for these attributes gives way to another
        caption = _compose(mentioned, rng)
        if MIN_WORDS <= len(caption.split()) <= MAX_WORDS:
            return caption, mentioned


def _choose(attributes: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
    """Two to five attributes, mostly colours, in the order of the table."""
    remarkable = [name for name, value in attributes.items()
                  if name not in COLOUR_ATTRIBUTES and value not in _UNREMARKABLE]
    count = rng.choice(list(_COUNT_SHARES), p=list(_COUNT_SHARES.values()))
    # of what goes beyond two colours, about half is about something else
    others = min(rng.binomial(count - 2, 0.55) + (rng.random() < 0.06), len(remarkable))
    chosen = {*rng.choice(COLOUR_ATTRIBUTES, count - others, replace=False),
              *rng.choice(remarkable, others, replace=False)}
    return {name: value for name, value in attributes.items() if name in chosen}


# ---------------------------------------------------------------- statements

def _one_of(rng: np.random.Generator, words) -> str:
    return words[rng.integers(len(words))]


def _colour_word(colour: str, rng: np.random.Generator) -> str:
    if rng.random() < _SYNONYM_SHARE:
        return _one_of(rng, _COLOUR_WORDS[colour])
    return colour


def _part_word(part: str, rng: np.random.Generator) -> str:
    words = _PART_WORDS[part]
    return words[0] if rng.random() < 0.4 else _one_of(rng, words)


def _is_plural(noun: str) -> bool:
    return noun in ('wings', 'wing feathers', 'tail feathers')


def _with_article(words: str) -> str:
    return ('an ' if words[0] in 'aeiou' else 'a ') + words


def _about_part(noun: str, adjectives: str, addition: str, rng: np.random.Generator) -> _Statement:
    """A part with its adjectives, and what may follow: "with white bars"."""
    tail = f' {addition}' if addition else ''
    verb = 'are' if _is_plural(noun) else 'is'
    clause = f'{_one_of(rng, ("its", "its", "the"))} {noun} {verb} {adjectives}{tail}'
    if noun == 'top of the head':
        return _Statement(f'{adjectives} on top of the head{tail}', clause)
    phrase = f'{adjectives} {noun}{tail}'
    return _Statement(phrase if _is_plural(noun) else _with_article(phrase), clause)


def _about_wing(mentioned: dict[str, str], rng: np.random.Generator) -> _Statement:
    if 'wing_bars' not in mentioned:
        return _about_part(_part_word('wing', rng), _colour_word(mentioned['wing'], rng), '', rng)
    if 'wing' not in mentioned:
        return _Statement(_one_of(rng, ('white wing bars', 'white bars on its wings',
                                        'two white wing bars')),
                          _one_of(rng, ('its wings have white bars', 'the wing bars are white')))
    colour = _colour_word(mentioned['wing'], rng)
    return _about_part('wings', colour, _one_of(rng, ('with white bars', 'with white wing bars',
                                                      'barred with white')), rng)


def _about_breast(mentioned: dict[str, str], rng: np.random.Generator) -> _Statement:
    noun, pattern = _part_word('breast', rng), mentioned.get('breast_pattern')
    if pattern is None:
        return _about_part(noun, _colour_word(mentioned['breast'], rng), '', rng)
    if 'breast' not in mentioned:
        return _about_part(noun, pattern, '', rng)
    colour = _colour_word(mentioned['breast'], rng)
    marks = {'streaked': 'streaks', 'spotted': 'spots'}[pattern]
    if rng.random() < 0.5:
        return _about_part(noun, colour, f'with {marks}', rng)
    statement = _about_part(noun, f'{colour} and {pattern}', '', rng)
    return _Statement(_with_article(f'{pattern} {colour} {noun}'), statement.clause)


def _about_bill(mentioned: dict[str, str], rng: np.random.Generator) -> _Statement:
    noun, length = _part_word('bill', rng), mentioned.get('bill_length')
    words = [word for word in (length, mentioned.get('bill_colour')) if word]
    statement = _about_part(noun, ' and '.join(words), '', rng)
    return _Statement(_with_article(f'{" ".join(words)} {noun}'), statement.clause)


def _about_crest(rng: np.random.Generator) -> _Statement:
    kind = _one_of(rng, ('crest', 'crest', 'tall crest', 'pointed crest'))
    return _Statement(_with_article(kind), f'it has {_with_article(kind)}')


def _about_shared(parts: list[str], colour: str, rng: np.random.Generator) -> _Statement:
    """Two parts of one colour: "a blue crown and tail"."""
    first, second = (_PART_WORDS[part][0] for part in parts)
    word = _colour_word(colour, rng)
    start = f'{word} {first}' if _is_plural(first) else _with_article(f'{word} {first}')
    second_phrase = f'{word} {second}' if _is_plural(second) else second
    return _Statement(f'{start} and {second_phrase}', f'its {first} and {second} are {word}',
                      shared=True)


def _shared_parts(mentioned: dict[str, str], rng: np.random.Generator) -> list[str]:
    """Two parts mentioned by colour alone that have the same one, or none."""
    plain = [part for part in COLOUR_ATTRIBUTES if part in mentioned
             and not (part == 'wing' and 'wing_bars' in mentioned)
             and not (part == 'breast' and 'breast_pattern' in mentioned)]
    for index, first in enumerate(plain):
        for second in plain[index + 1:]:
            if mentioned[first] == mentioned[second] and rng.random() < 0.8:
                return [first, second]
    return []


def _statements(mentioned: dict[str, str], rng: np.random.Generator) -> list[_Statement]:
    """Statements of everything in ``mentioned`` but the size, in random order.

    A shared statement comes last: "red wings and a blue crown and tail" is
    easier to follow than the reverse.
    """
    result, left = [], dict(mentioned)
    shared = _shared_parts(left, rng)
    if shared:
        result.append(_about_shared(shared, left[shared[0]], rng))
        left = {name: value for name, value in left.items() if name not in shared}
    for part in ('crown', 'back', 'tail'):
        if part in left:
            result.append(_about_part(_part_word(part, rng), _colour_word(left[part], rng),
                                      '', rng))
    if 'wing' in left or 'wing_bars' in left:
        result.append(_about_wing(left, rng))
    if 'breast' in left or 'breast_pattern' in left:
        result.append(_about_breast(left, rng))
    if 'bill_length' in left or 'bill_colour' in left:
        result.append(_about_bill(left, rng))
    if 'crest' in left:
        result.append(_about_crest(rng))
    shuffled = [result[index] for index in rng.permutation(len(result))]
    return sorted(shuffled, key=lambda statement: statement.shared)


# ----------------------------------------------------------------- sentences

def _take_compound(mentioned: dict[str, str], rng: np.random.Generator) -> tuple[str, str]:
    """An adjective such as "red headed", and the attribute that it states."""
    candidates = {
        **{part: (part, mentioned[part]) for part in COLOUR_ATTRIBUTES if part in mentioned},
        **{name: ('bill', mentioned[name]) for name in ('bill_length',) if name in mentioned}}
    if 'wing_bars' in mentioned:  # the bars would be left without their wings
        candidates.pop('wing', None)
    if 'breast_pattern' in mentioned:
        candidates.pop('breast', None)
    if not candidates:
        return '', ''
    name = _one_of(rng, list(candidates))
    part, value = candidates[name]
    return f'{value} {_one_of(rng, _COMPOUNDS[part])}', name


def _listed(items: list[str]) -> str:
    """Join with commas and a final "and"."""
    if len(items) < 2:
        return ''.join(items)
    return f'{", ".join(items[:-1])} and {items[-1]}'


def _choose_forms(left: dict[str, str], size: str, rng: np.random.Generator) -> tuple[str, ...]:
    """The group of sentence forms to use; that of the size if it is to be told."""
    if size and left and rng.random() < 0.25:
        return _SIZE_FORMS
    groups, shares = zip(*_FORM_GROUPS)
    return groups[rng.choice(len(groups), p=shares)]


def _compose(mentioned: dict[str, str], rng: np.random.Generator) -> str:
    """One sentence that states all of ``mentioned``, of any length."""
    left = dict(mentioned)
    size = _one_of(rng, _SIZE_WORDS[left.pop('size')]) if 'size' in left else ''
    forms = _choose_forms(left, size, rng)
    adjectives = [size] if size and forms is not _SIZE_FORMS else []
    if len(left) > 2 and forms is not _SIZE_FORMS and rng.random() < 0.2:
        compound, name = _take_compound(left, rng)
        if compound:
            adjectives.append(compound)
            left.pop(name)
    statements = _statements(left, rng)
    if len(statements) < 2 and forms is not _SIZE_FORMS:
        forms = _LIST_FORMS  # the others need a second statement
    form = _one_of(rng, forms)
    half = rng.integers(1, max(len(statements), 2))
    phrases = [statement.phrase for statement in statements]
    clauses = [statement.clause for statement in statements]
    bird = ' '.join([*adjectives, 'bird'])
    return form.format(
        size=size, bird=bird, a_bird=_with_article(bird), all=_listed(phrases),
        some=_listed(phrases[:half]), rest=_listed(phrases[half:]),
        clauses=_listed(clauses[half:]), all_clauses=_listed(clauses)) + '.'
