"""How pages say numbers."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()


@register.filter
def time_left(seconds: int) -> str:
    """`about 12 minutes left`; never more exact than the estimate is."""
    if seconds < 60:
        return _("less than a minute left")
    minutes = round(seconds / 60)
    if minutes < 120:
        return ngettext("about %(n)d minute left", "about %(n)d minutes left", minutes) % {"n": minutes}
    hours = round(minutes / 60)
    if hours < 48:
        return ngettext("about %(n)d hour left", "about %(n)d hours left", hours) % {"n": hours}
    days = round(hours / 24)
    return ngettext("about %(n)d day left", "about %(n)d days left", days) % {"n": days}


@register.filter
def duration(milliseconds: float) -> str:
    """`40 ms`, `1.2 s`, `3 min 20 s`."""
    if milliseconds < 1000:
        return _("%(n)d ms") % {"n": round(milliseconds)}
    seconds = milliseconds / 1000
    if seconds < 120:
        return _("%(n).1f s") % {"n": seconds}
    return _("%(minutes)d min %(seconds)d s") % {"minutes": seconds // 60, "seconds": seconds % 60}
