"""Decide which lines of a log are page views."""

from __future__ import annotations

from local.demo.access_log.line import Line

# File extensions by kind. A page may have a dot in its last segment (/docs/v1.2, /team/jane.doe) or an extension such
# as .shtml or .do, so the table lists only extensions that are never pages.
STATIC = {
    "images": "apng avif bmp cur gif heic heif ico jpeg jpg jxl png svg svgz tif tiff webp",
    "styles and scripts": "cjs css js map mjs scss wasm",
    "fonts": "eot otf ttf woff woff2",
    "audio and video": "3gp aac avi flac flv m3u8 m4a m4s m4v mid mkv mov mp3 mp4 mpd mpeg mpg oga ogg ogv opus swf "
    "wav webm wmv",
    "documents to download": "doc docx epub key mobi numbers odp ods odt pdf pps ppt pptx ps rtf xls xlsx",
    "archives and programs to download": "7z apk bin bz2 deb dmg exe gz ipa iso jar msi pkg rar rpm tar tgz whl xz zip "
    "zst",
    "data and feeds": "atom csv geojson ics json jsonl log ndjson parquet rss txt webmanifest xml xsl yaml yml",
}
KINDS = {suffix: kind for kind, suffixes in STATIC.items() for suffix in suffixes.split()}


def reason_left_out(line: Line) -> str | None:
    """Why the line is not a page view; None if it is one, that is a GET with status 2xx or 304."""
    if not line.target:
        return "no page requested"
    if line.method != "GET":
        return "other methods than GET"
    if not (200 <= line.status < 300 or line.status == 304):
        kinds = {3: "redirects (3xx)", 4: "refused (4xx)", 5: "failed (5xx)"}
        return kinds.get(line.status // 100, "no answer")
    last = line.target.partition("?")[0].rpartition("/")[2]
    name, dot, suffix = last.rpartition(".")
    return KINDS.get(suffix.lower()) if dot and name else None
