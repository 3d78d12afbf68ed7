"""Asking until there is a usable answer, or it is clear that there will be none.

One question costs three answers at most. How an endpoint wants to be asked is learnt once: strict JSON Schema, else a
JSON object, else plain text; with or without a system message. Every answer is counted, also a useless one, and no
question is asked that could exceed what is left of the budget.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from z2d.analysis.llm.answers import Answers
from z2d.analysis.llm.endpoint import LENGTH, Endpoint, NoUse, Refused, Reply, Troubled
from z2d.analysis.llm.prompt import A, Prompt, schema_of, tokens
from z2d.analysis.models import LanguageModel
from z2d.wire.library import ModelUse

CALLS = 3
GIVE_UP = 2
"""Questions without an answer, one after the other, after which nothing more is asked in this run."""
LONGEST_WAIT_S = 60.0
_LADDER = ("json_schema", "json_object", "text")
_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_MOST_BRACES = 50


class NoAnswer(Exception):
    """There is no usable answer to this question; the reason is half a sentence for a person."""


class TooLong(Exception):
    """The answer did not fit into its limit: ask about less."""


class Asker:
    """Asks one model for one job. `spent` is called with each paid answer; `use` is their sum."""

    def __init__(
        self,
        endpoint: Endpoint,
        model: LanguageModel,
        answers: Answers,
        *,
        tokens_left: int,
        deadline: float,
        spent: Callable[[ModelUse], None],
    ) -> None:
        self._endpoint, self._model, self._answers, self._spent = endpoint, model, answers, spent
        self._left, self._deadline = tokens_left, deadline
        self._rung = 0
        self._system, self._limit, self._temperature = True, "max_tokens", True
        self._unanswered = 0
        self.over = ""
        """Why nothing more is asked, once that is so."""
        self.use = ModelUse()

    async def ask(self, prompt: Prompt, shape: type[A]) -> A:
        """The answer, of the right shape; nothing in it has been verified. Raises `NoAnswer`, `TooLong`."""
        if (kept := self._answers.get(prompt, shape)) is not None:
            self.use = self.use.model_copy(update={"cached": self.use.cached + 1})
            return kept
        why, calls, useless = "", 0, 0
        while calls < CALLS:
            self._may_ask(prompt)
            calls += 1
            try:
                reply = await self._endpoint.chat(self._body(prompt, shape, useless))
            except NoUse as error:
                self.over = str(error)
                raise NoAnswer(self.over) from None
            except Refused as error:
                why = str(error)
                if error.param == LENGTH:
                    raise TooLong from None
                if self._learnt(error):
                    calls -= 1  # nothing was answered, and it happens once per setting and run
                elif not self._step_down():
                    break
                continue
            except Troubled as error:
                why = str(error)
                await self._wait(calls, error.after)
                continue
            self._count(prompt, reply)
            if reply.finish == "length":
                raise TooLong
            if (found := read(reply.text, shape)) is not None:
                self._answers.keep(prompt, found)
                self._unanswered = 0
                return found
            why, useless = "its answers are not of the form asked for", useless + 1
        self._unanswered += 1
        if self._unanswered >= GIVE_UP:
            self.over = why
        raise NoAnswer(why)

    def _may_ask(self, prompt: Prompt) -> None:
        """Raises NoAnswer when there is no budget or no time for one more answer of the largest size."""
        if not self.over and time.monotonic() > self._deadline:
            self.over = "the time for it is up"
        if not self.over and tokens(prompt.text) + self._model.answer_tokens > self._left:
            self.over = "its token budget is used up"
        if self.over:
            raise NoAnswer(self.over)

    def _body(self, prompt: Prompt, shape: type[A], useless: int) -> dict[str, Any]:
        messages = [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]
        if not self._system:
            messages = [{"role": "user", "content": prompt.text}]
        body: dict[str, Any] = {"model": self._model.model, "messages": messages, "stream": False}
        body[self._limit] = self._model.answer_tokens
        if self._temperature:
            body["temperature"] = 0
        # an endpoint that takes a schema and does not keep to it does better without
        rung = _LADDER[min(self._rung + useless, len(_LADDER) - 1)]
        if rung == "json_schema":
            body["response_format"] = schema_of(shape)
        elif rung == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def _learnt(self, refusal: Refused) -> bool:
        """Ask with another setting from now on; False when the refusal names none that could be changed."""
        param = refusal.param
        if param.startswith("messages") and self._system:
            self._system = False
        elif param == "max_tokens" and self._limit == "max_tokens":
            self._limit = "max_completion_tokens"
        elif param == "temperature" and self._temperature:
            self._temperature = False
        else:
            return False
        return True

    def _step_down(self) -> bool:
        """Ask for a looser form of answer from now on; False when there is none."""
        self._rung += 1
        return self._rung < len(_LADDER)

    async def _wait(self, calls: int, after: float | None) -> None:
        """Leave it alone for a while, unless that was the last try. An endpoint says in seconds how long it wants."""
        if calls < CALLS:
            wait = self._model.patience_s * 4 ** (calls - 1) if after is None else after
            await asyncio.sleep(min(wait, LONGEST_WAIT_S))

    def _count(self, prompt: Prompt, reply: Reply) -> None:
        asked = reply.prompt_tokens or tokens(prompt.text)
        answered = reply.completion_tokens or tokens(reply.text)
        cost, model = reply.cost, self._model
        if cost is None and (model.price_input is not None or model.price_output is not None):
            cost = (asked * (model.price_input or 0) + answered * (model.price_output or 0)) / 1e6
        one = ModelUse(
            calls=1,
            prompt_tokens=asked,
            completion_tokens=answered,
            cost=cost,
            estimated=reply.prompt_tokens is None or reply.completion_tokens is None,
        )
        self._left -= asked + answered
        self.use = together(self.use, one)
        self._spent(one)


def together(one: ModelUse, two: ModelUse) -> ModelUse:
    """Two uses as one; a cost that one of them does not know is left out of the sum."""
    costs = [use.cost for use in (one, two) if use.cost is not None]
    return ModelUse(
        calls=one.calls + two.calls,
        cached=one.cached + two.cached,
        prompt_tokens=one.prompt_tokens + two.prompt_tokens,
        completion_tokens=one.completion_tokens + two.completion_tokens,
        cost=sum(costs) if costs else None,
        estimated=one.estimated or two.estimated,
    )


def read(text: str, shape: type[A]) -> A | None:
    """The first JSON object of this shape in an answer: bare, in a fence, or after the model's thinking aloud."""
    text = text.rpartition("</think>")[2]
    fenced = _FENCED.search(text)
    for candidate in (text, fenced[1] if fenced else ""):
        try:
            return shape.model_validate_json(candidate)
        except ValidationError:
            continue
    decoder, at = json.JSONDecoder(), -1
    for _ in range(_MOST_BRACES):
        at = text.find("{", at + 1)
        if at < 0:
            return None
        try:
            # by way of JSON again, whose strict reader refuses half a surrogate pair
            return shape.model_validate_json(json.dumps(decoder.raw_decode(text, at)[0]))
        except (ValueError, RecursionError):  # a ValidationError is a ValueError
            continue
    return None
