"""Models on other machines, asked over the OpenAI-compatible door that NVIDIA Build, Ollama, vLLM and others have.

There is one `Endpoint` in a process for each address and key, whoever asks: the limit of requests is the machine's,
and what one role was answered another need not ask again.
"""

import base64
import hashlib
import json
import logging
import math
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any, TypeAlias

from . import schemas, wire
from .backend import BadItem, Unavailable
from .gate import WALL_CLOCK, Clock, Gate
from .meter import Account, Answers, Meter, Refused, Usage
from .plain import sentence, visible
from .results import Failure

logger = logging.getLogger(__name__)

NVIDIA = "https://integrate.api.nvidia.com/v1"
NVIDIA_KEY = "NVIDIA_API_KEY"
#: Short names of models at NVIDIA Build.
ALIASES = {"llama-vision": "meta/llama-3.2-11b-vision-instruct", "nemotron": "nvidia/nemotron-nano-12b-v2-vl"}

#: What a picture may take as tokens, for a budget that is asked before: four tiles of Llama 3.2 and some words.
_TOKENS_A_PICTURE = 6_600
#: Of bytes, not letters: a letter of another script than the Latin one is a token or more.
_BYTES_A_TOKEN = 3
#: A request that is said to have taken more was not counted well, and breaks whoever adds it up.
_MOST_TOKENS = 10_000_000
_LONGEST_WAIT = 86_400.0
_DOWN_SECONDS = 60.0
_MISCONFIGURED_SECONDS = 300.0
_PROBE_SECONDS = 10.0
_REMEMBERED, _REMEMBERED_LETTERS = 10_000, 20_000_000
_THREADS = 32
#: Statuses that speak of the question, not of the endpoint.
_NOT_TAKEN = (400, 413, 415, 422)

_Messages: TypeAlias = list[dict[str, Any]]


@dataclass(frozen=True)
class Address:
    """`key`: by default the environment's NVIDIA_API_KEY, which is sent to NVIDIA only."""

    base_url: str
    key: str = field(default="", repr=False)

    def missing(self) -> str | None:
        """What to do before this can be asked, or None."""
        if problem := wire.address_problem(self.base_url):
            return problem
        if self.base_url == NVIDIA and not self.secret:
            return f"The key for {NVIDIA} is missing. Set {NVIDIA_KEY} in the environment, or the option key."
        if not self.secret.isascii() or not self.secret.isprintable():
            return f"The key for {self.base_url} holds characters that no key has. Copy it once more."
        return None

    @property
    def secret(self) -> str:
        """Without the end of a line, which comes along from a file."""
        return (self.key or (os.environ.get(NVIDIA_KEY, "") if self.base_url == NVIDIA else "")).strip()


@dataclass(frozen=True)
class Prices:
    """Of a million tokens, and of one request."""

    tokens_in: float = 0.0
    tokens_out: float = 0.0
    request: float = 0.0

    def of(self, requests: int, tokens_in: int, tokens_out: int) -> Usage:
        cost = requests * self.request + (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6
        return Usage(requests, tokens_in, tokens_out, cost)


_FREE = Prices()


@dataclass(frozen=True)
class Terms:
    """How one caller asks. `seconds`: the whole time of one request. `patience`: how long a question may wait for its
    turns altogether before it is given back as unavailable. `wait`: after a 429 or 5xx that does not say how long."""

    seconds: float = 120.0
    patience: float = 180.0
    wait: float = 60.0
    retries: int = 4
    prices: Prices = _FREE


_USUAL = Terms()


@dataclass(frozen=True, eq=False)
class Inquiry:
    """One question to one model. `pictures` are JPEG files; `system` holds our orders, where the model takes them
    apart. With a `schema` the answer must be JSON that meets it."""

    model: str
    text: str
    system: str = ""
    pictures: tuple[bytes, ...] = ()
    schema: schemas.Schema | None = None
    max_tokens: int = 500
    temperature: float = 0.2
    stop: tuple[str, ...] = ()
    terms: Terms = _USUAL

    def key(self, base_url: str) -> str:
        """Names content, model and prompt: equal for questions to which the same answer belongs."""
        asked = [base_url, self.model, self.system, self.text, self.max_tokens, self.temperature, *self.stop]
        digest = hashlib.blake2b(json.dumps(asked).encode(), digest_size=20)
        digest.update(schemas.as_text(self.schema or {}).encode(errors="replace"))
        for picture in self.pictures:
            digest.update(hashlib.blake2b(picture).digest())
        return digest.hexdigest()

    def messages(self) -> list[dict[str, Any]]:
        # Pictures come before words, and words may not be markup: NVIDIA reads <img> in a plain string.
        text = self.text
        if self.schema is not None:
            form = schemas.as_text(self.schema)
            text += f"\n\nAnswer with JSON only, no other words. It must meet this JSON schema:\n{form}"
        content: Any = text
        if self.pictures:
            content = [
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + base64.b64encode(one).decode()}}
                for one in self.pictures
            ] + [{"type": "text", "text": text}]
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": content}]

    def planned(self, messages: Sequence[dict[str, Any]]) -> Usage:
        """The most that one request may use, as far as can be told before."""
        told = sum(_bytes(message["content"]) for message in messages)
        tokens_in = told // _BYTES_A_TOKEN + 100 + _TOKENS_A_PICTURE * len(self.pictures)
        return self.terms.prices.of(1, tokens_in, self.max_tokens)


@dataclass(frozen=True)
class Reply:
    """`data`: the JSON in the text where a schema was asked for."""

    text: str
    data: Any
    tokens: int


class _Again(Exception):
    """Worth another try after `wait` seconds; `error` is what to say when there is none."""

    def __init__(self, error: Exception, *, wait: float) -> None:
        super().__init__(str(error))
        self.error, self.wait = error, wait


class _Unreachable(Unavailable):
    """There is no connection."""


class _NoFormat(Exception):
    """Perhaps it takes no schema beside the question."""


class Endpoint:
    """Safe to use from many threads."""

    def __init__(
        self,
        address: Address,
        *,
        a_minute: int = 100,
        at_once: int = 8,
        clock: Clock = WALL_CLOCK,
        minute: float = 60.0,
    ) -> None:
        self._address, self._clock = address, clock
        self.gate = Gate(a_minute=a_minute, at_once=at_once, clock=clock, minute=minute)
        self._answers = _Remembered()
        self._under_way: dict[str, Future[Reply]] = {}
        self._lock = Lock()
        #: Why nobody need ask now, and until when: of one model, or (under "") of all.
        self._troubles: dict[str, tuple[str, float]] = {}
        self._healthy_until = clock.now()
        #: Models that were found to take no schema beside the question.
        self._formless: set[str] = set()

    def ask_all(self, inquiries: Sequence[Inquiry], account: Account) -> list[Reply | Failure]:
        """One answer for each, in order; as many at once as the gate lets through."""
        if not inquiries:
            return []
        with ThreadPoolExecutor(min(len(inquiries), _THREADS), thread_name_prefix="ml-ask") as threads:
            return list(threads.map(lambda inquiry: self._reply_or_failure(inquiry, account), inquiries))

    def ask(self, inquiry: Inquiry, account: Account) -> Reply:
        """Ask, unless it was asked before or is being asked now.

        Raises BadItem (the endpoint will not have this question), Unavailable, Refused (the budget), TimeoutError or
        WrongAnswer (not of the schema, also when asked to repair it).
        """
        key, answers = inquiry.key(self._address.base_url), self._kept_by(account)
        while True:
            with self._lock:
                mine = key not in self._under_way
                future = self._under_way.setdefault(key, Future())
            if mine:
                return self._ask_for_all(key, future, inquiry, account.meter, answers)
            try:
                reply = future.result()
            except Refused:  # it was somebody else's budget
                continue
            if answers.get(key) is None:  # they keep theirs elsewhere
                _keep(answers, key, reply)
            return reply

    def remember(self, inquiry: Inquiry, text: str, account: Account) -> None:
        """This is the answer to that question, found in the answer to another one."""
        _keep(self._kept_by(account), inquiry.key(self._address.base_url), Reply(text, None, 0))

    def knows(self, inquiry: Inquiry, account: Account) -> bool:
        return _recalled(self._kept_by(account).get(inquiry.key(self._address.base_url)), inquiry) is not None

    def health(self) -> str | None:
        """Why this cannot be asked now, or None. What was found is remembered for a minute."""
        if missing := self._address.missing():
            return missing
        if trouble := self._trouble():
            return str(trouble)
        now = self._clock.now()
        if now < self._healthy_until:
            return None
        try:
            self.gate.enter(now)
        except Unavailable:
            return None  # busy is not ill
        try:
            response = self._exchange("GET", "/models", None, _PROBE_SECONDS)
        except OSError as error:
            self._is_down(self._unreachable(error))
        else:
            self._is_well()
            if response.status in (401, 402, 403):
                self._trouble_with(response, "", _USUAL)
            elif response.status >= 500:
                self._is_down(Unavailable(f"{self._address.base_url} is out of order ({response.status})."))
        finally:
            self.gate.leave()
        trouble = self._trouble()
        return str(trouble) if trouble else None

    def _kept_by(self, account: Account) -> Answers:
        return self._answers if account.answers is None else account.answers

    def _reply_or_failure(self, inquiry: Inquiry, account: Account) -> Reply | Failure:
        try:
            return self.ask(inquiry, account)
        except BadItem as error:
            return Failure("bad_item", str(error), retryable=False)
        except Unavailable as error:
            return Failure("unavailable", str(error), retryable=True, retry_after=error.retry_after)
        except Refused as error:
            return Failure("no_budget", str(error), retryable=True, retry_after=error.retry_after)
        except TimeoutError as error:
            return Failure("timeout", str(error), retryable=True)
        except schemas.WrongAnswer as error:
            return Failure("internal", f"The model did not answer in the form asked for. {error}", retryable=False)

    def _ask_for_all(
        self, key: str, future: Future[Reply], inquiry: Inquiry, meter: Meter | None, answers: Answers
    ) -> Reply:
        """Remember or ask, for everybody who waits for the same answer."""
        try:
            reply = _recalled(answers.get(key), inquiry)
            if reply is None:
                reply = self._ask(inquiry, meter)
                _keep(answers, key, reply)
            future.set_result(reply)
            return reply
        except BaseException as error:
            future.set_exception(error)
            raise
        finally:
            with self._lock:
                del self._under_way[key]

    def _ask(self, inquiry: Inquiry, meter: Meter | None) -> Reply:
        """The question and, when the answer is not of the schema, one more that says where it is wrong."""
        until = self._clock.now() + inquiry.terms.patience
        messages = inquiry.messages()
        text, tokens = self._answer(inquiry, messages, meter, until)
        if inquiry.schema is None:
            if not 0 < len(text) <= schemas.LONGEST:
                raise schemas.WrongAnswer(f"It is empty, or longer than {schemas.LONGEST:,} characters.")
            return Reply(text, None, tokens)
        try:
            return Reply(text, schemas.read(text, inquiry.schema), tokens)
        except schemas.WrongAnswer as error:
            repair = f"{error} Answer again with the whole corrected JSON only."
            messages += [{"role": "assistant", "content": text[:4000]}, {"role": "user", "content": repair}]
        text, more = self._answer(inquiry, messages, meter, until)
        return Reply(text, schemas.read(text, inquiry.schema), tokens + more)

    def _answer(self, inquiry: Inquiry, messages: _Messages, meter: Meter | None, until: float) -> tuple[str, int]:
        """The words of the answer and its tokens; tried again while that helps and there is patience."""
        formed = inquiry.schema is not None and inquiry.model not in self._formless
        left = inquiry.terms.retries
        while True:
            try:
                answer = self._once(inquiry, messages, meter, until, formed=formed)
            except _NoFormat:
                formed = False
            except _Again as again:
                moment = self._clock.now() + again.wait
                if not left or moment > until:
                    if isinstance(again.error, _Unreachable):
                        self._is_down(again.error)
                    raise again.error from again
                left -= 1
                logger.info("%s Asked again in %.0f s.", again, again.wait)
                self._clock.sleep_until(moment)
            else:
                if inquiry.schema is not None and not formed:
                    self._formless.add(inquiry.model)
                return answer

    def _once(
        self, inquiry: Inquiry, messages: _Messages, meter: Meter | None, until: float, *, formed: bool
    ) -> tuple[str, int]:
        if trouble := self._trouble(inquiry.model) or self._trouble():
            raise trouble
        planned = inquiry.planned(messages)
        if meter is not None:
            meter.before(inquiry.model, planned)
        used = Usage()
        try:
            self.gate.enter(until)
            used = planned  # from here on nobody but the endpoint knows what it did
            try:
                body = _body(inquiry, messages, formed=formed)
                response = self._exchange("POST", "/chat/completions", body, inquiry.terms.seconds)
            except TimeoutError as error:
                self.gate.narrow()
                raise _Again(error, wait=1.0) from error
            except OSError as error:
                raise _Again(self._unreachable(error), wait=1.0) from error
            finally:
                self.gate.leave()
            if response.status != 200:
                used = inquiry.terms.prices.of(1, 0, 0)
                if formed and response.status in _NOT_TAKEN:
                    raise _NoFormat
                raise self._trouble_with(response, inquiry.model, inquiry.terms)
            try:
                text, used = _completion(response.body, inquiry, planned)
            except ValueError as error:
                broken = Unavailable(f"{self._address.base_url} answers with something else than JSON of a completion.")
                raise _Again(broken, wait=1.0) from error
            self.gate.widen()
            self._is_well()
            return text, used.tokens_out
        finally:
            if meter is not None:
                meter.after(inquiry.model, planned, used)

    def _exchange(self, method: str, path: str, body: bytes | None, seconds: float) -> wire.Response:
        headers = {"Accept": "application/json", "Content-Type": "application/json", "User-Agent": "MediaHub"}
        if self._address.secret:
            headers["Authorization"] = f"Bearer {self._address.secret}"
        return wire.exchange(method, self._address.base_url + path, headers=headers, body=body, seconds=seconds)

    def _trouble_with(self, response: wire.Response, model: str, terms: Terms) -> Exception:
        """What to raise for an answer that is none."""
        status, place = response.status, self._address.base_url
        said = _words_of_error(response.body, self._address.secret)
        if status in (408, 429) or status >= 500:
            told = _retry_after(response.headers)
            wait = terms.wait if told is None else told
            if status not in (429, 503):
                return _Again(Unavailable(f"{place} is out of order ({status}).", retry_after=wait), wait=wait)
            # Too much for it, whoever asked.
            self.gate.narrow()
            self.gate.close_until(self._clock.now() + wait)
            return _Again(Unavailable(f"{place} asks to wait ({status}).", retry_after=wait), wait=wait)
        if status in _NOT_TAKEN:
            return BadItem(f"{place} does not take this question ({status}). {said}".strip())
        if status == 404 and model:
            said = f"{place} knows no model {model}. Check the options name and base_url. {said}".strip()
            return self._is_down(Unavailable(said, retry_after=_MISCONFIGURED_SECONDS), model)
        if status == 401 or status == 403:
            message = f"{place} refuses the key ({status}). Check the option key or {NVIDIA_KEY}."
        elif status == 402:
            message = f"{place} asks for payment ({status}). Add credit there."
        else:
            message = f"{place} answers {status}. Check the option base_url."
        return self._is_down(Unavailable(message, retry_after=_MISCONFIGURED_SECONDS))

    def _unreachable(self, error: OSError) -> _Unreachable:
        said = sentence(str(error) or type(error).__name__, letters=200)
        return _Unreachable(f"{self._address.base_url} does not answer: {said}", retry_after=_DOWN_SECONDS)

    def _is_down(self, error: Unavailable, model: str = "") -> Unavailable:
        """Nobody else need find it out while that lasts; other models of the same machine may be well."""
        self._troubles[model] = str(error), self._clock.now() + (error.retry_after or _DOWN_SECONDS)
        return error

    def _is_well(self) -> None:
        self._troubles.pop("", None)
        self._healthy_until = self._clock.now() + _DOWN_SECONDS

    def _trouble(self, model: str = "") -> Unavailable | None:
        message, until = self._troubles.get(model, ("", 0.0))
        left = until - self._clock.now()
        return Unavailable(message, retry_after=left) if left > 0 else None


class _Remembered:
    """The latest answers, in memory: so many, of so many letters together."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, str] = OrderedDict()
        self._letters = 0
        self._lock = Lock()

    def get(self, key: str) -> str | None:
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
            return self._answers.get(key)

    def put(self, key: str, answer: str) -> None:
        with self._lock:
            self._letters += len(answer) - len(self._answers.pop(key, ""))
            self._answers[key] = answer
            while len(self._answers) > _REMEMBERED or self._letters > _REMEMBERED_LETTERS:
                self._letters -= len(self._answers.popitem(last=False)[1])


_endpoints: dict[tuple[str, str], Endpoint] = {}
_endpoints_lock = Lock()


def endpoint_at(address: Address, *, a_minute: int, at_once: int) -> Endpoint:
    """This process's one endpoint for this address and key; of several limits the lowest holds."""
    with _endpoints_lock:
        key = address.base_url, address.secret
        if key not in _endpoints:
            _endpoints[key] = Endpoint(address, a_minute=a_minute, at_once=at_once)
        _endpoints[key].gate.tighten(a_minute=a_minute, at_once=at_once)
        return _endpoints[key]


def _body(inquiry: Inquiry, messages: _Messages, *, formed: bool) -> bytes:
    asked: dict[str, Any] = {
        "model": inquiry.model,
        "messages": messages,
        "max_tokens": inquiry.max_tokens,
        "temperature": inquiry.temperature,
        "stream": False,
    }
    if inquiry.stop:
        asked["stop"] = list(inquiry.stop)
    if formed and inquiry.schema is not None:
        schema = {"name": "answer", "strict": True, "schema": dict(inquiry.schema)}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
    return json.dumps(asked).encode()


def _completion(body: bytes, inquiry: Inquiry, planned: Usage) -> tuple[str, Usage]:
    """The words of an answer and what it took. Raises ValueError when it is none."""
    try:
        answer = json.loads(body)
        text = answer["choices"][0]["message"]["content"] or ""
        if not isinstance(text, str):
            raise TypeError("the content is no text")
        told = answer.get("usage") or {}
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    guess = min(inquiry.max_tokens, len(text.encode(errors="replace")) // _BYTES_A_TOKEN + 1)
    tokens_in = _count(told.get("prompt_tokens"), planned.tokens_in)
    tokens_out = _count(told.get("completion_tokens"), guess)
    # Models that think aloud end it so; what they thought is no answer.
    return visible(text.rpartition("</think>")[2]).strip(), inquiry.terms.prices.of(1, tokens_in, tokens_out)


def _count(told: object, otherwise: int) -> int:
    return told if type(told) is int and 0 <= told <= _MOST_TOKENS else otherwise


def _keep(answers: Answers, key: str, reply: Reply) -> None:
    try:
        answers.put(key, json.dumps([reply.text, reply.tokens]))
    except Exception:  # it is the caller's own, and may fail in any way: what was paid for is given all the same
        logger.exception("An answer could not be kept: the same will be asked again.")


def _recalled(answer: str | None, inquiry: Inquiry) -> Reply | None:
    """What was remembered, when it still is an answer to the question."""
    if answer is None:
        return None
    try:
        text, tokens = json.loads(answer)
        return Reply(text, schemas.read(text, inquiry.schema) if inquiry.schema is not None else None, tokens)
    except (ValueError, TypeError):
        return None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, where the answer says so: a number or a date."""
    told = headers.get("retry-after", "").strip()
    try:
        seconds = float(told)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
        seconds = max(0.0, seconds)  # a date that is over
    return min(seconds, _LONGEST_WAIT) if 0 <= seconds < math.inf else None


def _words_of_error(body: bytes, secret: str) -> str:
    try:
        said = json.loads(body)
        for name in ("error", "message", "detail"):
            if isinstance(said, dict) and name in said:
                said = said[name]
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, str):
        return ""
    # Before it is cut: half a key is too much of it.
    return sentence(said.replace(secret, "…") if secret else said, letters=200)


def _bytes(content: str | list[dict[str, Any]]) -> int:
    if isinstance(content, str):
        return len(content.encode(errors="replace"))
    return sum(_bytes(part.get("text", "")) for part in content)
