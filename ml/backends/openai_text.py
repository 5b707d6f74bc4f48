"""Language models on other machines: NVIDIA Build, Ollama, vLLM and whatever else has the same door."""

from collections.abc import Sequence
from dataclasses import dataclass

from .. import schemas
from ..endpoint import Inquiry
from ..plain import without_marks
from ..results import Failure, Generated
from ..roles import GenerateOptions, Prompt
from .asking import Asked, Asking, Told


@dataclass
class OpenAiText(Asking[Prompt, GenerateOptions, Generated]):
    name: str = "meta/llama-3.1-8b-instruct"

    def prepare(self, items: Sequence[Prompt], options: GenerateOptions) -> Asked:
        return Asked([self._inquiry(prompt, options) for prompt in items], options.account, options)

    def finish(self, raw: Told) -> list[Generated | Failure]:
        return [
            reply if isinstance(reply, Failure) else Generated(reply.text, reply.data, reply.tokens, self.model())
            for reply in raw.replies
        ]

    def _inquiry(self, prompt: Prompt, options: GenerateOptions) -> Inquiry | Failure:
        if prompt.schema is not None and (problem := schemas.problem(prompt.schema)):
            return Failure("bad_item", problem, retryable=False)
        return Inquiry(
            self.model_name,
            without_marks(prompt.text),
            system=prompt.system,
            schema=prompt.schema,
            max_tokens=options.max_tokens,
            temperature=options.temperature,
            stop=options.stop,
            terms=self._terms,
        )
