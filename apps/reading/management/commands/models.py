"""`manage.py models ...`: the same as `python -m ml models ...`, in the folder that the settings name."""

import argparse
import sys
from typing import Any

from django.core.management.base import BaseCommand

from ml.cli import models, run


class Command(BaseCommand):
    help = "Installs, checks and chooses models."
    requires_system_checks = ()

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        models.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if status := run(argparse.Namespace(**options)):
            sys.exit(status)
