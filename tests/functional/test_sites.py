"""Which site a key opens, and that documents change without a restart."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from clickstream.errors import Forbidden, InvalidSite, Unauthorized, Unavailable
from clickstream.sites.directory import Access, Patience, SiteDirectory
from clickstream.sites.document import KeyKind, parse_site
from tests.functional.memory import PATIENT, Clock, MemoryDocuments

SHOP = b"site: shop\ntime_zone: Europe/Berlin\nkeys:\n- {kind: public, key: shop-key}\n- {kind: read, key: shop-read}\n"
BLOG = b"site: blog\nkeys:\n- {kind: server, key: blog-key}\n- {kind: read, key: blog-read}\n"


def directory(documents: MemoryDocuments, clock: Clock | None = None) -> SiteDirectory:
    return SiteDirectory(documents, 30, clock or Clock(), PATIENT, allow_short_keys=True)


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


async def test_a_share_key_opens_what_viewers_see_of_its_own_site_and_nothing_else() -> None:
    shared = SHOP.replace(b"keys:\n", b"keys:\n- {kind: share, key: shop-share}\n")
    sites = directory(MemoryDocuments({"sites/shop.yaml": shared, "sites/blog.yaml": BLOG}))
    for key, kind in (("shop-share", KeyKind.SHARE), ("shop-read", KeyKind.READ)):
        site = (await sites.viewer(key, "shop")).site
        assert site.site == "shop"
        assert await sites.opened(key) == [Access(site, kind)]
        with pytest.raises(Forbidden):
            await sites.viewer(key, "blog")
    with pytest.raises(Forbidden, match="a share key opens reports alone"):
        await sites.reader("shop-share", "shop")
    for refused in (sites.writer("shop-share"), sites.admin("shop-share", "shop"), sites.viewer("nobody", "shop")):
        with pytest.raises(Unauthorized):
            await refused


async def test_a_key_may_read_one_site_and_be_shared_for_another() -> None:
    shared = BLOG.replace(b"keys:\n", b"keys:\n- {kind: share, key: shop-read}\n")
    assert shared != BLOG
    sites = directory(MemoryDocuments({"sites/shop.yaml": SHOP, "sites/blog.yaml": shared}))
    opened = [(access.site.site, access.kind) for access in await sites.opened("shop-read")]
    assert opened == [("blog", KeyKind.SHARE), ("shop", KeyKind.READ)]
    assert (await sites.viewer("shop-read", "blog")).site.site == "blog"
    assert (await sites.reader("shop-read", "shop")).site == "shop"
    with pytest.raises(Forbidden):
        await sites.reader("shop-read", "blog")


async def test_pages_may_frame_the_shared_dashboard_of_sites_that_say_so() -> None:
    framed = SHOP + b"embed_origins: ['https://intranet.example', 'https://*.shop.example']\n"
    sites = directory(MemoryDocuments({"sites/shop.yaml": framed, "sites/blog.yaml": BLOG}))
    assert await sites.framed_by("shop") == ("https://intranet.example", "https://*.shop.example")
    assert not await sites.framed_by("blog")
    assert not await sites.framed_by("no-such-site")


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


@dataclass
class SlowDocuments(MemoryDocuments):
    """Answers no look before `released`; counts how many wait."""

    released: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    most_waiting: int = 0
    looks: int = 0

    async def versions(self) -> Mapping[str, str]:
        self.looks += 1
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        try:
            await self.released.wait()
        finally:
            self.waiting -= 1
        return await MemoryDocuments.versions(self)


async def test_a_look_that_hangs_holds_up_no_request_and_is_the_only_one() -> None:
    documents, clock = SlowDocuments({"sites/shop.yaml": SHOP}), Clock()
    documents.released.set()
    sites = SiteDirectory(documents, 30, clock, Patience(look=60, first=60, later=0))
    await sites.writer("shop-key")
    documents.released.clear()
    clock.seconds += 31
    for _ in range(20):
        assert (await sites.writer("shop-key")).site.site == "shop"
        await asyncio.sleep(0)
    assert (documents.looks, documents.most_waiting) == (2, 1)
    documents.documents["sites/shop.yaml"] = SHOP.replace(b"shop-key", b"new-key")
    documents.released.set()
    async with asyncio.timeout(60):
        while "new" not in await opened_by(sites, "shop-key", "new-key"):
            await asyncio.sleep(0.01)
    assert documents.looks == 2


async def opened_by(sites: SiteDirectory, old: str, new: str) -> str:
    """Which of two write keys is in force."""
    try:
        await sites.writer(new)
    except Unauthorized:
        return "old" if await sites.writer(old) else ""
    return "new"


async def test_a_look_that_never_ends_is_given_up_and_the_next_one_succeeds() -> None:
    documents, clock = SlowDocuments({"sites/shop.yaml": SHOP}), Clock()
    documents.released.set()
    sites = SiteDirectory(documents, 30, clock, Patience(look=0.01, first=60, later=60))
    await sites.writer("shop-key")
    documents.released.clear()
    clock.seconds += 31
    assert (await sites.writer("shop-key")).site.site == "shop"
    documents.released.set()
    documents.documents["sites/shop.yaml"] = SHOP.replace(b"shop-key", b"new-key")
    assert (await sites.writer("shop-key")).site.site == "shop"  # not before it is time to look again
    clock.seconds += 31
    assert (await sites.writer("new-key")).site.site == "shop"


async def test_before_anything_is_in_force_requests_share_one_look_and_none_waits_for_ever() -> None:
    documents = SlowDocuments({"sites/shop.yaml": SHOP})
    sites = SiteDirectory(documents, 30, Clock(), Patience(look=60, first=0.01, later=0))
    answers = await asyncio.gather(*(sites.writer("shop-key") for _ in range(10)), return_exceptions=True)
    assert {type(answer) for answer in answers} == {Unavailable}
    documents.released.set()
    async with asyncio.timeout(60):
        while not await in_force(sites):
            await asyncio.sleep(0.01)
    assert documents.looks == 1


async def in_force(sites: SiteDirectory) -> bool:
    """Whether any document is."""
    try:
        return bool(await sites.names())
    except Unavailable:
        return False


async def test_a_caller_who_gives_up_does_not_end_the_look_of_others() -> None:
    documents = SlowDocuments({"sites/shop.yaml": SHOP})
    sites = SiteDirectory(documents, 30, Clock(), PATIENT)
    first, second = (asyncio.create_task(sites.writer("shop-key")) for _ in range(2))
    while documents.waiting == 0:
        await asyncio.sleep(0)
    first.cancel()
    documents.released.set()
    assert (await second).site.site == "shop"


@dataclass
class UnreadableDocuments(MemoryDocuments):
    """Lists what it cannot read."""

    unreadable: str = ""

    async def read(self, path: str) -> bytes:
        if path == self.unreadable:
            raise Unavailable("down")
        return await MemoryDocuments.read(self, path)


async def test_a_document_that_cannot_be_read_keeps_its_site_as_it_was_and_stops_no_other() -> None:
    documents, clock = UnreadableDocuments({"sites/shop.yaml": SHOP, "sites/blog.yaml": BLOG}), Clock()
    sites = directory(documents, clock)
    await sites.names()
    documents.documents["sites/shop.yaml"] = SHOP.replace(b"shop-key", b"shop-new")
    documents.documents["sites/blog.yaml"] = BLOG.replace(b"blog-key", b"blog-new")
    documents.unreadable = "sites/shop.yaml"
    clock.seconds += 31
    assert (await sites.writer("shop-key")).site.site == "shop"
    assert (await sites.writer("blog-new")).site.site == "blog"
    assert await sites.problems() == {"sites/shop.yaml": ["down"]}
    documents.unreadable = ""
    clock.seconds += 31
    assert (await sites.writer("shop-new")).site.site == "shop"
    assert await sites.problems() == {}


BOMB = b"site: shop\nx: &a0 [1, 1]\n" + b"".join(
    b"x%d: &a%d [*a%d, *a%d]\n" % (n, n, n - 1, n - 1) for n in range(1, 27)
)


async def test_a_document_of_aliases_of_aliases_stops_no_other_site_from_the_start_on() -> None:
    documents = MemoryDocuments({"sites/shop.yaml": BOMB, "sites/blog.yaml": BLOG})
    sites, began = directory(documents), time.process_time()
    assert (await sites.writer("blog-key")).site.site == "blog"
    assert time.process_time() - began < 60, "two to the power of 26 values take far longer"
    assert list(await sites.problems()) == ["sites/shop.yaml"]


@dataclass
class HangingDocuments(MemoryDocuments):
    """Never answers for one document."""

    hanging: str = ""

    async def read(self, path: str) -> bytes:
        if path == self.hanging:
            await asyncio.Event().wait()
        return await MemoryDocuments.read(self, path)


async def test_a_document_whose_reading_never_ends_stops_no_other_site_from_the_start_on() -> None:
    documents, clock = (
        HangingDocuments({"sites/shop.yaml": SHOP, "sites/blog.yaml": BLOG}, hanging="sites/shop.yaml"),
        Clock(),
    )
    sites = SiteDirectory(documents, 30, clock, Patience(document=0.05, first=60, later=60), allow_short_keys=True)
    assert (await sites.writer("blog-key")).site.site == "blog"
    assert await sites.problems() == {"sites/shop.yaml": ["cannot be read within 0.05 s"]}
    documents.hanging = ""
    clock.seconds += 31
    assert (await sites.writer("shop-key")).site.site == "shop"


async def test_events_of_a_site_whose_document_was_never_good_are_to_be_sent_again_and_not_dropped() -> None:
    documents, clock = MemoryDocuments({"sites/shop.yaml": b"site: [broken", "sites/blog.yaml": BLOG}), Clock()
    sites = directory(documents, clock)
    with pytest.raises(Unavailable):
        await sites.writer("shop-key")
    with pytest.raises(Unauthorized):
        await sites.reader("nobody", "blog")
    documents.documents["sites/shop.yaml"] = SHOP
    clock.seconds += 31
    assert (await sites.writer("shop-key")).site.site == "shop"
    with pytest.raises(Unauthorized):
        await sites.writer("nobody")


async def test_a_broken_document_is_read_once_and_not_at_every_change_of_another() -> None:
    documents, clock = MemoryDocuments({"sites/shop.yaml": b"site: [broken", "sites/blog.yaml": BLOG}), Clock()
    sites = directory(documents, clock)
    await sites.names()
    documents.documents["sites/blog.yaml"] = BLOG + b"time_zone: UTC\n"
    documents.reads.clear()
    clock.seconds += 31
    await sites.names()
    assert documents.reads == ["sites/blog.yaml"]


KINDS = ("server", "import", "read", "share", "admin")


async def opens(sites: SiteDirectory, kind: str, key: str) -> bool:
    """Whether the key of a kind opens what it is for."""
    try:
        match kind:
            case "server" | "import":
                await sites.writer(key)
            case "read":
                await sites.reader(key, "shop")
            case "share":
                await sites.viewer(key, "shop")
            case _:
                await sites.admin(key, "shop")
    except Unauthorized:
        return False
    return True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("as_digest", [False, True])
async def test_a_secret_key_that_can_be_guessed_opens_nothing(kind: str, as_digest: bool) -> None:
    for key, good in (("abcd", False), ("k" * 15, False), ("k" * 16, True)):
        stated = f"sha256:{hashlib.sha256(key.encode()).hexdigest()}" if as_digest else key
        text = f"site: shop\nkeys: [{{kind: public, key: webb}}, {{kind: {kind}, key: '{stated}'}}]\n"
        documents = MemoryDocuments({"sites/shop.yaml": text.encode()})
        sites = SiteDirectory(documents, 30, Clock(), PATIENT)
        assert await opens(sites, kind, key) is good
        assert (await sites.writer("webb")).site.site == "shop"
        assert bool(await sites.problems()) is (not good and not as_digest)
        local = SiteDirectory(documents, 30, Clock(), PATIENT, allow_short_keys=True)
        assert await opens(local, kind, key)


async def test_a_short_key_is_refused_alike_whether_it_is_in_a_document_or_not() -> None:
    sites = SiteDirectory(both(), 30, Clock(), PATIENT)
    for key in ("shop-read", "no-such-key"):
        with pytest.raises(Unauthorized, match=r"^a key of kind read has at least 16 characters$"):
            await sites.reader(key, "shop")
        with pytest.raises(Unauthorized, match=r"^a key of kind read has at least 16 characters$"):
            await sites.opened(key)


async def test_a_key_given_as_its_digest_opens_by_the_key_alone() -> None:
    digest = hashlib.sha256(b"top-secret").hexdigest()
    text = SHOP + f"- {{kind: server, key: 'sha256:{digest}'}}\n".encode()
    sites = directory(MemoryDocuments({"sites/shop.yaml": text}))
    assert (await sites.writer("top-secret")).kind is KeyKind.SERVER
    for key in (digest, f"sha256:{digest}"):
        with pytest.raises(Unauthorized):
            await sites.writer(key)


async def test_an_origin_is_allowed_where_any_site_allows_it() -> None:
    listed = SHOP + b"origins: ['https://shop.example']\n"
    closed = directory(MemoryDocuments({"sites/shop.yaml": listed}))
    assert await closed.allows_origin("https://shop.example")
    assert not await closed.allows_origin("https://blog.example")
    assert await directory(MemoryDocuments({"sites/shop.yaml": listed, "sites/blog.yaml": BLOG})).allows_origin("null")


def test_every_problem_of_a_document_is_named() -> None:
    text = b"site: Shop!\ntime_zone: Mars/X\ncolour: red\nkeys:\n- {kind: king, key: abcd}\n"
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
