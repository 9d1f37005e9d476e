// Conditions of audiences in words.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Condition } from "../src/api";
import { inWords } from "../src/audience_words";
import { actionsOf } from "../src/jobs";
import type { Job } from "../src/api";

const words = (where: Condition) => inWords({ name: "An audience", slug: "one", where });

test("each condition has words", () => {
  const within = "7d";
  const of: [Condition, string][] = [
    [{ did: { event: "add" }, within }, "did “add” within 7 days"],
    [{ did: { page: "/cart" }, times: { at_least: 3 }, within: "12h" }, "did view /cart at least 3 times within 12 hours"],
    [{ did: {}, times: { at_least: 2, at_most: 2 }, within }, "did anything 2 times within 7 days"],
    [{ did: { goal: "Order" }, times: { at_most: 20 }, within }, "did “Order” 1 to 20 times within 7 days"],
    [{ did_not: { goal: "Order", filters: [["is", "visit:device", ["mobile"]]] }, within }, "did not “Order” where Device is Mobile within 7 days"],
    [{ sum: { event: "order", property: "value" }, at_least: 500, within }, "have at least 500 of value in “order” within 7 days"],
    [{ sequence: { steps: [{ page: "/blog/*" }, { goal: "Order" }] }, within }, "did view /blog/*, then “Order”, begun within 7 days"],
    [
      { sequence: { steps: [{ event: "a" }, { event: "b" }], window: "1h", order: "strict" }, within },
      "did “a”, then “b” in 1 hours, nothing else between, begun within 7 days",
    ],
    [
      { sequence: { steps: [{ event: "a" }, { event: "b" }], exclude: [{ event: "x", after: 1 }, { event: "y" }] }, within },
      "did “a”, then “b”, without “x” after step 1 or “y” between, begun within 7 days",
    ],
    [{ trait: { name: "plan", is: ["pro", 5] } }, "have plan pro or 5"],
    [{ trait: { name: "email" } }, "have email"],
    [{ trait: { name: "trial_ends", in_next: "3d" } }, "have trial_ends in the next 3 days"],
    [{ field: { name: "country", is: ["CH"] } }, "have country CH"],
    [{ field: { name: "visits", at_least: 5 } }, "have visits of at least 5"],
    [{ field: { name: "orders", at_most: 0 } }, "have orders of at most 0"],
    [{ field: { name: "orders", at_least: 1, at_most: 3 } }, "have orders from 1 to 3"],
    [{ score: { name: "momentum", at_least: 70 } }, "have momentum of at least 70"],
    [{ in: "buyers" }, "are in buyers"],
    [{ not: { in: "buyers" } }, "not (are in buyers)"],
  ];
  for (const [condition, text] of of) assert.equal(words(condition), `Known persons who ${text}`);
});

test("how long memberships last has words", () => {
  const audience = { name: "An audience", slug: "one", where: { in: "buyers" } as Condition };
  assert.equal(
    inWords({ ...audience, stay: "2h", pause: "3d", grace: "10m" }),
    "Known persons who are in buyers; they stay for at least 2 hours; they return after 3 days at the earliest; what ends by time ends 10 minutes later",
  );
});

test("groups within groups are in brackets", () => {
  const [a, b, c] = ["a", "b", "c"].map((slug): Condition => ({ in: slug })) as [Condition, Condition, Condition];
  assert.equal(words({ all: [a, { any: [b, c] }] }), "Known persons who are in a and (are in b or are in c)");
  assert.equal(words({ any: [a, { all: [b] }] }), "Known persons who are in a or are in b");
});

test("a job offers what its status leaves", () => {
  const of = (status: Job["status"]) => actionsOf({ status } as Job);
  assert.deepEqual([of("active"), of("running"), of("stopped"), of("done")], [["run", "stop"], ["stop"], ["run", "resume"], ["run"]]);
});
