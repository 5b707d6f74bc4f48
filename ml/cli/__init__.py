"""The models from a shell: `python -m ml ...`. Answers go to standard output, progress and complaints to the other."""

import argparse
import json
import os
import sys
from dataclasses import asdict

from media.sandbox import SandboxUnavailable

from .. import profiles
from ..runtime import Runtime
from ..settings import SettingsError
from ..weights.files import WeightsError
from . import models, pictures

__all__ = ["main", "run"]


def main(words: list[str] | None = None) -> int:
    """The exit status: see `run`."""
    parser = argparse.ArgumentParser(prog="python -m ml", description="MediaHub's models, without its web pages.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    models.add_arguments(commands.add_parser("models", help="install, check and choose models"))
    pictures.add_commands(commands)
    commands.add_parser("status", help="which models answer for which work, as JSON").set_defaults(run=_status)
    if "" in (words if words is not None else sys.argv[1:]):
        parser.error("one of the words is empty; a variable that is not set?")
    return run(parser.parse_args(words))


def run(arguments: argparse.Namespace) -> int:
    """The exit status: 0 done, 1 not done, 2 not understood, 130 stopped. What went wrong is one sentence."""
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()  # here a full disk can still be said
        return status
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (WeightsError, SandboxUnavailable) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except BrokenPipeError:  # whoever reads has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        sys.stderr.write(f"{error.filename or 'The output'} cannot be used: {error.strerror or error}.\n")
        if error.filename is None:  # what was not written must not be tried again at the end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped.\n")
        return 130


def _status(arguments: argparse.Namespace) -> int:
    with Runtime(profiles.local_settings()) as runtime:
        sys.stdout.write(json.dumps([asdict(status) for status in runtime.status()], indent=2) + "\n")
    return 0
