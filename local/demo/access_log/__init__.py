"""Read page views from a web server's access log in any of the common formats."""

from local.demo.access_log.events import page_view
from local.demo.access_log.line import Line, Malformed
from local.demo.access_log.pages import reason_left_out
from local.demo.access_log.reading import Unreadable, check_readable, read_lines

__all__ = ["Line", "Malformed", "Unreadable", "check_readable", "page_view", "read_lines", "reason_left_out"]
