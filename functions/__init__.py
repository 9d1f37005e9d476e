"""The shell: the functions of the app. Each parses its request, calls the core, and answers."""

import logging

# A quiet run of `compact` would log some hundreds of lines about connections and tokens, and the host stores each.
for _sdk in ("azure.core", "azure.eventhub", "azure.identity"):
    logging.getLogger(_sdk).setLevel(logging.WARNING)
