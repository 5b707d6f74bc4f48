from multiprocessing.connection import Connection
from multiprocessing.queues import Queue as MultiprocessingQueue
from typing import Any

class Queue(MultiprocessingQueue[Any]):
    _reader: Connection[Any, Any]
    def __init__(self, maxsize: int = 0) -> None: ...
