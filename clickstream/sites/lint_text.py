"""Formats a lint report as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clickstream.sites.linting import DRIFT, FAILED, NEVER, UNDEFINED_EVENT, Finding, LintReport

TITLES = {
    NEVER: "defined, never arrived",
    UNDEFINED_EVENT: "arrived, not defined",
    DRIFT: "broke their definition",
    FAILED: "became failed events",
}


def as_text(report: LintReport, period: str) -> str:
    """The report as aligned tables, one for each kind of finding."""
    return "\n".join(_lines(report, period))


def _lines(report: LintReport, period: str) -> Iterator[str]:
    yield f"{report.site}, {period}: {report.events} events, {len(report.findings)} findings"
    if report.definitions:
        yield ""
        rows = [(f"{d.name} version {d.version}", d.events, d.events_with_violations) for d in report.definitions]
        yield from _table([("definition", "events", "with violations"), *rows])
    for kind, title in TITLES.items():
        findings = [finding for finding in report.findings if finding.kind == kind]
        if findings:
            yield ""
            yield title
            yield from (f"  {line}" for line in _table([_cells(finding) for finding in findings]))


def _cells(finding: Finding) -> tuple[object, ...]:
    if finding.kind == NEVER:
        return (finding.event,)
    seen = f"{_day(finding.first_seen)} to {_day(finding.last_seen)}"
    if finding.kind == UNDEFINED_EVENT:
        return finding.event, finding.events, seen
    share = f"{finding.share:.1%}" if finding.share is not None else ""
    return finding.pointer or "(all of it)", finding.code, finding.events, share, seen, finding.message


def _day(moment: object) -> str:
    return str(moment)[:10]


def _table(rows: Sequence[Sequence[object]]) -> Iterator[str]:
    texts = [[_printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in texts) for column in range(len(texts[0]))]
    for row, cells in zip(texts, rows, strict=True):
        padded = [
            text.rjust(width) if isinstance(cell, int) else text.ljust(width)
            for text, width, cell in zip(row, widths, cells, strict=True)
        ]
        yield "  ".join(padded).rstrip()


def _printable(cell: object) -> str:
    """The cell without control characters, because names are untrusted and could move the terminal's cursor."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(cell))
