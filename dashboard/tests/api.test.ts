// What is sent, and what comes of the answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Api, Problem, type Query } from "../src/api";

interface Sent {
  readonly address: string;
  readonly body: { readonly site_id: string; readonly questions: readonly { readonly query: Query }[] };
  readonly signal: AbortSignal;
}

/** An Api whose requests are answered by `answer`, and the list of them. */
function recorded(answer: (sent: Sent) => object): { api: Api; requests: Sent[] } {
  const requests: Sent[] = [];
  globalThis.fetch = (async (address: string, { body, signal }: { body: string; signal: AbortSignal }) => {
    const sent = { address, body: JSON.parse(body), signal };
    requests.push(sent);
    return new Response(JSON.stringify(answer(sent)));
  }) as typeof fetch;
  return { api: new Api("key"), requests };
}

const echo = ({ body }: Sent) => ({ answers: body.questions.map(({ query }) => ({ status: 200, body: query })) });
const query = (name: string, site_id = "shop"): Query => ({ site_id, name });
const open = () => new AbortController().signal;

test("queries of the same moment are one request, and each gets its own answer", async () => {
  const { api, requests } = recorded(echo);
  const names = Array.from({ length: 5 }, (_, at) => `query ${at}`);
  const answers = await Promise.all(names.map((name) => api.query(query(name), open())));
  assert.deepEqual(answers.map((one) => (one as unknown as Query)["name"]), names);
  assert.deepEqual(requests.map(({ address, body }) => [address, body.questions.length]), [["/api/questions", 5]]);
  await api.query(query("later"), open());
  assert.equal(requests.length, 2);
});

test("one request has the questions of one site, and at most 32", async () => {
  const { api, requests } = recorded(echo);
  const names = Array.from({ length: 40 }, (_, at) => `query ${at}`);
  await Promise.all([...names.map((name) => api.query(query(name), open())), api.query(query("other", "blog"), open())]);
  assert.deepEqual(requests.map(({ body }) => [body.site_id, body.questions.length]), [["shop", 32], ["shop", 8], ["blog", 1]]);
});

test("a refused question is a problem of its own", async () => {
  const { api } = recorded(({ body }) => ({
    answers: body.questions.map(({ query: { name } }) => (name === "wrong" ? { status: 400, body: { message: "no" } } : { status: 200, body: {} })),
  }));
  const [right, wrong] = await Promise.allSettled([api.query(query("right"), open()), api.query(query("wrong"), open())]);
  assert.equal(right.status, "fulfilled");
  assert.ok(wrong.status === "rejected" && wrong.reason instanceof Problem && wrong.reason.status === 400);
});

test("a request ends when nobody waits for any of its answers", async () => {
  const { api, requests } = recorded(echo);
  const [one, other, early] = [new AbortController(), new AbortController(), new AbortController()];
  early.abort();
  void api.query(query("early"), early.signal);
  await Promise.all([api.query(query("one"), one.signal), api.query(query("other"), other.signal)]);
  const [{ body, signal }] = requests as [Sent];
  assert.equal(body.questions.length, 2);
  one.abort();
  assert.equal(signal.aborted, false);
  other.abort();
  assert.equal(signal.aborted, true);
});
