"""The deriver: after a compaction, brings each derived table up to date, in the order in which they depend on others.

Every table notes in its own commits up to which version of its source it is. A crash between two commits leaves a table
behind, and the next run continues there. Evidence that is added twice has the same meaning as once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from clickstream.deriving.edit_log import EditLog
from clickstream.deriving.evidence import add_evidence
from clickstream.deriving.people import Basis, resolve_people
from clickstream.deriving.site_rules import SiteRules
from clickstream.identity.edits import EditsInForce
from clickstream.identity.rules import Rules
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.retrying import retry_on_conflict
from clickstream.settings import Settings
from clickstream.storage.account import StorageAccount
from clickstream.storage.site_documents import EditableBlobSiteDocuments
from clickstream.table.delta import Table
from clickstream.table.specs import EVENTS_TABLE, IDENTITIES_TABLE, IDENTITY_EDGES_TABLE, TableSpec

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """The results of one run: rows of evidence added, sites whose people changed, and whether all is up to date."""

    edges: int = 0
    sites: int = 0
    finished: bool = True


class Deriver:
    """Keeps the derived tables. Several may run at once: one commit wins, the others read again."""

    def __init__(self, account: StorageAccount, settings: Settings, now: Callable[[], datetime]) -> None:
        self._account = account
        self._container = settings.lake_container
        self._now = now
        documents = EditableBlobSiteDocuments(account.container(settings.config_container))
        keys = PseudonymKeys.parse(settings.pseudonym_keys, settings.visitor_id_key)
        self._rules = SiteRules(documents, keys)
        self._log = EditLog(account, settings.lake_container)

    def run(self, deadline: datetime | None = None) -> Report:
        """Bring all tables up to date. Changes nothing if there is no time for all of a table. Raise Unavailable."""
        return self._run(deadline, anew=False)

    def rebuild(self) -> Report:
        """Derive all tables from `events` anew, with the same result as `run`. Raise Unavailable."""
        return self._run(None, anew=True)

    def basis(self, site: str) -> Basis:
        """What the people of a site follow from now; the usual rules if it has no valid document. Raise Unavailable."""
        return self._bases(self._rules.read()).get(site, Basis(Rules()))

    def _bases(self, rules: Mapping[str, Rules]) -> Mapping[str, Basis]:
        logs = self._log.read()
        return {
            site: Basis(each, EditsInForce.of([line.edit for line in logs.get(site, ())]))
            for site, each in rules.items()
        }

    def _run(self, deadline: datetime | None, *, anew: bool) -> Report:
        def has_time() -> bool:
            return deadline is None or self._now() < deadline

        rules = self._rules.read()

        def add() -> int | None:
            edges = self._open(IDENTITY_EDGES_TABLE)
            events = Table.open(EVENTS_TABLE, self._account, self._container)
            return 0 if events is None else add_evidence(edges, events, rules, has_time, anew=anew)

        def resolve() -> int:
            identities = self._open(IDENTITIES_TABLE)
            edges = self._open(IDENTITY_EDGES_TABLE)
            return resolve_people(identities, edges, self._bases(rules), self._now().date())

        added = retry_on_conflict(add, IDENTITY_EDGES_TABLE.name)
        if added is None:
            log.warning(
                "no time to read the evidence in %s: run `python -m clickstream.identity run`", EVENTS_TABLE.name
            )
            return Report(finished=False)
        return Report(added, retry_on_conflict(resolve, IDENTITIES_TABLE.name))

    def _open(self, spec: TableSpec) -> Table:
        return Table.open_or_create(spec, self._account, self._container)
