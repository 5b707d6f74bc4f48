"""Named points at which a test may end this process, to see that nothing is lost. Outside of tests they do nothing.

`MEDIAHUB_KILL_AT=point:/path/to/flag` kills the first process that reaches `point`, once: the one that dies takes the
flag file away, so what is started again goes on.
"""

import os
import signal

_POINT, _, _FLAG = os.environ.get("MEDIAHUB_KILL_AT", "").partition(":")


def reached(point: str) -> None:
    if not _POINT or point != _POINT:
        return
    try:
        os.unlink(_FLAG)  # noqa: PTH108  # one system call: exactly one process gets it
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
