import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.template.defaultfilters import filesizeformat

from apps.web.status import Status, status


class Command(BaseCommand):
    help = "Says what runs, what waits, what the sandbox holds and how much room there is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        found = status()
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found) | {"troubles": found.troubles}, indent=2))
        else:
            self.stdout.write("\n".join(in_words(found)))


def in_words(found: Status) -> list[str]:
    process, _, address = found.running.partition(" ")
    lines = [f"MediaHub {found.version}: " + (f"running at {address} (pid {process})" if process else "not running")]
    lines.append(f"{found.database}, {filesizeformat(found.database_bytes)}")
    lines.append(f"{found.data}: {filesizeformat(found.disk_free_bytes)} free")
    for worker in found.workers:
        seen = f"seen {worker.seen_seconds_ago} s ago" if worker.is_alive else f"silent for {worker.seen_seconds_ago} s"
        lines.append(f"Worker {worker.lane} on {worker.host} (pid {worker.process}): {seen}")
        held = [name for name, holds in worker.sandbox.items() if holds is True]
        if held:
            lines.append(f"  sandbox: {', '.join(held)}")
        lines += [f"  {role}: {state}" for role, state in worker.models.items()]
    lines.append("Steps: " + _counts(found.steps))
    lines.append("Jobs: " + _counts(found.jobs))
    lines.append("Bells: " + _counts(found.bells))
    return lines + [f"! {trouble}" for trouble in found.troubles]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
