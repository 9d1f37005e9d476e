"""The function app: the blueprints of its role, registered. No logic here."""

import os
from importlib import import_module

import azure.functions as func

from functions._roles import modules

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for name in modules(os.environ.get("ROLE", "").strip()):
    app.register_functions(import_module(f"functions.{name}").bp)
