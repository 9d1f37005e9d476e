"""What differs between a folder of sites' documents and those in force, and how it is put in force."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clickstream.errors import Conflict, InvalidRequest, InvalidSite
from clickstream.sites.additions import add, parse_addition
from clickstream.sites.planning import FieldChange, Kind, Plan, apply_change, make_plan, read_folder
from clickstream.storage.site_documents import StoredDocument

SHOP = b"site: shop\nkeys:\n- {kind: public, key: shop-web}\n- {kind: read, key: shop-read}\n"
BLOG = b"site: blog\nkeys: [{kind: public, key: blog-web}]\n"


@dataclass
class Stored:
    """Documents in force, kept in memory with a version that is their text."""

    documents: dict[str, bytes]

    def versions(self) -> Mapping[str, str]:
        return {path: repr(text) for path, text in self.documents.items()}

    def fetch(self, path: str) -> StoredDocument:
        return StoredDocument(self.documents[path], repr(self.documents[path]))

    def write(self, path: str, text: bytes, version: str | None) -> str:
        self._check(path, version)
        self.documents[path] = text
        return repr(text)

    def delete(self, path: str, document: StoredDocument) -> None:
        self._check(path, document.version)
        del self.documents[path]

    def _check(self, path: str, version: str | None) -> None:
        if version != (repr(self.documents[path]) if path in self.documents else None):
            raise Conflict("changed")


def plan(texts: Mapping[str, bytes], stored: Stored, *, delete: bool = False) -> Plan:
    return make_plan(texts, stored, "sites/", delete=delete, allow_short_keys=True)


def kinds(plan: Plan) -> list[tuple[Kind, str]]:
    return [(change.kind, change.site) for change in plan.changes]


def test_a_plan_shows_audiences_as_documents_have_them() -> None:
    carts = "audiences: [{name: Carts, slug: carts, where: {all: [{not: {in: late}}, {did: {event: x}, within: %s}]}}"
    late = ", {name: Late, slug: late, where: {did: {}, within: 1d}}]\n"
    before, after = (SHOP + (carts % within + late).encode() for within in ("7d", "8d"))
    (change,) = plan({"shop": after}, Stored({"sites/shop.yaml": before})).changes
    where = '{"all":[{"not":{"in":"late"}},{"did":{"event":"x"},"within":"%s"}]}'
    assert change.fields == (FieldChange("audiences/carts/where", where % "7d", where % "8d"),)


def test_a_plan_tells_of_rates_by_day() -> None:
    rates = b"currency: EUR\nrates: {USD: 0.9, GBP: {2026-01-01: 1.1}}\n"
    (change,) = plan({"shop": SHOP + rates}, Stored({"sites/shop.yaml": SHOP})).changes
    fields = {field.name: field.after for field in change.fields}
    assert fields["currency"] == '"EUR"'
    assert any("2026-01-01" in f"{name} {after}" for name, after in fields.items())


def test_a_plan_tells_what_is_new_changed_and_gone_and_applying_it_leaves_nothing_to_do() -> None:
    stored = Stored({"sites/shop.yaml": SHOP, "sites/old.yaml": SHOP.replace(b"shop", b"old")})
    texts = {"shop": SHOP + b"time_zone: Europe/Berlin\n", "blog": BLOG}
    made = plan(texts, stored, delete=True)
    assert kinds(made) == [(Kind.ADDED, "blog"), (Kind.REMOVED, "old"), (Kind.CHANGED, "shop")]
    for change in made.changes:
        apply_change(change, stored)
    assert stored.documents == {"sites/shop.yaml": texts["shop"], "sites/blog.yaml": BLOG}
    again = plan(texts, stored, delete=True)
    assert (again.changes, again.unchanged) == ((), ("blog", "shop"))


def test_a_change_is_told_field_by_field_without_secrets() -> None:
    before = (
        SHOP + b"privacy: {gpc: ignore}\nevents: {definitions: [{name: a, properties: {b: {type: string}}}, {name: c}]}"
    )
    after = b"""
site: shop
keys: [{kind: read, key: other-read-key}, {kind: public, key: shop-web}]
origins: [https://shop.example]
events: {mode: block, definitions: [{name: d}, {name: a, properties: {b: {type: number}}}]}
"""
    made = plan({"shop": after}, Stored({"sites/shop.yaml": before}))
    assert sorted((field.name, field.before, field.after) for field in made.changes[0].fields) == [
        ("events/definitions/a@1/properties/b/type", '"string"', '"number"'),
        ("events/definitions/c@1", "{}", None),
        ("events/definitions/d@1", None, "{}"),
        ("events/mode", None, '"block"'),
        ("keys/read/sha256:9d4c0733...", "true", None),
        ("keys/read/sha256:ac56c547...", None, "true"),
        ("origins", None, '["https://shop.example"]'),
        ("privacy/gpc", '"ignore"', None),
    ]
    assert "other-read-key" not in repr(made.changes[0].fields)


def test_another_order_or_comment_is_a_change_of_no_field() -> None:
    made = plan({"shop": b"# ours\n" + SHOP}, Stored({"sites/shop.yaml": SHOP}))
    assert [(change.kind, change.fields) for change in made.changes] == [(Kind.CHANGED, ())]


def test_a_broken_document_in_force_is_replaced_as_a_whole() -> None:
    made = plan({"shop": SHOP}, Stored({"sites/shop.yaml": b"site: [broken"}))
    assert kinds(made) == [(Kind.CHANGED, "shop")]
    assert FieldChange("keys/public/shop-web", None, "true") in made.changes[0].fields


def test_a_change_made_meanwhile_is_never_overwritten() -> None:
    stored = Stored({"sites/shop.yaml": SHOP, "sites/old.yaml": SHOP.replace(b"shop", b"old")})
    made = plan({"shop": SHOP + b"time_zone: UTC\n", "blog": BLOG}, stored, delete=True)
    theirs = {path: text + b"# theirs\n" for path, text in {**stored.documents, "sites/blog.yaml": BLOG}.items()}
    stored.documents = dict(theirs)
    for change in made.changes:
        with pytest.raises(Conflict):
            apply_change(change, stored)
    assert stored.documents == theirs


def test_all_problems_of_all_documents_are_told_at_once() -> None:
    with pytest.raises(InvalidSite) as caught:
        plan({"shop": b"site: shop\nkeys: []\ncolour: red\n", "blog": b"- a", "ok": b"site: other\n"}, Stored({}))
    assert [problem.split(": ")[0] + problem.split(": ")[1] for problem in caught.value.problems] == [
        "shop.yaml/keys",
        "shop.yaml/colour",
        "blog.yamlthe document must be a mapping",
        "ok.yaml/keys",
    ]


@pytest.mark.parametrize(
    ("one", "two"), [("public", "public"), ("server", "import"), ("read", "public"), ("server", "read")]
)
def test_one_key_cannot_open_two_sites(one: str, two: str) -> None:
    texts = {
        name: f"site: {name}\nkeys: [{{kind: {kind}, key: same}}]\n".encode() for name, kind in (("a", one), ("b", two))
    }
    problem = f"b.yaml: /keys/0/key: is a key of kind {one} of the site a too"
    with pytest.raises(InvalidSite) as caught:
        plan(texts, Stored({}))
    assert list(caught.value.problems) == [problem]


def test_a_key_of_a_site_that_stays_in_force_cannot_be_used_again_before_it_is_removed() -> None:
    stored = Stored({"sites/old.yaml": BLOG.replace(b"site: blog", b"site: old")})
    with pytest.raises(InvalidSite, match="of the site"):
        plan({"blog": BLOG}, stored)
    assert kinds(plan({"blog": BLOG}, stored, delete=True)) == [(Kind.ADDED, "blog"), (Kind.REMOVED, "old")]


def test_several_sites_may_share_a_read_key() -> None:
    texts = {name: f"site: {name}\nkeys: [{{kind: read, key: same}}]\n".encode() for name in ("a", "b")}
    assert len((plan(texts, Stored({}))).changes) == 2


def test_a_folder_that_would_be_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSite, match="is no folder"):
        read_folder(tmp_path / "none")
    with pytest.raises(InvalidSite, match="holds no document"):
        read_folder(tmp_path)
    (tmp_path / "shop.yml").write_bytes(SHOP)
    (tmp_path / "blog.yaml").write_bytes(BLOG)
    with pytest.raises(InvalidSite, match=r"rename it to shop\.yaml"):
        read_folder(tmp_path)


def test_a_definition_is_added_by_the_plan_of_a_dry_run_alone() -> None:
    other = b"site: blog\nkeys: [{kind: public, key: blog-web}]\n"
    stored = Stored({"sites/shop.yaml": SHOP + b"# ours\n", "sites/blog.yaml": other})

    def asked(definition: Mapping[str, object], **more: object) -> Mapping[str, Any]:
        body = {"site_id": "shop", "kind": "goals", "definition": definition, **more}
        return add(parse_addition(json.dumps(body).encode()), stored, allow_short_keys=True)

    goal = {"name": "Order", "event": "purchase"}
    planned = asked(goal)
    assert planned["applied"] is False
    assert [(change["name"], change["before"]) for change in planned["changes"]] == [("goals", None)]
    assert "purchase" in planned["changes"][0]["after"]
    assert stored.documents["sites/shop.yaml"] == SHOP + b"# ours\n"
    with pytest.raises(InvalidRequest, match="dry run"):
        asked(goal, dry_run=False)
    assert asked(goal, dry_run=False, version=planned["version"])["applied"] is True
    assert stored.documents["sites/shop.yaml"] == SHOP + b"# ours\ngoals:\n- {name: Order, event: purchase}\n"
    assert stored.documents["sites/blog.yaml"] == other
    # Somebody has changed the document since the plan.
    with pytest.raises(Conflict):
        asked({"name": "Other", "event": "other"}, dry_run=False, version=planned["version"])
    for wrong in (goal, {"name": "None"}, {"name": "Both", "event": "a", "page": "/b"}, {"event": "a", "more": 1}):
        with pytest.raises(InvalidRequest) as refused:
            asked(wrong)
        assert refused.value.pointer == "/definition"
    with pytest.raises(InvalidRequest, match="/kind"):
        asked(goal, kind="keys")
