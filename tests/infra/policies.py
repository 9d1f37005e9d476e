"""What must be true of a deployment: each check yields what is wrong with it, and nothing where all is well."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from clickstream.capture.names import parse_name
from clickstream.errors import SettingsError
from clickstream.settings import JOB_CONNECTION, Settings
from tests.infra.bicep import typing
from tests.infra.bicep.evaluating import Resource, Runtime
from tests.infra.deployment import Deployment

Check = Callable[[Deployment], Iterator[str]]
# Microsoft's built-in roles. Kept apart from infra/roles.json, so that a wrong digit there is seen.
ROLE_NAMES: Mapping[str, str] = {
    "2b629674-e913-4c01-ae53-ef4638d8f975": "Azure Event Hubs Data Sender",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
}
_CONTRIBUTOR, _READER = "Storage Blob Data Contributor", "Storage Blob Data Reader"
_OF_APPS = {
    ("hub events", "Azure Event Hubs Data Sender"),
    ("hub failed-events", "Azure Event Hubs Data Sender"),
    ("container config", _READER),
    ("container spill", _CONTRIBUTOR),
    ("container salts", _CONTRIBUTOR),
    ("host account", "Storage Blob Data Owner"),
    ("vault", "Key Vault Secrets User"),
    ("component", "Monitoring Metrics Publisher"),
}
_LAKE = "<identity/lake.properties.principalId>"
GRANTS: Mapping[str, set[tuple[str, str]]] = {
    "<identity/capture.properties.principalId>": {("container capture", _CONTRIBUTOR)},
    "<identity/collect.properties.principalId>": _OF_APPS,
    _LAKE: _OF_APPS | {("container capture", _CONTRIBUTOR), ("container lake", _CONTRIBUTOR)},
    "deployer": {("lake account", _CONTRIBUTOR), ("vault", "Key Vault Secrets Officer")},
}
WITHOUT_HUBS: Mapping[str, set[tuple[str, str]]] = {
    principal: {grant for grant in grants if not grant[0].startswith("hub ")}
    for principal, grants in GRANTS.items()
    if not principal.startswith("<identity/capture")
}
OF_HUBS = {
    "EventHubConnection__fullyQualifiedNamespace",
    "EventHubConnection__credential",
    "EventHubConnection__clientId",
}
OF_THE_PLATFORM = {
    "AzureWebJobsStorage__accountName",
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "Lake__accountName",
    "Lake__clientId",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "AzureWebJobsDisableHomepage",
    "ARROW_DEFAULT_MEMORY_POOL",
}
REFERENCE = re.compile(r"@Microsoft\.KeyVault\(VaultName=(?P<vault>[\w-]+);SecretName=(?P<secret>[\w-]+)\)")
# Both stand in the vault, and nowhere else.
SECRETS = {"VISITOR_ID_KEY": "visitor-id-key", "PSEUDONYM_KEYS": "pseudonym-keys"}
DIAGNOSED = ("storageAccounts/blobServices", "namespaces", "vaults", "sites", "virtualNetworks")


def types(deployment: Deployment) -> Iterator[str]:
    """Every property is one that Azure takes."""
    for resource in deployment.module.resources:
        yield from typing.problems(resource)


def keyless(deployment: Deployment) -> Iterator[str]:
    """Nobody can sign in with a key, and no setting holds one."""
    for kind, name, wanted in (
        ("storageAccounts", "allowSharedKeyAccess", False),
        ("namespaces", "disableLocalAuth", True),
        ("components", "DisableLocalAuth", True),
        ("basicPublishingCredentialsPolicies", "allow", False),
        ("vaults", "enableRbacAuthorization", True),
    ):
        found = deployment.of(kind)
        if not found and (kind != "namespaces" or deployment.has_hubs):
            yield f"there is no {kind}"
        yield from _unless(found, name, wanted)
    if len(deployment.of("basicPublishingCredentialsPolicies")) != 2 * len(deployment.sites):
        yield "an app takes code by a publishing password"
    for resource in deployment.of("workspaces"):
        if resource.properties.get("features", {}).get("disableLocalAuth") is not True:
            yield f"{resource.place}: logs can be written with a key"
    for role in deployment.sites:
        for name, value in deployment.settings(role).items():
            if re.search(r"AccountKey=|SharedAccessKey|Password=|sig=", value):
                yield f"{role}: {name} holds a key"
    for resource in deployment.of("sites"):
        deployed = resource.properties["functionAppConfig"]["deployment"]["storage"]["authentication"]["type"]
        if deployed != "UserAssignedIdentity":
            yield f"{resource.place}: the package is fetched by {deployed}"


def encrypted(deployment: Deployment) -> Iterator[str]:
    """Nothing is read by strangers, and nothing goes over the wire in the clear."""
    yield from _unless(deployment.of("storageAccounts"), "allowBlobPublicAccess", False)
    yield from _unless(deployment.of("storageAccounts"), "supportsHttpsTrafficOnly", True)
    yield from _unless(deployment.of("storageAccounts"), "minimumTlsVersion", "TLS1_2")
    yield from _unless(deployment.of("namespaces"), "minimumTlsVersion", "1.2")
    yield from _unless(deployment.of("blobServices/containers"), "publicAccess", "None")
    yield from _unless(deployment.of("sites"), "httpsOnly", True)
    for site in deployment.of("sites"):
        for name, wanted in (("minTlsVersion", "1.2"), ("scmMinTlsVersion", "1.2"), ("ftpsState", "Disabled")):
            if site.properties["siteConfig"].get(name) != wanted:
                yield f"{site.place}: {name} must be {wanted}"


def forgetting(deployment: Deployment) -> Iterator[str]:
    """What is deleted in the lake is gone, and nothing but captured and quarantined files goes by itself."""
    blobs = deployment.one("lake/blobs")
    if blobs.properties.get("isVersioningEnabled") is not False:
        yield f"{blobs.place}: versions would keep erased persons"
    if blobs.properties.get("deleteRetentionPolicy") != {"enabled": False}:
        yield f"{blobs.place}: soft delete would keep erased persons and expired salts"
    prefixes = {
        prefix
        for policy in deployment.of("managementPolicies")
        for rule in policy.properties["policy"]["rules"]
        for prefix in rule["definition"].get("filters", {}).get("prefixMatch", ["everything"])
    }
    for prefix in sorted(prefixes - {"capture/", "lake/quarantine/"}):
        yield f"a lifecycle rule deletes {prefix}"


def roles(deployment: Deployment) -> Iterator[str]:
    """Each identity may do what it has to, and nothing else, each at the narrowest scope."""
    names = places(deployment)
    found: dict[str, set[tuple[str, str]]] = {}
    for principal, role, scope, grant in deployment.grants():
        if role not in ROLE_NAMES:
            yield f"{grant.place}: {role} is no role that is needed here"
            continue
        found.setdefault(principal, set()).add((names.get(scope, scope), ROLE_NAMES[role]))
        kind = grant.properties.get("principalType")
        if kind != ("User" if principal == "deployer" else "ServicePrincipal"):
            yield f"{grant.place}: principalType {kind}"
    grants = dict(GRANTS if deployment.has_hubs else WITHOUT_HUBS)
    if (hub := deployment.audience_hub) is not None:
        grants[_LAKE] = grants[_LAKE] | {(f"hub {hub}", "Azure Event Hubs Data Sender")}
    for principal in sorted(found.keys() | grants.keys()):
        given, wanted = found.get(principal, set()), grants.get(principal, set())
        yield from (f"{principal} may not do what {role} on {place} allows" for place, role in sorted(given - wanted))
        yield from (f"{principal} needs {role} on {place}" for place, role in sorted(wanted - given))


def places(deployment: Deployment) -> Mapping[str, str]:
    """The name of each resource that a role is granted on, by its id."""
    return {
        deployment.one("lake/account").id: "lake account",
        deployment.one("hostStorage/account").id: "host account",
        deployment.one("vault/vault").id: "vault",
        deployment.one("monitoring/component").id: "component",
        **{each.id: f"hub {each.name}" for each in deployment.of("eventhubs")},
        **{each.id: f"container {each.name}" for each in deployment.of("blobServices/containers")},
    }


def order(deployment: Deployment) -> Iterator[str]:
    """What something needs is there before it: roles before hubs and apps, secrets before those who refer to them."""
    grants = list(deployment.grants())
    before_hubs = [
        grant.id for principal, _, scope, grant in grants
        if (principal.startswith("<identity/capture") or principal == "deployer") and "/vaults/" not in scope
    ]  # fmt: skip
    before_sites = [
        grant.id for principal, _, _, grant in grants
        if principal.startswith(("<identity/collect", "<identity/lake")) and "Microsoft.EventHub" not in grant.scope
    ] + [secret.id for secret in deployment.of("vaults/secrets")]  # fmt: skip
    for later, earlier in ((deployment.of("eventhubs"), before_hubs), (deployment.of("sites"), before_sites)):
        for resource in later:
            if missing := [id_ for id_ in earlier if id_ not in resource.after]:
                yield f"{resource.place}: {resource.name} may be made before {len(missing)} roles or secrets it needs"


def capture(deployment: Deployment) -> Iterator[str]:
    """Both hubs of events, and no other, are captured into a container of ours by an identity, under names that
    compaction reads.
    """
    defaults = {name: str(field.default) for name, field in Settings.__dataclass_fields__.items()}
    hubs = {hub.name: hub for hub in deployment.of("eventhubs")}
    if not deployment.has_hubs:
        left = [resource for resource in deployment.module.resources if _is_of_hubs(resource)]
        yield from (f"{resource.place}: {resource.name} is there, and there are no hubs" for resource in left)
        return
    of_audiences = hubs.pop(deployment.audience_hub, None) if deployment.audience_hub else None
    if of_audiences is not None and "captureDescription" in of_audiences.properties:
        yield f"{of_audiences.place}: {of_audiences.name} is captured, where erasure does not reach"
    if of_audiences is None and deployment.audience_hub:
        yield f"the hub {deployment.audience_hub} of audiences is missing"
    wanted = {defaults["event_hub_name"], defaults["failed_event_hub_name"]}
    if set(hubs) != wanted:
        yield f"the hubs are {sorted(hubs)}, not {sorted(wanted)}"
    for hub in hubs.values():
        told = hub.properties.get("captureDescription", {})
        to = told.get("destination", {})
        if told.get("enabled") is not True or told.get("encoding") != "Avro":
            yield f"{hub.place}: {hub.name} is not captured as Avro"
        if to.get("identity", {}).get("userAssignedIdentity") != deployment.one("identity/capture").id:
            yield f"{hub.place}: {hub.name} is not captured by Capture's identity"
        place = to.get("properties", {})
        if place.get("blobContainer") != defaults["capture_container"]:
            yield f"{hub.place}: {hub.name} is captured into {place.get('blobContainer')}"
        if place.get("storageAccountResourceId") != deployment.one("lake/account").id:
            yield f"{hub.place}: {hub.name} is captured into another account"
        if not _compaction_reads(str(place.get("archiveNameFormat")), hub.name):
            yield f"{hub.place}: compaction does not read {place.get('archiveNameFormat')}"
        if told.get("skipEmptyArchives") is not True:
            yield f"{hub.place}: {hub.name} has empty files written"
        if hub.properties.get("retentionDescription", {}).get("retentionTimeInHours") != 168:
            yield f"{hub.place}: {hub.name} does not keep its seven days, which cost nothing"
    namespace = deployment.one("eventHubs/namespace")
    most = namespace.properties.get("maximumThroughputUnits", 1)
    if "events" in hubs and hubs["events"].properties["partitionCount"] < most:
        yield f"{namespace.place}: {most} throughput units are more than there are partitions"


def _is_of_hubs(resource: Resource) -> bool:
    """Whether it is of Event Hubs, or watches it, or acts for it."""
    told = f"{resource.kind} {resource.name} {resource.properties}"
    return bool(
        re.search(r"Microsoft.EventHub|servicebus|-capture |clickstream-(spilling|quiet)\b|IncomingMessages", told)
    )


def _compaction_reads(form: str, hub: str) -> bool:
    moment = datetime(2026, 11, 29, 14, 5, 9, tzinfo=UTC)
    path = f"{form}.avro".format(
        Namespace="evhns", EventHub=hub, PartitionId="3", Year="2026", Month="11", Day="29", Hour="14", Minute="05",
        Second="09",
    )  # fmt: skip
    read = parse_name(path, 1)
    return read is not None and (read.started_at, read.source.partition, read.source.hub) == (moment, "3", hub)


def containers(deployment: Deployment) -> Iterator[str]:
    """Every container of the settings is there, and no other."""
    defaults = {str(f.default) for name, f in Settings.__dataclass_fields__.items() if name.endswith("_container")}
    names = {each.name for each in deployment.of("blobServices/containers") if each.symbol.startswith("lake/")}
    if names != defaults:
        yield f"the lake has the containers {sorted(names)}, not {sorted(defaults)}"


def settings(deployment: Deployment) -> Iterator[str]:
    """Both apps start with their settings: all that are needed, none that nobody knows, secrets by reference."""
    known = {name.upper() for name in Settings.__dataclass_fields__}
    of_platform = OF_THE_PLATFORM | (OF_HUBS if deployment.has_hubs else set())
    secrets = {each.name: each.properties["value"] for each in deployment.of("vaults/secrets")}
    given = {role: deployment.settings(role) for role in deployment.sites}
    if set(given) != {"collect", "lake"}:
        yield f"azd finds the services {sorted(map(str, given))}"
        return
    for role, values in given.items():
        client = f"<identity/{role}.properties.clientId>"
        for name, value in values.items():
            if role == "lake" and name.startswith(JOB_CONNECTION):
                continue
            if name not in known | of_platform:
                yield f"{role}: nobody knows {name}"
            if name.endswith("__clientId") and value != client:
                yield f"{role}: {name} is another's"
        yield from (f"{role}: {name} is missing" for name in sorted(of_platform - set(values)))
        if client not in values.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", ""):
            yield f"{role}: telemetry is written as another"
        resolved = dict(values)
        for name, secret in SECRETS.items():
            reference = REFERENCE.fullmatch(values.get(name, ""))
            if (
                reference is None
                or reference["secret"] != secret
                or reference["vault"] != deployment.of("vaults")[0].name
            ):
                yield f"{role}: {name} is no reference to the secret {secret}"
                continue
            resolved[name] = str(secrets.get(secret))
        try:
            read = Settings.from_env(resolved)
        except SettingsError as error:
            yield from (f"{role}: {problem}" for problem in error.problems)
            continue
        if read.role != role:
            yield f"{role}: ROLE is {read.role}"
        if read.delivery != ("hub" if deployment.has_hubs else "spill"):
            yield f"{role}: events go to the {read.delivery}"
    for name in ("COMPACT_SCHEDULE", "JOBS_SCHEDULE", "MAINTAIN_SCHEDULE"):
        if (name in given["collect"]) != (name in given["lake"]):
            yield f"{name} is set in one app: where it is not, the host refuses the function that refers to it"


def memory(deployment: Deployment) -> Iterator[str]:
    """An instance has what it may take: 350 MB and twice a commit, two statements of SQL, temporary space."""
    if "lake" not in deployment.sites:
        return
    values = {name: int(text) for name, text in deployment.settings("lake").items() if re.fullmatch(r"\d+", text)}
    megabytes = deployment.sites["lake"].properties["functionAppConfig"]["scaleAndConcurrency"]["instanceMemoryMB"]
    for_python = megabytes + 272 - 200  # what the platform adds, less what the host itself takes
    if 350 + 2 * values.get("COMPACT_MAX_BYTES", 268_435_456) / 2**20 > for_python:
        yield f"lake: {megabytes} MB are too little for a commit of COMPACT_MAX_BYTES"
    if 300 + 2 * values.get("QUERY_MEMORY_MB", 512) > for_python:
        yield f"lake: {megabytes} MB are too little for two statements of QUERY_MEMORY_MB"
    disk = values.get("QUERY_FILES_MB", 512) + 3 * values.get("QUERY_SPILL_MB", 256)
    if disk > 700:
        yield f"lake: {disk} MB of temporary files are more than the 800 MB of the plan allow"


def apps(deployment: Deployment) -> Iterator[str]:
    """Flex Consumption, a plan for each, the Python that its packages are built for, several requests at once."""
    plans = [site.properties["serverFarmId"] for site in deployment.of("sites")]
    if len(set(plans)) != len(plans):
        yield "a Flex Consumption plan holds one app"
    for plan in deployment.of("serverfarms"):
        if plan.body.get("sku") != {"name": "FC1", "tier": "FlexConsumption"} or not plan.properties.get("reserved"):
            yield f"{plan.place}: is no Flex Consumption plan"
    for role, site in deployment.sites.items():
        told = site.properties["functionAppConfig"]
        if told["runtime"] != {"name": "python", "version": "3.13"}:
            yield f"{site.place}: {told['runtime']} is not Python 3.13"
        at_once = told["scaleAndConcurrency"].get("triggers", {}).get("http", {}).get("perInstanceConcurrency", 1)
        if at_once < 16:
            yield f"{site.place}: every {at_once} requests under way ask for an instance"
        container = str(told["deployment"]["storage"]["value"]).rsplit("package-", 1)[-1]
        if container != role:
            yield f"{site.place}: {role} is deployed from the package of {container}"
        if site.properties.get("keyVaultReferenceIdentity") not in site.body["identity"]["userAssignedIdentities"]:
            yield f"{site.place}: references are read by an identity that it has not"
    cors = deployment.sites["collect"].properties["siteConfig"].get("cors", {})
    origins = [each.strip() for each in deployment.parameters.get("allowedOrigins", "").split(",") if each.strip()]
    if cors.get("allowedOrigins") != origins:
        yield f"the platform answers preflights for {cors.get('allowedOrigins')}, not for {origins}"
    if deployment.settings("collect").get("ALLOWED_ORIGINS") != ",".join(origins):
        yield "the collector does not know for whom the platform answers preflights"
    if "*" in cors.get("allowedOrigins", []) or cors.get("supportCredentials") != bool(origins):
        yield "preflights: credentials need origins that are listed one by one"


def diagnosed(deployment: Deployment) -> Iterator[str]:
    """What happens to each service is told to the workspace."""
    scopes = {each.scope for each in deployment.of("diagnosticSettings")}
    for kind in DIAGNOSED:
        for resource in deployment.of(kind):
            if resource.id not in scopes:
                yield f"{resource.place}: {resource.name} has no diagnostic settings"
    for each in deployment.of("diagnosticSettings"):
        if each.properties.get("workspaceId") != deployment.one("monitoring/workspace").id:
            yield f"{each.place}: goes to another workspace"


def private(deployment: Deployment) -> Iterator[str]:
    """With a private network only the apps' own routes are reached from outside; without it nothing is half closed."""
    kept = [*deployment.of("storageAccounts"), *deployment.of("namespaces"), *deployment.of("vaults")]
    if deployment.private:
        ends = {
            (link["properties"]["privateLinkServiceId"], group)
            for end in deployment.of("privateEndpoints")
            for link in end.properties["privateLinkServiceConnections"]
            for group in link["properties"]["groupIds"]
        }
        for resource in kept:
            if not any(target == resource.id for target, _ in ends):
                yield f"{resource.place}: {resource.name} has no private endpoint"
        if (deployment.one("lake/account").id, "dfs") not in ends:
            yield "the lake has no private endpoint for abfss"
        if len(deployment.of("privateDnsZoneGroups")) != len(deployment.of("privateEndpoints")):
            yield "a private endpoint has no name in the network"
        for site in deployment.of("sites"):
            if "/subnets/" not in str(site.properties.get("virtualNetworkSubnetId")):
                yield f"{site.place}: {site.name} is not in the network"
    for resource in kept:
        closed = resource.properties.get("publicNetworkAccess") == "Disabled"
        closed |= resource.properties.get("networkAcls", {}).get("defaultAction") == "Deny"
        if closed != deployment.private:
            yield f"{resource.place}: {resource.name} is {'closed' if closed else 'open'} to the public network"


def outputs(deployment: Deployment) -> Iterator[str]:
    """What azd keeps in its environment: names and addresses, never a secret."""
    given = {str(deployment.parameters[name]) for name in ("visitorIdKey", "pseudonymKeys")}
    for name, value in deployment.module.outputs.items():
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            yield f"{name} is no name of a variable"
        if any(secret in str(value) for secret in given) or "ConnectionString" in str(value):
            yield f"{name} is a secret"
    if "AZURE_KEY_VAULT_NAME" not in deployment.module.outputs:
        yield "without AZURE_KEY_VAULT_NAME azd makes the secrets anew with each deployment"


def secrets(deployment: Deployment) -> Iterator[str]:
    """A second deployment keeps what the first has stored."""
    stored = {each.name: each.properties["value"] for each in deployment.of("vaults/secrets")}
    for name, parameter in (("visitor-id-key", "visitorIdKey"), ("pseudonym-keys", "pseudonymKeys")):
        given = deployment.parameters[parameter]
        if deployment.private and stored.get(name) != given:
            yield f"{name} is stored as another than it was"
        if len(stored.get(name, "")) < 16 or str(given) not in stored.get(name, ""):
            yield f"{name} is not made of what azd made up"
    for vault in deployment.of("vaults"):
        if vault.properties.get("enablePurgeProtection") is not True:
            yield f"{vault.place}: the secrets can be destroyed for good"


def _unless(resources: list[Resource], name: str, wanted: object) -> Iterator[str]:
    for resource in resources:
        found = resource.properties.get(name)
        if found != wanted or isinstance(found, Runtime):
            yield f"{resource.place}: {name} of {resource.name} must be {wanted}, not {found}"


CHECKS: tuple[Check, ...] = (
    types, keyless, encrypted, forgetting, roles, order, capture, containers, settings, memory, apps, diagnosed,
    private, outputs, secrets,
)  # fmt: skip
