"""Exercises at the end of every chapter: ``check`` says whether an answer is right, without showing the right one.

    answer = 101
    check("03.1", answer)

Numbers and letters are kept as salted hashes; functions are compared with the library's on a few inputs. Worked solutions are
in ``solutions/``.
"""

from dataclasses import dataclass

from s2i_lib.exercises.table import EXERCISES


@dataclass(frozen=True)
class Verdict:
    """What ``check`` says. A notebook shows it as a sentence; as a condition it is true for a right answer."""

    exercise: str
    fault: str

    def __bool__(self) -> bool:
        return not self.fault

    def __repr__(self) -> str:
        return f"{self.exercise}: {self.fault or 'right.'}"


def check(exercise: str, answer: object) -> Verdict:
    """Compare an answer with the right one.

    Args:
        exercise: chapter and number, such as ``03.1``.
        answer: a number, a letter or a function, as the exercise asks; ``None`` is no answer yet.

    Raises:
        KeyError: there is no such exercise.
    """
    if exercise not in EXERCISES:
        raise KeyError(f"there is no exercise {exercise!r}; chapters have two digits, as in '03.1'")
    return Verdict(exercise, EXERCISES[exercise].fault(exercise, answer))
