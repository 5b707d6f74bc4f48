"""What an option of a backend may be, declared where the option is: `side: Annotated[int, Between(32, 4096)] = 640`.

`ml.settings` refuses everything else, by name, before anything is built.
"""

from dataclasses import dataclass
from typing import Annotated, TypeAlias


@dataclass(frozen=True)
class Between:
    """Both ends are allowed."""

    least: float
    most: float

    def has(self, number: float) -> bool:
        return self.least <= number <= self.most  # not what is no number

    def __str__(self) -> str:
        return f"between {self.least:,} and {self.most:,}"


Threads: TypeAlias = Annotated[int, Between(1, 256)]
Count: TypeAlias = Annotated[int, Between(1, 10_000)]
BatchSize: TypeAlias = Annotated[int, Between(1, 1024)]
#: 0: the backend knows by its files.
Megabytes: TypeAlias = Annotated[int, Between(0, 1_000_000)]
Pixels: TypeAlias = Annotated[int, Between(32, 8192)]
Share: TypeAlias = Annotated[float, Between(0, 1)]
Seconds: TypeAlias = Annotated[float, Between(0, 86_400)]
Price: TypeAlias = Annotated[float, Between(0, 1_000_000)]
