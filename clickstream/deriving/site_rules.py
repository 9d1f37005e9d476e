"""The rules of identity and of profiles of every site, from its document."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath

from clickstream.errors import InvalidSite
from clickstream.identity.rules import RULES_VERSION, Limits, Rules, Trust
from clickstream.model.digests import digest_of
from clickstream.privacy.nobody import pseudonyms_of_nobody
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.profiles.rules import ProfileRules
from clickstream.sites.document import Site, parse_site
from clickstream.sites.identity import Believed
from clickstream.storage.site_documents import EditableBlobSiteDocuments

log = logging.getLogger(__name__)


class SiteRules:
    """Reads documents that are new since the last call. A document that becomes invalid keeps its last rules."""

    def __init__(self, documents: EditableBlobSiteDocuments, keys: PseudonymKeys) -> None:
        self._documents = documents
        self._keys = keys
        self._versions: dict[str, str] = {}
        self._rules: dict[str, Rules] = {}
        self._profiles: dict[str, ProfileRules] = {}

    def read(self) -> Mapping[str, Rules]:
        """The rules by site; sites without a valid document are missing. Raise Unavailable."""
        versions = self._documents.versions()
        for path, version in versions.items():
            if self._versions.get(path) == version:
                continue
            name = PurePosixPath(path).stem
            try:
                site = parse_site(self._documents.fetch(path).text, expected=name)
            except InvalidSite as problem:
                log.warning("%s cannot be read, so the rules of identity stay: %s", path, problem.message)
            else:
                self._rules[name] = rules_of(site, pseudonyms_of_nobody(self._keys))
                self._profiles[name] = profile_rules_of(site)
            self._versions[path] = version
        there = {PurePosixPath(path).stem for path in versions}
        return {name: rules for name, rules in self._rules.items() if name in there}

    def of_profiles(self, site: str) -> ProfileRules:
        """The rules of profiles of a site that the last `read` returned."""
        return self._profiles[site]


def rules_of(site: Site, pseudonyms: Collection[str]) -> Rules:
    """The rules that a site's document sets."""
    identity = site.identity
    return Rules(
        Trust(identity.trust),
        identity.aliases is Believed.ANY,
        frozenset(identity.protected_ids),
        pseudonyms,
        identity.logout_events,
        Limits(identity.limits.partners, identity.limits.ids, identity.limits.people),
    )


def profile_rules_of(site: Site) -> ProfileRules:
    """The rules of profiles that a site's document sets."""
    return ProfileRules(site.profiles.label, site.profiles.first_write, site.currency)


def digest_of_rules(rules: Rules) -> int:
    """The digest of all that a site's people depend on, besides evidence and edits."""
    return digest_of(
        RULES_VERSION,
        *(rules.trust.value, rules.public_aliases, sorted(rules.protected_ids), sorted(rules.pseudonyms_of_nobody)),
        *(sorted(rules.logout_events), rules.limits),
    )
