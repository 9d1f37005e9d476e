"""What the host has to know of our timers."""

from __future__ import annotations

import importlib
import pkgutil

import azure.functions as func

import functions


def test_every_timer_catches_up_on_a_run_that_was_due_while_no_instance_ran() -> None:
    app = func.FunctionApp()  # the product's own gives its functions away once
    for found in pkgutil.iter_modules(functions.__path__):
        blueprint = getattr(importlib.import_module(f"functions.{found.name}"), "bp", None)
        if blueprint is not None:
            app.register_functions(blueprint)
    triggers = [function.get_trigger() for function in app.get_functions()]
    timers = [trigger.get_dict_repr() for trigger in triggers if trigger is not None and trigger.type == "timerTrigger"]
    assert len(timers) == 4
    assert [timer.get("useMonitor", True) for timer in timers] == [True] * 4
