import logging
import os
import sys

from .cli import main

if __name__ == "__main__":
    # What is missing stands in the answers; the log tells about it at every try.
    logging.basicConfig(level=os.environ.get("LOG_LEVEL", "ERROR"), format="%(message)s")
    sys.exit(main())
