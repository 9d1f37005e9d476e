"""Allowlist of the functions that a statement from outside may call: those in sql_functions.txt, and no others.

The list is generated from the engine's catalogue, without the functions refused here:
`python -m clickstream.querying.sql_functions` prints it. A function that a later version of the engine adds is refused
until it is added to the list; a test compares the two.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import duckdb

FILE = Path(__file__).with_suffix(".txt")
# Functions that turn their arguments into rows.
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree"})

REFUSED = {
    "settings, sessions and the machine": (
        "current_setting", "getenv", "getvariable", "version", "current_query", "current_query_id",
        "current_connection_id", "current_transaction_id", "txid_current", "in_search_path", "current_schemas",
        "inet_.*",
    ),
    "the catalogue; some of them read its table functions": (
        "get_block_size", "pg_(?!typeof$|size_pretty$).*", "has_.*_privilege", "col_description", "obj_description",
        "shobj_description", "format_type", "format_pg_type", "map_to_pg_oid", "index_key",
    ),
    "statements within a text": ("json_serialize_sql", "json_deserialize_sql", "json_serialize_plan", "query.*"),
    "functions by their name in a text": (
        "aggregate", "list_aggr", "list_aggregate", "array_aggr", "array_aggregate", "to_aggregate_state",
    ),
    "a state that outlives the call, or nothing but waiting": (
        "nextval", "currval", "setval", "setseed", "write_log", "sleep_ms",
    ),
    "the engine's insides": (
        "__.*", "json_copy_.*", "stats", "vector_type", "create_sort_key", "combine", "combine_aggr", "finalize",
        "parse_duckdb_log_message", "variant_bytes_to_variant", "variant_to_parquet_variant", "variant_group_.*",
        "bitstring_byte_comparable", "timetz_byte_comparable", "constant_or_null", "remap_struct", "replace_type",
        "make_type", "cast_to_type", "get_type", "can_cast_implicitly", "is_histogram_other_bin", "invoke",
        "(icu_)?collate_.*", "icu_sort_key",
    ),
}  # fmt: skip
_REFUSED = re.compile("|".join(f"(?:{pattern})" for group in REFUSED.values() for pattern in group))


@cache
def allowed_functions() -> frozenset[str]:
    """Names in lower case: scalar and window functions, aggregates, macros, operators, and table functions."""
    return TABLE_FUNCTIONS.union(FILE.read_text().split())


def chosen_functions(connection: duckdb.DuckDBPyConnection) -> Iterable[str]:
    """The functions of the engine's catalogue that are not refused here, in order."""
    rows = connection.execute(
        "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
        "WHERE function_type IN ('scalar', 'aggregate', 'macro', 'window') ORDER BY 1"
    ).fetchall()
    # Names of operators that are words, such as `IS DISTINCT FROM`, have nodes of their own in a statement's tree.
    return [name for (name,) in rows if " " not in name and not _REFUSED.fullmatch(name)]


if __name__ == "__main__":
    sys.stdout.write("\n".join(chosen_functions(duckdb.connect())) + "\n")
