from typing import Any

from django.core.management.base import BaseCommand

from apps.search.indexing import rebuild_all


class Command(BaseCommand):
    help = "Makes everything that search knows again, while search goes on."

    def handle(self, *arguments: Any, **options: Any) -> None:
        self.stdout.write(f"{rebuild_all()} assets can be found again.")
