"""What the workers of these tests read: the settings of the house, and the tests' own kinds of job."""

from mediahub.settings import *  # noqa: F403

JOB_KINDS = {"count": "tests.jobs.kinds.count", "die_in_the_middle": "tests.jobs.kinds.die_in_the_middle"}
