// The one module that uses the network. An event waits until it is acknowledged. Waiting events are stored on the device
// if that is allowed, each under a name with the time and the page. A page takes over events that another page left, or
// has had for too long. It sends no event that is no longer in storage.
import { mayKnow } from "./consent";
import { listen, now } from "./guard";
import { settings } from "./settings";
import { disk } from "./storage";
import { uuid } from "./visitor";

/** An event as JSON, and its name in storage; empty if it is not stored. */
type Entry = [text: string, name: string];

const MAX_BYTES = 60_000; // browsers limit requests that outlive a page to 64 KiB
const MAX_WAITING = 1000;
const PREFIX = "cs-event";
const GATHER_MS = 50;
const LEASE_MS = 30_000;

const page: any = Math.random();
let waiting: Entry[] = [];
let inFlight: Entry[] = [];
let failures = 0;
let notBefore = 0;
let timer = 0;

export const enqueue = (text: string): void => {
  const entry: Entry = [text, ""];
  waiting.push(entry);
  drop(waiting.splice(0, waiting.length - MAX_WAITING));
  plan();
  if (mayKnow()) keep(entry, now());
};

/** Take over events that other pages left. */
export const adopt = (): void => {
  for (const name in disk) {
    const [kind, since, owner] = name.split("_");
    if (kind == PREFIX && owner != page && +since < now() - LEASE_MS) {
      enqueue(disk[name]);
      delete disk[name];
    }
  }
};

/** Send waiting events before the page is gone. The browser completes the requests. */
export const sendOnHide = (): void => {
  // Without storage this is the last chance. With storage, a visible page delivers more reliably.
  if (!mayKnow() || (now() > notBefore && navigator.onLine))
    for (let batch; (batch = gather())[0]; drop(batch))
      if (!navigator.sendBeacon(address(), body(batch))) {
        waiting = batch.concat(waiting);
        break;
      }
  // Release the rest: at time 0 any page may take it over at once.
  for (const entry of waiting) if (entry[1]) keep(entry, 0);
};

export const startDelivery = (): void => {
  listen("online", () => {
    clearTimeout(timer);
    timer = notBefore = 0;
    plan();
  });
};

const keep = (entry: Entry, since: number): void => {
  drop([entry]);
  disk[(entry[1] = [PREFIX, since, page, uuid()].join("_"))] = entry[0];
};

const plan = (): void => {
  // The answer to a request in flight plans the next one, because it may ask to wait.
  if (!inFlight[0]) timer ||= setTimeout(send, Math.max(GATHER_MS, notBefore - now()));
};

const send = (): void => {
  timer = 0;
  if (!(inFlight = gather())[0]) return;
  const text = body(inFlight);
  try {
    fetch(address(), {
      method: "POST",
      body: text,
      keepalive: text.length < MAX_BYTES,
      credentials: settings.credentials,
    }).then(
      (answer) => onAnswer(answer.status, +(answer.headers.get("retry-after") as string)),
      () => onAnswer(),
    );
  } catch {
    // The page has replaced fetch by something else.
    onAnswer(navigator.sendBeacon(address(), text));
  }
};

const onAnswer = (status?: number | boolean, retryAfterSeconds?: number): void => {
  if (!status || status == 429 || (status as number) > 499) {
    waiting = inFlight.concat(waiting);
    notBefore = now() + 1000 * (retryAfterSeconds || 2 ** failures++);
  } else {
    failures = notBefore = 0;
    drop(inFlight);
  }
  inFlight = [];
  plan();
};

/** The first waiting events, as many as fit into one request. */
const gather = (): Entry[] => {
  let bytes = 0;
  const batch: Entry[] = [];
  while (waiting[0] && (!bytes || bytes + waiting[0][0].length < MAX_BYTES)) {
    const entry = waiting.shift() as Entry;
    // Another page has taken over what is no longer in storage.
    if (!entry[1] || disk[entry[1]]) {
      bytes += entry[0].length + 80;
      batch.push(entry);
    }
  }
  return batch;
};

const drop = (entries: Entry[]): void => {
  for (const entry of entries) delete disk[entry[1]];
};

const body = (batch: Entry[]): string => {
  return `[${batch.map(([text]) => `${text.slice(0, -1)},"sent_at":${now()}}`)}]`;
};

const address = (): string => {
  return `${settings.endpoint}?write_key=${settings.site}`;
};
