// Sends with every kind of addressing, then receives what it sent; prints one line of JSON.
// Arguments: connection string, hub.
import { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition } from "@azure/event-hubs";

const [connection, hub] = process.argv.slice(2);
const producer = new EventHubProducerClient(connection, hub);
const batch = await producer.createBatch({ partitionKey: "visitor" });
for (let number = 0; number < 50; number++) {
  batch.tryAdd({ body: { number }, properties: { site: "demo" }, contentType: "application/json" });
}
await producer.sendBatch(batch);
await producer.sendBatch([{ body: "to-three" }], { partitionId: "3" });
const properties = await producer.getEventHubProperties();
const partition = await producer.getPartitionProperties("3");
await producer.close();

const consumer = new EventHubConsumerClient("$Default", connection, hub);
const received = [];
await new Promise((resolve, reject) => {
  consumer.subscribe(
    {
      processEvents: async (events, context) => {
        for (const event of events) {
          received.push({
            partition: context.partitionId,
            sequence: event.sequenceNumber,
            body: event.body,
            key: event.partitionKey ?? null,
            site: event.properties?.site ?? null,
            contentType: event.contentType ?? null,
          });
        }
        if (received.length >= 51) resolve();
      },
      processError: async (error) => reject(error),
    },
    { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 },
  );
});
await consumer.close();
console.log(
  JSON.stringify({
    partitionIds: properties.partitionIds,
    lastOfThree: partition.lastEnqueuedSequenceNumber,
    received,
  }),
);
