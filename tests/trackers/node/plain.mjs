// No tracker at all: the plain dialect by fetch.
const { BASE_URL, WRITE_KEY, EVENT_ID } = process.env;

const answer = await fetch(`${BASE_URL}/api/events`, {
  method: "POST",
  headers: { "content-type": "application/json", "x-write-key": WRITE_KEY },
  body: JSON.stringify({ event_id: EVENT_ID, name: "from_node", user_id: "ada", created_at: new Date() }),
});
console.log("scripts may print what they like before");
console.log(JSON.stringify({ status: answer.status, eventId: EVENT_ID }));
