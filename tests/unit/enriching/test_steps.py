"""Enrichment as a whole: columns, versions, and once per distinct value the same as once per row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from clickstream.enriching.distinct import distinct
from clickstream.enriching.places import Places
from clickstream.enriching.sources import read_sources
from clickstream.enriching.steps import STEPS, Knowledge, enrich
from clickstream.enriching.unusable import Unusable
from clickstream.model.schema import BODY_COLUMNS, DERIVED_COLUMNS, VERSION_COLUMN, arrow_schema
from clickstream.sites.document import parse_site

KNOWLEDGE = Knowledge()
SCHEMA = arrow_schema(BODY_COLUMNS)
READ = sorted({name for step in STEPS for name in step.reads} - {column.name for column in DERIVED_COLUMNS})
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Version/17.4 Mobile Safari/604.1"


QUERIES = {
    "a=1&ph.id=7": ("ph.id", "Price Hunter"),
    "ph-id=7": (None, "(direct)"),
    "gad_source=1": ("gad_source", "Google"),
}


def rows(*stated: dict[str, Any]) -> pa.Table:
    columns = {name: pa.array([row.get(name) for row in stated], SCHEMA.field(name).type) for name in READ}
    return pa.table(columns)


def enriched(knowledge: Knowledge = KNOWLEDGE, **stated: Any) -> dict[str, Any]:
    row: dict[str, Any] = enrich(rows({"site": "shop", **stated}), knowledge).to_pylist()[0]
    return row


def test_the_steps_make_every_derived_column_once() -> None:
    made = [name for step in STEPS for name in step.makes]
    assert [*made, VERSION_COLUMN] == [column.name for column in DERIVED_COLUMNS]
    assert len({step.name for step in STEPS}) == len(STEPS)


def test_a_row_gets_all_its_columns() -> None:
    row = enriched(
        event_type="page_view",
        page_host="shop.example",
        user_agent=PHONE,
        click_id="gclid=abc",
        language="de-CH",
        screen_width=390,
    )
    assert (row["browser"], row["os"], row["device_class"], row["is_bot"]) == ("Mobile Safari", "iOS", "mobile", False)
    assert (row["click_id_kind"], row["source"], row["channel"]) == ("gclid", "Google", "Paid Search")
    assert (row["primary_language"], row["screen_class"], row["country"]) == ("de", "xs", None)


@pytest.mark.parametrize(
    ("click", "query", "expected"),
    [
        (None, "gad_source=1", ("gad_source", "Google", "Paid Search")),
        (None, "color=red&gad_source=1&gad_campaignid=7", ("gad_source", "Google", "Paid Search")),
        ("gbraid=0AAA", "gad_source=1&gbraid=0AAA", ("gbraid", "Google", "Paid Search")),
        (None, "ScCid=7b3a", ("ScCid", "Snapchat", "Paid Social")),
        (None, "rdt_cid=9", ("rdt_cid", "Reddit", "Paid Social")),
        (None, "mc_cid=9&mc_eid=2", ("mc_cid", "Mailchimp", "Email")),
        (None, "p=1&_kx=a", ("_kx", "Klaviyo", "Email")),
        (None, "irclickid=a", ("irclickid", "Impact", "Affiliates")),
        (None, "epik=a", ("epik", "Pinterest", "Organic Social")),
        (None, "color=red&gad_source=", (None, "(direct)", "Direct")),
        (None, "not_gad_source=1&sccid=1", (None, "(direct)", "Direct")),
        (None, None, (None, "(direct)", "Direct")),
    ],
)
def test_a_parameter_of_advertisers_in_the_query_counts_as_a_click_id_does(
    click: str | None, query: str | None, expected: tuple[str | None, ...]
) -> None:
    row = enriched(event_type="page_view", page_host="shop.example", click_id=click, page_query=query)
    assert (row["click_id_kind"], row["source"], row["channel"]) == expected


def test_a_click_id_of_the_operators_list_is_found_in_the_query() -> None:
    own = read_sources(
        b"version: '1'\nsources: [{name: Price Hunter, kind: shopping}]\nclick_ids: {ph.id: {source: Price Hunter}}"
    )
    rows = {query: enriched(Knowledge(sources=own), page_host="shop.example", page_query=query) for query in QUERIES}
    assert {query: (row["click_id_kind"], row["source"]) for query, row in rows.items()} == QUERIES


def test_of_a_row_that_says_nothing_nothing_is_made_up() -> None:
    row = enriched()
    made = {name: row[name] for step in STEPS for name in step.makes}
    assert {name: value for name, value in made.items() if value is not None} == {"is_bot": False}


@pytest.mark.parametrize(
    ("screen", "viewport", "expected"),
    [
        *((1, None, "xs"), (576, 9999, "sm"), (768, None, "md"), (992, None, "lg"), (None, 1200, "xl")),
        *((0, 500, None), (-5, None, None), (2**62, None, "xl"), (None, None, None)),
    ],
)
def test_widths_have_classes(screen: int | None, viewport: int | None, expected: str | None) -> None:
    assert enriched(screen_width=screen, viewport_width=viewport)["screen_class"] == expected


@pytest.mark.parametrize(
    ("language", "expected"),
    [("de", "de"), ("PT-br", "pt"), ("zh_Hans_CN", "zh"), ("fil-PH", "fil"), ("*", None), ("", None), ("german", None)],
)
def test_languages_lose_their_region(language: str, expected: str | None) -> None:
    assert enriched(language=language)["primary_language"] == expected


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path) -> Path:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-City", languages=["en"])
    berlin = {
        "country": {"iso_code": "DE"},
        "subdivisions": [{"iso_code": "BE"}],
        "city": {"names": {"en": "Berlin", "de": "Berlin"}},
    }
    writer.insert_network(IPSet(["198.51.100.0/24"]), berlin)
    writer.insert_network(IPSet(["2001:db8:1::/48"]), {"country": {"iso_code": "FR"}})
    writer.insert_network(IPSet(["203.0.113.0/24"]), {"country": "odd", "subdivisions": [], "city": {"names": []}})
    path = tmp_path / "city.mmdb"
    writer.to_db_file(str(path))
    return path


@pytest.mark.parametrize(
    ("ip", "expected"),
    [
        ("198.51.100.0", ("DE", "DE-BE", "Berlin")),
        ("2001:db8:1::", ("FR", None, None)),
        ("203.0.113.0", (None, None, None)),
        ("192.0.2.0", (None, None, None)),
        ("no address", (None, None, None)),
        (None, (None, None, None)),
    ],
)
def test_networks_lie_somewhere(database: Path, ip: str | None, expected: tuple[str | None, ...]) -> None:
    row = enriched(Knowledge(places=Places(database)), ip=ip)
    assert (row["country"], row["region"], row["city"]) == expected
    assert "place:1/Test-City@" in row[VERSION_COLUMN]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "city.mmdb"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(Unusable, match="no MaxMind database"):
        Places(path)


# --- versions ---------------------------------------------------------------------------------------------------------


def test_the_version_names_each_step_and_the_lists_of_the_rows_own_site() -> None:
    text = b"site: shop\nkeys: [{kind: public, key: shop}]\nsources: [{when: {host: a.example}, source: A}]\n"
    shop = parse_site(text, expected="shop")
    made = enrich(rows({"site": "shop"}, {"site": "blog"}), Knowledge(sites={"shop": shop})).to_pylist()
    versions = [dict(token.split(":", 1) for token in row[VERSION_COLUMN].split()) for row in made]
    assert [list(version) for version in versions] == [[step.name for step in STEPS]] * 2
    assert versions[0]["source"] != versions[1]["source"]
    assert {**versions[0], "source": ""} == {**versions[1], "source": ""}


def test_a_step_done_again_changes_its_own_columns_and_its_own_version() -> None:
    before = enrich(rows({"site": "shop", "user_agent": PHONE, "language": "de", "utm_source": "x"}), KNOWLEDGE)
    spoilt = before.set_column(before.schema.get_field_index("os"), "os", pa.array(["spoilt"]))
    spoilt = spoilt.set_column(spoilt.schema.get_field_index("source"), "source", pa.array(["spoilt"]))
    steps = [step for step in STEPS if step.name == "source"]
    again = enrich(spoilt, KNOWLEDGE, steps)
    assert again.to_pylist() == [{**before.to_pylist()[0], "os": "spoilt"}]
    assert again.schema == before.schema


def test_rows_without_a_version_get_one_of_the_steps_that_were_done() -> None:
    made = enrich(rows({"site": "shop"}), KNOWLEDGE, STEPS[-1:])
    assert made[VERSION_COLUMN].to_pylist() == ["screen:1"]


# --- distinct values --------------------------------------------------------------------------------------------------

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "site": st.sampled_from(["shop", "blog"]),
    "event_type": st.sampled_from(["page_view", "identify"]),
    "user_agent": st.sampled_from([None, "", PHONE, "curl/8.1", "Googlebot/2.1"]) | st.text(max_size=10),
    "tracker": st.sampled_from([None, "js-4"]),
    "click_id": st.sampled_from([None, "gclid=1", "gclid=2", "fbclid=", "="]),
    "page_query": st.sampled_from([None, "", "a=1", "a=1&gad_source=1", "gclid=2"]),
    "ip": st.sampled_from([None, "198.51.100.0"]),
    "language": st.none() | st.text(max_size=5),
    "screen_width": st.none() | st.integers(-(2**63), 2**63 - 1),
    "viewport_width": st.none() | st.integers(0, 3000),
}
ROW = st.fixed_dictionaries(
    {name: VALUES.get(name, st.none() | st.sampled_from(["google", "www.google.de", "cpc", "x"])) for name in READ}
)


@given(st.lists(ROW, max_size=12), st.integers(1, 5))
def test_once_per_distinct_value_is_the_same_as_once_per_row(stated: list[dict[str, Any]], size: int) -> None:
    together = enrich(pa.concat_tables([rows(*stated[:size]), rows(*stated[size:])]), KNOWLEDGE)
    apart = [enrich(rows(row), KNOWLEDGE).to_pylist()[0] for row in stated]
    assert together.to_pylist() == apart


@given(st.lists(st.tuples(*[st.sampled_from([None, 0, 1, 2])] * 3), max_size=30))
def test_distinct_combinations_are_each_there_once_and_rows_find_their_own(
    values: list[tuple[int | None, ...]],
) -> None:
    names = ["a", "b", "c"]
    table = pa.table({name: pa.array([value[at] for value in values], pa.int64()) for at, name in enumerate(names)})
    found = distinct(table, names)
    combinations = [tuple(row.values()) for row in found.rows.to_pylist()]
    assert len(combinations) == len(set(values))
    assert [combinations[at] for at in found.of_row.to_pylist()] == values
