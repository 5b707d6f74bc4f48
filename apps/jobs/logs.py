"""One JSON object a line: time, level, logger, message, and whatever the caller put into `extra`."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

# Whoever reads a log must not come in by it: links of setting up and joining, and keys.
_SECRET = re.compile(r"(/(?:setup|join)/|mh_[0-9a-f]{8}_)[\w-]+")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return _SECRET.sub(r"\1...", json.dumps(line, default=str, ensure_ascii=False))
