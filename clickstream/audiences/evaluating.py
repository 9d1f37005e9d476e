"""Evaluates audiences up to the moment of completeness, and adds what changed to the table `audience_changes`.

Rows, their messages and what they follow from are one commit. So a crash leaves the table as before or as after, and
a message, once committed, never changes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath

import pyarrow as pa

from clickstream.audiences.changing import HELD_FROM, Change, Evaluated, Step, are_too_many
from clickstream.audiences.recording import Description, Record, destination_of
from clickstream.audiences.state import (
    HELD,
    RELEASED,
    Memberships,
    Notes,
    memberships_among,
    microseconds_of,
    moment_of,
)
from clickstream.audiences.touching import Basis, Outlook
from clickstream.errors import InvalidSite, LimitExceeded
from clickstream.model.digests import digest_of
from clickstream.querying.audiences.describing import descriptions
from clickstream.querying.audiences.formula import atoms, with_needed
from clickstream.querying.audiences.membership import Fact, matchings
from clickstream.querying.audiences.question import Question
from clickstream.querying.conditions import Parameters
from clickstream.querying.engine import QueryEngine
from clickstream.querying.goals import scope_of
from clickstream.querying.period import Period
from clickstream.querying.scope import Standing
from clickstream.querying.statement import Statement
from clickstream.retrying import retry_on_conflict
from clickstream.settings import Settings
from clickstream.sites.audience_standing import OfField, OfTrait
from clickstream.sites.audiences import Audience, In, goals_of, leaves
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, Site, parse_site
from clickstream.storage.account import StorageAccount
from clickstream.storage.site_documents import EditableBlobSiteDocuments
from clickstream.table.delta import COMPACTOR, Table
from clickstream.table.specs import (
    ACTIVITY_TABLE,
    AUDIENCE_CHANGES_TABLE,
    EVENTS_TABLE,
    IDENTITIES_TABLE,
    TableSpec,
)

log = logging.getLogger(__name__)
# Existing members are reported as if at most so much time had passed since the last ones.
PAUSE_THAT_COUNTS = timedelta(minutes=10)
# How far ahead of the moment of completeness events are searched: clocks of servers may run ahead by minutes.
AHEAD = timedelta(days=2)


@dataclass(slots=True)
class Report:
    """The results of one run: rows added, and the audiences, as `site/slug`, whose changes wait for a release."""

    changes: int = 0
    held: list[str] = field(default_factory=list)


class Evaluator:
    """Keeps `audience_changes`. Several may run at once: one commit wins, the others evaluate again."""

    def __init__(
        self,
        account: StorageAccount,
        settings: Settings,
        engine: QueryEngine,
        now: Callable[[], datetime],
        held_from: int = HELD_FROM,
    ) -> None:
        self._account = account
        self._settings = settings
        self._engine = engine
        self._now = now
        self._held_from = held_from
        self._documents = EditableBlobSiteDocuments(account.container(settings.config_container))
        self._read: dict[str, tuple[str, Site | None]] = {}  # by path: the version, and the site if it is valid
        self._outlooks: dict[str, Outlook] = {}  # by site
        self._opened: dict[str, Table] = {}  # by name; opening one again costs more than updating it

    def run(self, deadline: datetime | None = None) -> Report:
        """Evaluate the audiences of every site for which anything may have changed. Raise Unavailable.

        Begins no site after `deadline`. A site whose document is invalid, or whose evaluation exceeds the limits of
        queries, stays as it is.
        """
        report = Report()
        until = self._engine.complete_until()
        if until is None:
            return report
        for site in self._sites():
            if deadline is not None and self._now() >= deadline:
                log.warning("no time to evaluate the audiences of %s", site.site)
                break
            held: list[str] = []
            try:
                report.changes += self._evaluate(site, until, held)
            except LimitExceeded as error:
                log.error("the audiences of %s stay as they are: %s", site.site, error.message)
            report.held += [f"{site.site}/{slug}" for slug in held]
        return report

    def _sites(self) -> Iterator[Site]:
        """The sites with a valid document that have audiences, or had some."""
        for path, version in self._documents.versions().items():
            if path not in self._read or self._read[path][0] != version:
                self._read[path] = version, self._parsed(path)
            site = self._read[path][1]
            if site is not None and (site.audiences or self._had_audiences(site)):
                yield site

    def _had_audiences(self, site: Site) -> bool:
        table = Table.open(AUDIENCE_CHANGES_TABLE, self._account, self._settings.lake_container)
        return table is not None and bool(Notes(table, site.site).of("definitions"))

    def _parsed(self, path: str) -> Site | None:
        try:
            return parse_site(self._documents.fetch(path).text, expected=PurePosixPath(path).stem)
        except InvalidSite as problem:
            log.warning("%s cannot be read, so its audiences stay as they are: %s", path, problem.message)
            return None

    def _evaluate(self, site: Site, until: datetime, held: list[str]) -> int:
        def attempt() -> int:
            held.clear()
            table = self._newest(AUDIENCE_CHANGES_TABLE, Table.open_or_create)
            assert table is not None
            outlook = self._outlooks.get(site.site)
            evaluation = _Evaluation(self._engine, table, site, until, self._versions(), self._now(), outlook)
            if not evaluation.is_due:
                return 0
            changes = evaluation.changes(self._settings.audience_max_change, self._held_from)
            held.extend(evaluation.held)
            self._outlooks.pop(site.site, None)
            evaluation.commit(changes, destination_of(site, self._settings))
            if evaluation.outlook is not None:
                self._outlooks[site.site] = evaluation.outlook
            return len(changes)

        count = retry_on_conflict(attempt, AUDIENCE_CHANGES_TABLE.name)
        for slug in held:
            log.warning(
                "changes of the audience %s of %s wait: `python -m clickstream.audiences release %s %s`",
                *(slug, site.site, site.site, slug),
            )
        return count

    def _versions(self) -> Mapping[str, int]:
        """Up to where the sources are now. Read before their rows, which may then be newer."""
        sources = (EVENTS_TABLE, IDENTITIES_TABLE, ACTIVITY_TABLE)
        events, identities, activity = (self._newest(spec, Table.open) for spec in sources)
        return {
            "events": (events.application_version(COMPACTOR) or 0) if events is not None else 0,
            "identities": identities.version if identities is not None else 0,
            "activity": (activity.application_version(COMPACTOR) or 0) if activity is not None else 0,
        }

    def _newest(
        self, spec: TableSpec, opening: Callable[[TableSpec, StorageAccount, str], Table | None]
    ) -> Table | None:
        """The table as it is now, if it can be opened. Raise Unavailable."""
        if (table := self._opened.get(spec.name)) is not None:
            table.update()
        elif (table := opening(spec, self._account, self._settings.lake_container)) is not None:
            self._opened[spec.name] = table
        return table


class _Evaluation:
    """One evaluation of the audiences of a site."""

    def __init__(
        self,
        engine: QueryEngine,
        table: Table,
        site: Site,
        until: datetime,
        versions: Mapping[str, int],
        now: datetime,
        last: Outlook | None,
    ) -> None:
        self._engine = engine
        self._table = table
        self._site = site
        self._until = until
        self._versions = versions
        self._now = now
        self._scope = scope_of(Access(site, KeyKind.READ))
        self._audiences = with_needed(self._scope.audiences, self._scope.audiences)
        self._notes = Notes(table, site.site)
        self._definitions = {audience.slug: _definition(audience, site) for audience in site.audiences}
        self._noted: dict[str, int] = {}
        self._last = last if last is not None and last.fits(self._notes, site, microseconds_of(until)) else None
        self._sizes: Mapping[str, int] = {}
        self.held: list[str] = []
        self.outlook: Outlook | None = None

    @property
    def is_due(self) -> bool:
        """Whether anything may have changed since the last evaluation. Time never goes back."""
        notes, until = self._notes, microseconds_of(self._until)
        before, due = notes.of("until"), notes.of("due")
        if before is not None and until < before:
            return False
        return (
            before is None
            or any(notes.of(name) != version for name, version in self._versions.items())
            or notes.of("definitions") != self._all_definitions
            or bool(due and due <= until)
            or bool(notes.of("telling"))
            or (notes.of("asked") or 0) != (notes.of("answered") or 0)
        )

    @property
    def _all_definitions(self) -> int:
        messages = self._site.audience_messages
        return digest_of(sorted(self._definitions.items()), messages) if self._definitions else 0

    def changes(self, max_change: int, held_from: int) -> Sequence[Change]:
        """What changed, and members that are reported again; see `held` for the audiences left out."""
        notes, since = self._notes, self._notes.until
        basis = self._basis()
        touched = self._touched(basis)
        memberships, self._sizes = memberships_among(self._table, self._site.site, touched)
        now = self._evaluated(self._until, since, touched)
        outlook = basis.outlook(self._last, touched, now, self._site)
        self._noted = {
            notes.key("until"): microseconds_of(self._until),
            **{notes.key(name): version for name, version in self._versions.items()},
            notes.key("definitions"): self._all_definitions,
            notes.key("due"): min(filter(None, (outlook.next_due, self._ahead())), default=0),
            notes.key("answered"): notes.of("asked") or 0,
        }
        steps = [step for step in self._steps(now, memberships) if self._may_go_on(step, max_change, held_from)]
        doubtful = {person for step in steps for person in step.without_news(now)}
        earlier = self._evaluated(since, None, doubtful) if doubtful and since is not None else None
        found = [change for step in steps for change in step.changes(now, earlier, since)]
        again = self._reported_again(steps, now)
        self.outlook = outlook.after(self._noted)
        return [*found, *again]

    def _basis(self) -> Basis:
        names = ("events", "activity")
        return Basis.read(
            self._engine,
            self._scope,
            microseconds_of(self._until),
            self._notes.of("until"),
            Question(self._scope, self._audiences, self._until).period,
            {name: self._notes.of(name) or 0 for name in names},
        )

    def _touched(self, basis: Basis) -> frozenset[str] | None:
        """Who is evaluated; None: everybody."""
        if any(matching.needs_visits for matching in matchings(self._audiences)):
            return None
        of_all_past = any(
            isinstance(atom, Standing) for audience in self._audiences for atom in atoms(audience.formula)
        )
        return basis.touched(self._last, of_all_past=of_all_past)

    def _steps(self, now: Evaluated, memberships: Memberships) -> Iterator[Step]:
        messages = self._site.audience_messages
        sent = {audience.slug: audience.messages != "none" for audience in self._site.audiences}
        for slug in dict.fromkeys([*self._definitions, *memberships]):
            if slug not in self._definitions and not memberships[slug]:
                continue
            before, definition = self._notes.of("defined", slug) or 0, self._definitions.get(slug, 0)
            is_removed = definition == 0
            yield Step.of(
                slug,
                self._scope.audiences.get(slug),
                self._until,
                now,
                memberships,
                was_defined=before != 0 or is_removed,
                is_changed=before != definition,
                is_sent=messages is not None and (messages.removed == "exits" if is_removed else sent[slug]),
            )

    def _may_go_on(self, step: Step, max_change: int, held_from: int) -> bool:
        """Whether the step is made. It waits for a release if it changes too much."""
        hold, key = self._notes.of("hold", step.slug), self._notes.key("hold", step.slug)
        count = len(step.enters) + len(step.exits)
        too_many = are_too_many(count, self._sizes.get(step.slug, 0), max_change, held_from)
        if step.was_defined and too_many and hold != RELEASED:
            self.held.append(step.slug)
            self._noted[key] = HELD
            return False
        if hold:
            self._noted[key] = 0
        if (self._notes.of("defined", step.slug) or 0) != self._definitions.get(step.slug, 0):
            self._noted[self._notes.key("defined", step.slug)] = self._definitions.get(step.slug, 0)
        return True

    def _reported_again(self, steps: Sequence[Step], now: Evaluated) -> Sequence[Change]:
        """Rows about members that messages are still to report, as many as the rate allows."""
        messages, notes = self._site.audience_messages, self._notes
        found: list[Change] = []
        if messages is None:
            return found
        existing = {audience.slug for audience in self._site.audiences if audience.messages == "existing"}
        left, is_left = self._allowance(messages.existing_per_minute), False
        for step in steps:
            key = notes.key("tell", step.slug)
            if not step.was_defined:
                if step.slug in existing and step.enters:  # in the next runs, because these rows have no numbers yet
                    self._noted[key] = (self._table.application_version("seq") or 0) + 1
                    is_left = True
            elif step.is_sent and (last := notes.of("tell", step.slug)):
                rows, is_all = step.reported_again(now, last, left)
                found += rows
                left -= len(rows)
                is_left = is_left or not is_all
                self._noted[key] = 0 if is_all else last
        if found:
            self._noted[notes.key("reported_at")] = microseconds_of(self._now)
        self._noted[notes.key("telling")] = int(is_left)
        return found

    def _allowance(self, per_minute: int) -> int:
        """How many existing members may be reported now."""
        at = self._notes.of("reported_at")
        if at is None:
            return per_minute
        pause = min(self._now - moment_of(at), PAUSE_THAT_COUNTS)
        return max(0, int(per_minute * (pause / timedelta(minutes=1))))

    def commit(self, changes: Sequence[Change], destination: str | None) -> None:
        """Add the changes with their messages. Raise Conflict if another evaluator committed first, Unavailable."""
        record = Record(self._site.site, destination, self._now, self._definitions, self._about)
        record.commit(self._table, changes, self._noted)

    def _about(self, people: Set[str]) -> Mapping[str, Description]:
        messages = self._site.audience_messages
        names = () if messages is None else messages.traits
        period = Question(self._scope, self._audiences, self._until).period
        statement = descriptions(people, names, Parameters(self._scope, period))
        rows = self._engine.run_over_all(statement, self._scope, ACTIVITY_TABLE).to_pylist()
        found: dict[str, Description] = {}
        for row in rows:
            texts = {name: row[f"trait_{number}"] for number, name in enumerate(names)}
            traits = {name: text for name, text in texts.items() if text is not None}
            found[row["person"]] = Description(moment_of(row["first_at"]), traits)
        return found

    def _evaluated(self, until: datetime, since: datetime | None, people: Set[str] | None) -> Evaluated:
        """What holds at a moment, of everybody or of these people alone."""
        slugs = [audience.slug for audience in self._audiences]
        if not slugs or people == set():
            return Evaluated(pa.table({"person": pa.array([], pa.string())}), [])
        question = Question(self._scope, self._audiences, until)
        names = [question.names(slug) for slug in slugs]
        before = question.bind(0 if since is None else microseconds_of(since))
        late = f"batch > {question.bind(self._notes.of('events') or 0)} AND moment <= {before}"
        # Conditions about all of the past follow events outside of the longest window, too.
        added = f"batch > {question.bind(self._notes.of('activity') or 0)}"
        facts = [
            Fact("has_news", f"moment > {before}", f"{added} AND epoch_us(last_at) > {before}"),
            Fact("has_late", f"coalesce({late}, false)", f"{added} AND epoch_us(last_at) <= {before}"),
        ]
        columns = ", ".join(
            [
                *(f"{name.holds}, {name.changes}" for name in names),
                *(f"qualifies_{number}" for number, audience in enumerate(self._audiences) if audience.is_lasting),
            ]
        )
        kept = " OR ".join(f"{name.holds} OR {name.changes} IS NOT NULL" for name in names)
        statement = question.statement(
            f"SELECT person, is_known, is_allowed, has_news, has_late, {columns}\n"
            f"FROM members\nWHERE has_news OR has_late OR {kept}",
            facts=facts,
            people=people,
        )
        return Evaluated(self._engine.run(statement, self._scope, question.period), slugs)

    def _ahead(self) -> int | None:
        """The moment of the first event after the evaluated moment, in microseconds since 1970."""
        period = Period(self._until, self._until + AHEAD)
        sql = (
            "SELECT min(epoch_us(occurred_at)) AS at FROM events WHERE site = $site AND epoch_us(occurred_at) > $until"
        )
        parameters: Mapping[str, str | int] = {"site": self._site.site, "until": microseconds_of(self._until)}
        at: int | None = self._engine.run(Statement(sql, parameters), self._scope, period)["at"][0].as_py()
        return at


def _definition(audience: Audience, site: Site) -> int:
    """The digest of everything in the document that memberships depend on."""
    goals = {goal.name: goal for goal in site.goals}
    by_slug = {other.slug: other for other in site.audiences}
    parts: list[object] = [audience.of, audience.where]
    if any(lasting := (audience.stay, audience.pause, audience.grace)):
        parts.append(lasting)
    for _, leaf in leaves(audience.where):
        if isinstance(leaf, In):
            parts.append(_definition(by_slug[leaf.in_], site))
        parts.extend(goals[name] for _, name in goals_of(leaf))
        if isinstance(leaf, OfTrait | OfField):
            parts.extend((site.profiles.first_write, site.currency))
    return digest_of(*parts)
