from multiprocessing.context import ForkProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from typing import Any

class Sentinel:
    task_queue: Queue[Any]
    stop_event: Event
    pool: list[ForkProcess]
    def __init__(
        self,
        stop_event: Event,
        start_event: Event,
        cluster_id: object,
        broker: object = None,
        timeout: int | None = None,
        start: bool = True,
    ) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...

class Cluster:
    sentinel: ForkProcess
    def start(self) -> int: ...
    def stop(self) -> bool: ...
