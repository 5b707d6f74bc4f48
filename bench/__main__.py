"""`python -m bench [--quick] [NAME ...]`: one table; the figures also go into bench/results/."""

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from bench.protocol import Ratio

ROW = "{:5} {:40} {:>9} {:>20} {:>9} {:8} {:22} {:18} {}".format
RESULTS = Path(__file__).parent / "results"


@contextmanager
def house() -> Iterator[Path]:
    """A place that is thrown away, with a database and a data folder. Settings are read after this, not before."""
    from mediahub.local import EmbeddedPostgres

    place = Path(tempfile.mkdtemp(prefix="mediahub-bench-"))
    data = place / "data"
    data.mkdir()
    for folder in (place, data):
        folder.chmod(0o711)  # the database's account must reach its own folder
    os.environ |= {
        "MEDIAHUB_DATA": str(data),
        "SECRET_KEY": "only-for-the-benchmarks-0123456789-0123456789-01234567",
        "DJANGO_SETTINGS_MODULE": "mediahub.settings",
        "LOG_LEVEL": "ERROR",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
    }
    server = EmbeddedPostgres(data / "postgres", durable=True)
    server.start()
    os.environ["DATABASE_URL"] = server.url()
    try:
        yield place
    finally:
        server.stop()
        shutil.rmtree(place, ignore_errors=True)


def show(one: Ratio) -> None:
    interval = f"{one.low:.3f} .. {one.high:.3f}"
    reached = "yes" if one.reached else "no"
    cells = (one.name, one.what, f"{one.median:.3f}", interval, one.target, reached, one.gate, one.repeats, one.note)
    print(ROW(*cells), flush=True)


def write(report: Path, found: list[Ratio]) -> None:
    """After every ratio, so that a run that is stopped leaves what it knows."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC).isoformat()
    report.write_text(json.dumps({"at": now, "load": os.getloadavg(), "ratios": [asdict(r) for r in found]}, indent=2))


def main() -> int:
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(143))  # so that the house is thrown away
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="small sizes: shows that everything runs, measures nothing"
    )
    parser.add_argument("--repeats", type=int, help="of each A-B-B-A; 7 without it")
    parser.add_argument("names", nargs="*", help="only these benchmarks")
    options = parser.parse_args()
    with house() as place:
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        call_command("createcachetable", verbosity=0)
        from bench import ratios
        from bench.protocol import GateError, NotHere

        size = ratios.QUICK if options.quick else ratios.Size()
        size = replace(size, repeats=options.repeats or size.repeats)
        print(ROW("", "ratio", "median", "95 %", "target", "reached", "gate", "repeats", ""), flush=True)
        found: list[Ratio] = []
        report = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}{'-quick' if options.quick else ''}.json"
        failed = 0
        for benchmark in ratios.BENCHMARKS:
            if options.names and benchmark.__name__ not in options.names:
                continue
            try:
                for one in benchmark(size, place / benchmark.__name__):
                    found.append(one)
                    show(one)
                    write(report, found)
            except NotHere as error:
                print(f"{benchmark.__name__}: not measured: {error}", file=sys.stderr)
            except GateError as error:
                failed += 1
                print(f"{benchmark.__name__}: no ratio, the gate does not hold: {error}", file=sys.stderr)
                traceback.print_exc()
        from django.db import connections

        connections.close_all()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
