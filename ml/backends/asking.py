"""What all backends have in common that ask another machine: the options, the switch, the endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from ..backend import Backend, Unavailable
from ..devices import Device
from ..endpoint import ALIASES, NVIDIA, Address, Endpoint, Inquiry, Prices, Reply, Terms, endpoint_at
from ..meter import Account
from ..options import BatchSize, Between, Count, Megabytes, Price, Seconds
from ..results import Failure, ModelName

Item = TypeVar("Item")
Options = TypeVar("Options")
Result = TypeVar("Result")

#: Raised when the same items would be asked about in other words.
_PROMPTS = "1"


@dataclass(frozen=True)
class Asked:
    """A question, or why there is none, for each item. `options`: the caller's, for `finish`."""

    inquiries: list[Inquiry | Failure]
    account: Account
    options: object


@dataclass(frozen=True)
class Told:
    replies: list[Reply | Failure]
    options: object


@dataclass
class Asking(Backend[Item, Options, Asked, Told, Result]):
    """`switched_on`: nothing is sent before its owner said so. `name` is the endpoint's own for the model, or an alias
    (llama-vision, nemotron). `key`: by default NVIDIA_API_KEY of the environment, for NVIDIA alone. Of backends that
    share an endpoint the lowest `requests_a_minute` and `at_once` hold for all. `seconds`: the whole time of a request;
    `patience_seconds`: how long a question may wait for its turns before it is a failure that says when to come back;
    `wait_seconds`: after a 429 or 5xx that does not say how long. Prices are of a million tokens, and of a request.
    """

    name: str = "llama-vision"
    base_url: str = NVIDIA
    switched_on: bool = False
    key: str = field(default="", repr=False)
    requests_a_minute: Count = 100
    at_once: Count = 8
    seconds: Seconds = 120.0
    patience_seconds: Seconds = 180.0
    wait_seconds: Seconds = 60.0
    retries: Annotated[int, Between(0, 100)] = 4
    price_in: Price = 0.0
    price_out: Price = 0.0
    price_request: Price = 0.0
    batch_size: BatchSize = 16
    memory_mb: Megabytes = 30

    @property
    def model_name(self) -> str:
        return ALIASES.get(self.name, self.name)

    def model(self) -> ModelName:
        return ModelName(self.model_name, _PROMPTS)

    def missing_weights(self) -> str | None:
        if not self.switched_on:
            return (
                f"Switched off: what it is asked about is sent to {self.base_url}. "
                "Set its option switched_on to true if that is wished."
            )
        if not self.name:
            return "No model is named. Set the option name."
        return self._address.missing()

    def load(self, device: Device | None) -> Device:
        if trouble := self._endpoint.health():
            raise Unavailable(trouble, retry_after=60)
        return "cpu"

    def unload(self) -> None:
        """There is nothing here to free: what was answered stays remembered."""

    def infer(self, batch: Asked) -> Told:
        questions = [inquiry for inquiry in batch.inquiries if isinstance(inquiry, Inquiry)]
        replies = iter(self._ask(questions, batch.account))
        told = [next(replies) if isinstance(inquiry, Inquiry) else inquiry for inquiry in batch.inquiries]
        return Told(told, batch.options)

    def _ask(self, inquiries: Sequence[Inquiry], account: Account) -> list[Reply | Failure]:
        return self._endpoint.ask_all(inquiries, account)

    @property
    def _address(self) -> Address:
        return Address(self.base_url.rstrip("/"), self.key)

    @property
    def _endpoint(self) -> Endpoint:
        return endpoint_at(self._address, a_minute=self.requests_a_minute, at_once=self.at_once)

    @property
    def _terms(self) -> Terms:
        prices = Prices(self.price_in, self.price_out, self.price_request)
        return Terms(self.seconds, self.patience_seconds, self.wait_seconds, self.retries, prices)
