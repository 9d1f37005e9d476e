"""Which site a key opens, and that documents change without a restart."""

from __future__ import annotations

import logging

import pytest

from clickstream.errors import Forbidden, InvalidSite, Unauthorized, Unavailable
from clickstream.sites.directory import SiteDirectory
from clickstream.sites.document import KeyKind, parse_site
from tests.functional.memory import Clock, MemoryDocuments

SHOP = b"site: shop\ntime_zone: Europe/Berlin\nkeys:\n- {kind: public, key: shop-key}\n- {kind: read, key: shop-read}\n"
BLOG = b"site: blog\nkeys:\n- {kind: server, key: blog-key}\n- {kind: read, key: blog-read}\n"


def directory(documents: MemoryDocuments, clock: Clock | None = None) -> SiteDirectory:
    return SiteDirectory(documents, 30, clock or Clock())


def both() -> MemoryDocuments:
    return MemoryDocuments({"sites/shop.yaml": SHOP, "sites/blog.yaml": BLOG})


async def test_a_write_key_names_its_site_and_kind() -> None:
    access = await directory(both()).writer("blog-key")
    assert (access.site.site, access.kind) == ("blog", KeyKind.SERVER)


@pytest.mark.parametrize("key", [None, "", "nobody", "shop-read", "\ud800"])
async def test_what_is_no_write_key_opens_nothing_and_is_told_the_same(key: str | None) -> None:
    with pytest.raises(Unauthorized, match=r"^this write key opens no site$"):
        await directory(both()).writer(key)


async def test_a_read_key_opens_its_own_site_only() -> None:
    sites = directory(both())
    assert (await sites.reader("shop-read", "shop")).time_zone == "Europe/Berlin"
    with pytest.raises(Forbidden):
        await sites.reader("shop-read", "blog")
    with pytest.raises(Forbidden):
        await sites.reader("shop-read", "no-such-site")
    with pytest.raises(Unauthorized):
        await sites.reader("shop-key", "shop")


async def test_a_changed_document_comes_into_force_without_a_restart_and_only_it_is_read() -> None:
    documents, clock = both(), Clock()
    sites = directory(documents, clock)
    await sites.writer("shop-key")
    documents.documents["sites/shop.yaml"] = SHOP.replace(b"shop-key", b"new-key")
    documents.reads.clear()
    await sites.writer("shop-key")
    clock.seconds += 31
    assert (await sites.writer("new-key")).site.site == "shop"
    with pytest.raises(Unauthorized):
        await sites.writer("shop-key")
    assert documents.reads == ["sites/shop.yaml"]


async def test_a_broken_document_keeps_its_last_good_version_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    documents, clock = both(), Clock()
    sites = directory(documents, clock)
    await sites.names()
    documents.documents["sites/shop.yaml"] = b"site: [broken"
    clock.seconds += 31
    with caplog.at_level(logging.ERROR):
        assert (await sites.writer("shop-key")).site.site == "shop"
    assert (await sites.writer("blog-key")).site.site == "blog"
    assert "sites/shop.yaml is not in force: not YAML" in caplog.text


async def test_the_last_good_documents_stay_in_force_while_storage_is_down() -> None:
    documents, clock = both(), Clock()
    sites = directory(documents, clock)
    await sites.names()
    documents.down = True
    clock.seconds += 31
    assert (await sites.writer("shop-key")).site.site == "shop"


async def test_without_any_document_ever_read_the_caller_is_told_to_come_back() -> None:
    documents = both()
    documents.down = True
    sites = directory(documents)
    with pytest.raises(Unavailable):
        await sites.writer("shop-key")
    documents.down = False
    assert await sites.names() == ["blog", "shop"]


def test_every_problem_of_a_document_is_named() -> None:
    text = b"site: Shop!\ntime_zone: Mars/X\ncolour: red\nkeys:\n- {kind: admin, key: abcd}\n"
    with pytest.raises(InvalidSite) as caught:
        parse_site(text, expected="shop")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "/site",
        "/time_zone",
        "/keys/0/kind",
        "/colour",
    ]


@pytest.mark.parametrize(
    "text", [b"", b"- a\n", b"a: [", b"\xff\xfe\x00", b"site: blog\nkeys: [{kind: read, key: abcd}]"]
)
def test_what_is_no_document_of_the_site_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidSite):
        parse_site(text, expected="shop")
