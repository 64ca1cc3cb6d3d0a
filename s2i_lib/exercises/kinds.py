"""Three kinds of answers: a number, a choice, a function."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import torch

NO_ANSWER, WRONG = "no answer yet.", "not right yet."


def digest(exercise: str, answer: float | str, step: float = 0.5) -> str:
    """Eight hexadecimal digits that stand for an answer in the table.

    Args:
        exercise: the salt, such as ``03.1``.
        answer: a number, which is rounded to a multiple of `step`, or a letter.
    """
    text = answer.strip().upper() if isinstance(answer, str) else str(round(float(answer) / step))
    return hashlib.sha256(f"{exercise}:{text}".encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Number:
    """A number is right within `step`: that accepts rounding. A step of 0.5 accepts whole numbers exactly.

    Attributes:
        right: see ``digest``.  slips: digests of likely mistakes, and what to say about each.
    """

    right: str
    step: float = 0.5
    slips: Mapping[str, str] = field(default_factory=dict)

    def fault(self, exercise: str, answer: object) -> str:
        """What is wrong with an answer; nothing if it is right."""
        if answer is None:
            return NO_ANSWER
        if isinstance(answer, np.ndarray | torch.Tensor) and answer.ndim == 0:
            answer = answer.item()
        if not isinstance(answer, Real) or not np.isfinite(float(answer)):
            return "the answer is one finite number."
        near = [digest(exercise, float(answer) + shift * self.step, self.step) for shift in (0, -1, 1)]
        if self.right in near:
            return ""
        return next((f"not right: {self.slips[one]}" for one in near if one in self.slips), WRONG)


@dataclass(frozen=True)
class Choice:
    """One of a few letters."""

    right: str
    letters: str = "ABC"

    def fault(self, exercise: str, answer: object) -> str:
        """See ``Number``."""
        if answer is None:
            return NO_ANSWER
        if not isinstance(answer, str) or answer.strip().upper() not in set(self.letters):
            return f"the answer is one of the letters {', '.join(self.letters)}."
        return "" if digest(exercise, answer) == self.right else WRONG


@dataclass(frozen=True)
class Code:
    """A function that has to return what `reference` returns.

    Attributes:
        inputs: makes the arguments of a few calls, the same ones each time.
        tolerance: relative and absolute, of numbers.
    """

    reference: Callable[..., Any]
    inputs: Callable[[], Sequence[tuple[Any, ...]]]
    tolerance: float = 1e-5

    def fault(self, exercise: str, answer: object) -> str:
        """See ``Number``."""
        if not callable(answer):
            return "the answer is a function: give its name, without calling it."
        for mine, yours in zip(self.inputs(), self.inputs(), strict=True):  # two of each, in case a function changes its input
            shown = ", ".join(map(_shown, mine))
            try:
                result = answer(*yours)
            except Exception as error:
                return f"for ({shown}) it raises {type(error).__name__}: {error}"
            if result is None:
                return "no answer yet: the function returns nothing."
            if problem := _difference(self.reference(*mine), result, self.tolerance):
                return f"not right yet: for ({shown}) {problem}."
        return ""


def _shown(value: object) -> str:
    """An argument in a few words: arrays by their shape."""
    if isinstance(value, np.ndarray | torch.Tensor):
        return f"array {tuple(value.shape)}" if value.ndim else f"{float(value):g}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _difference(expected: object, found: object, tolerance: float) -> str:
    """How a result differs from the expected one, without telling that; nothing if it does not."""
    if isinstance(expected, str | dict | set | list):
        return "" if type(expected) is type(found) and expected == found else "the result is another one"
    try:
        right, yours = (np.asarray(value, dtype=np.float64) for value in (_detached(expected), _detached(found)))
    except (TypeError, ValueError):
        return "the result is no array of numbers"
    if right.shape != yours.shape:
        return f"the result has the shape {yours.shape} instead of {right.shape}"
    return "" if np.allclose(yours, right, rtol=tolerance, atol=tolerance) else "the numbers are others"


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, torch.Tensor) else value
