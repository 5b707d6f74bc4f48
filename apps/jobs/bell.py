"""Wakes the workers. A bell holds no truth: what has to be done stands in rows, and a lost bell costs a minute."""

from functools import partial

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django_q.models import OrmQ
from django_q.tasks import async_task

ANSWER = "apps.jobs.bell.answer"
LOOK_AT = 50  # messages of a queue; what lies deeper does not matter for the question whether a bell waits


def ring(lane: str) -> None:
    """Says, after the commit, that there is something to do in a lane. Not more bells wait than workers can answer."""
    # Robust: the rows are committed, and the sweeper rings again; a failed bell must not look like a failed commit.
    transaction.on_commit(partial(_ring, lane), robust=True)


def _ring(lane: str) -> None:
    cluster = settings.LANES[lane]["cluster"]
    if waiting(lane) < workers_of(cluster):
        send(ANSWER, lane, cluster=cluster)


def answer(lane: str) -> None:
    """The task behind a bell: drains the lane."""
    import_string(settings.LANES[lane]["drain"])(lane)


def send(function: str, argument: str | int, *, cluster: str) -> None:
    """Puts a call into a queue: a dotted path and one id. Its result is not kept: rows say what was done."""
    async_task(function, argument, cluster=cluster, save=False)


def waiting(lane: str) -> int:
    """How many bells of a lane no worker has taken yet."""
    messages = OrmQ.objects.filter(key=settings.LANES[lane]["cluster"], lock__lte=timezone.now()).order_by("id")
    tasks = [message.task for message in messages[:LOOK_AT]]
    return sum(task.get("func") == ANSWER and task.get("args") == (lane,) for task in tasks)


def workers_of(cluster: str) -> int:
    configured = settings.Q_CLUSTER["ALT_CLUSTERS"].get(cluster, settings.Q_CLUSTER)["workers"]
    return int(configured)
