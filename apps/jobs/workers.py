"""The processes that work: django-q2's cluster, made to die with its parent, to survive the death of its own children,
and to be seen. One row (`Worker`) per cluster process and lane."""

import os
import queue
import socket
import time
from multiprocessing import RawValue
from multiprocessing.synchronize import Event
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q import cluster as django_q_cluster
from django_q.conf import Conf
from django_q.queues import Queue

from apps.jobs.models import Worker
from media.lockdown import die_with_parent

HEARTBEAT_SECONDS = 20
SILENT_SECONDS = 90  # after this long without a word a worker counts as gone

_cluster_process = os.getpid()  # set once more in `work`: its children report in its name
_stopping = RawValue("b", 0)  # shared with the children; without a lock, since a killed holder would keep it


def stopping() -> bool:
    """True when this worker has been asked to stop: what runs long ends after the piece it is at."""
    return bool(_stopping.value)


def report(lane: str, **facts: dict[str, Any]) -> None:
    """Says that a lane's worker is alive, and what it found out: `devices`, `sandbox`, `models_state`."""
    Worker.objects.update_or_create(
        host=socket.gethostname(),
        process=_cluster_process,
        lane=lane,
        defaults={"seen_at": timezone.now(), **facts},
    )


def forget_this_host() -> None:
    """Before anything is started: what an earlier run left behind."""
    Worker.objects.filter(host=socket.gethostname()).delete()


class TaskQueue(Queue):
    """A queue whose readers wait without its lock. In the library's, an idle worker that is killed takes the lock with
    it, and no other worker ever gets a task again."""

    def get(self, *args: Any, **kwargs: Any) -> Any:
        while True:
            self._reader.poll(None)
            try:
                return super().get(block=False)
            except queue.Empty:  # another one was faster
                time.sleep(0.01)


class Sentinel(django_q_cluster.Sentinel):
    def __init__(
        self, stop_event: Event, start_event: Event, cluster_id: object, broker: object, timeout: int | None
    ) -> None:
        super().__init__(stop_event, start_event, cluster_id, broker, timeout, start=False)
        self.task_queue = TaskQueue(maxsize=Conf.QUEUE_LIMIT)
        self.start()

    def stop(self) -> None:
        _stopping.value = 1
        super().stop()


def work() -> bool:
    """Runs the cluster that Q_CLUSTER_NAME names until it is told to stop. False when it ended by itself.

    Every process of it dies with the one that started it, so that no kill of anything leaves workers behind.
    """
    global _cluster_process
    _cluster_process = os.getpid()
    os.register_at_fork(after_in_child=die_with_parent)
    django_q_cluster.Sentinel = Sentinel  # type: ignore[misc,assignment]  # the library has no other way to choose it
    cluster = django_q_cluster.Cluster()
    cluster.start()
    lanes = {lane: row for lane, row in settings.LANES.items() if row["cluster"] == Conf.CLUSTER_NAME}
    facts: dict[str, Any] = {}
    while cluster.sentinel.is_alive():
        try:
            for lane, row in lanes.items():
                report(lane, **facts.get(lane, {}))
                if lane not in facts:  # it takes a moment: only after the first word
                    facts[lane] = import_string(row["facts"])()
                    report(lane, **facts[lane])
        except DatabaseError:
            pass  # it is away for a moment; the workers find out by themselves
        finally:
            connections.close_all()
        cluster.sentinel.join(HEARTBEAT_SECONDS)
    return cluster.sentinel.exitcode == 0
