"""The function app: every blueprint, registered. No logic here."""

import azure.functions as func

from functions import collect, compact, dashboard, health, jobs, maintain, query, reports, salts, site

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for blueprint in (
    collect.bp, compact.bp, dashboard.bp, health.bp, jobs.bp, maintain.bp, query.bp, reports.bp, salts.bp, site.bp
):  # fmt: skip
    app.register_functions(blueprint)
