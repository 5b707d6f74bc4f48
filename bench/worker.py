"""A worker without a queue: `python -m bench.worker` drains at each line it is sent."""

import sys

import django

django.setup()

from apps.ingest import pipeline  # noqa: E402  # the apps are ready only now

for _line in sys.stdin:
    pipeline.drain("cpu")
    print("drained", flush=True)
