from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.jobs.workers import work


class Command(BaseCommand):
    help = "Works through one queue: `default`, or the one that Q_CLUSTER_NAME names. `make run` starts both."

    def handle(self, *args: Any, **options: Any) -> None:
        if not work():
            raise CommandError("The workers ended unexpectedly.")
