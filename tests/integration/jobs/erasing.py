"""Erasures beside the jobs of a lake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clickstream.erasing.eraser import Eraser
from clickstream.erasing.request import ErasureRequest
from tests.integration.jobs.world import World


def erase_jane(world: World) -> Mapping[str, Any]:
    return erase_jane_of(world, world.states.exports)


def erase_jane_of(world: World, exported: Any) -> Mapping[str, Any]:
    settings = world.lake.settings
    eraser = Eraser(world.lake.account, settings, lambda: world.now, world.new_id, bytes, exported)
    return eraser.erase(ErasureRequest.model_validate({"site_id": "shop", "user_ids": ["jane"]}))
