"""Baselines of the collector: functions that only send, with one client for all requests, or a new one for each."""

import os

import azure.functions as func
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
clients: list[EventHubProducerClient] = []


def make_client() -> EventHubProducerClient:
    return EventHubProducerClient.from_connection_string(os.environ["EventHubConnection"], eventhub_name="events")


async def send(client: EventHubProducerClient, body: bytes) -> None:
    batch = await client.create_batch(partition_key="lane-0")
    batch.add(EventData(body))
    await client.send_batch(batch)


@app.function_name("bare")
@app.route("bare", methods=["POST"])
async def bare(req: func.HttpRequest) -> func.HttpResponse:
    """Only await the send, with a client that lives as long as the process."""
    if not clients:
        clients.append(make_client())
    await send(clients[0], req.get_body())
    return func.HttpResponse("{}", mimetype="application/json")


@app.function_name("tutorial")
@app.route("tutorial", methods=["POST"])
async def tutorial(req: func.HttpRequest) -> func.HttpResponse:
    """As in tutorials: create, use and close a producer for every request."""
    async with make_client() as client:
        await send(client, req.get_body())
    return func.HttpResponse("{}", mimetype="application/json")
