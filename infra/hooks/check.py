"""Run before provisioning: check settings that would fail minutes later, or without an error."""

from __future__ import annotations

import os
import sys

from azd import Refused, keys_file, origins, refuse, say

# Regions with Flex Consumption in 2026. Others may follow, so another region is a warning, not an error.
FLEX_REGIONS = """
    australiaeast brazilsouth canadacentral centralindia centralus eastasia eastus eastus2 francecentral
    germanywestcentral italynorth japaneast koreacentral northcentralus northeurope norwayeast southafricanorth
    southcentralus southeastasia southindia spaincentral swedencentral switzerlandnorth uaenorth uksouth ukwest
    westcentralus westeurope westus westus2 westus3
"""


def main() -> int:
    try:
        if sys.version_info < (3, 11):  # noqa: UP036 - whatever Python azd finds
            raise Refused(f"the hooks need Python 3.11 or newer, and this is {sys.version.split()[0]}")
        listed = origins()
        if not os.environ.get("AZURE_KEY_VAULT_NAME") and keys_file().exists():
            raise Refused(
                "this environment was deployed before, and its vault's name is missing, without which the keys of "
                "visitor ids would be made anew and everybody would be new; `azd env refresh` brings it back"
            )
    except Refused as error:
        return refuse(error)
    if not listed:
        say("clickstream: ALLOWED_ORIGINS is empty. The tracking script /t.js works all the same; trackers that ask by")
        say("a preflight (Umami, Snowplow by POST, RudderStack) do not, until their pages' origins are listed:")
        say("    azd env set ALLOWED_ORIGINS https://www.example.com")
    region = os.environ.get("AZURE_LOCATION", "")
    if region and region not in FLEX_REGIONS.split():
        say(f"clickstream: {region} was not among the regions with Flex Consumption when this was written; see")
        say("    az functionapp list-flexconsumption-locations")
    return 0


if __name__ == "__main__":
    sys.exit(main())
