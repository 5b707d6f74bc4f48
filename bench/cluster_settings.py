"""What the queue workers of the benchmark read: the settings of the house, and steps of known cost."""

from mediahub.settings import *  # noqa: F403

LANES = {"cpu": {"cluster": "default", "drain": "bench.work.drain", "facts": "bench.cluster_settings.no_facts"}}
SCHEDULES = {}
BOOT_TASKS = []


def no_facts() -> dict[str, object]:
    return {}
