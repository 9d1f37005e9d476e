// The one module that uses the network. An event waits until it is acknowledged, and what waits is kept on the device
// where that is allowed, each event under a name that tells since when and by which page. What another page left, or
// has had for too long, is taken over; a page sends nothing that is no longer there.
import { mayKnow } from "./consent";
import { listen, now } from "./guard";
import { settings, source } from "./settings";
import { disk } from "./storage";

/** An event as JSON, and its name in storage, empty where it is not kept there. */
type Entry = [text: string, name: string];

const MAX_BYTES = 60_000; // browsers let 64 KiB be under way when a page is left
const MAX_WAITING = 1000;
const PREFIX = "cs-event";
const GATHER_MS = 50;
const LEASE_MS = 30_000;

const page: any = Math.random();
let waiting: Entry[] = [];
let underWay: Entry[] = [];
let written = 0;
let failures = 0;
let notBefore = 0;
let timer = 0;

export function enqueue(text: string): void {
  const entry: Entry = [text, ""];
  waiting.push(entry);
  drop(waiting.splice(0, waiting.length - MAX_WAITING));
  plan();
  if (mayKnow()) keep(entry, now());
}

/** Take over what other pages left behind. */
export function adopt(): void {
  for (const name in disk) {
    const [kind, since, owner] = name.split("_");
    if (kind == PREFIX && owner != page && +since < now() - LEASE_MS) {
      enqueue(disk[name]);
      delete disk[name];
    }
  }
}

/** Send what waits while the page still can; the browser goes on with it. */
export function sendOnHide(): void {
  // Where nothing is kept on the device this is the last chance; else a page that is seen is a better one.
  if (!mayKnow() || (now() > notBefore && navigator.onLine))
    for (let batch; (batch = gather())[0]; drop(batch))
      if (!navigator.sendBeacon(address(), body(batch))) {
        waiting = batch.concat(waiting);
        break;
      }
  // What still waits is at once whosever takes it first.
  for (const entry of waiting) if (entry[1]) keep(entry, 0);
}

export function startDelivery(): void {
  listen("online", () => {
    clearTimeout(timer);
    timer = notBefore = 0;
    plan();
  });
}

function keep(entry: Entry, since: number): void {
  drop([entry]);
  entry[1] = [PREFIX, since, page, written++].join("_");
  disk[entry[1]] = entry[0];
}

function plan(): void {
  // The answer to what is under way plans anew: it may ask to wait.
  if (!underWay[0]) timer ||= setTimeout(send, Math.max(GATHER_MS, notBefore - now()));
}

function send(): void {
  timer = 0;
  if (!(underWay = gather())[0]) return;
  const text = body(underWay);
  try {
    fetch(address(), {
      method: "POST",
      body: text,
      keepalive: text.length < MAX_BYTES + 2000,
      credentials: settings.credentials,
    }).then(
      (answer) => answered(answer.status, +(answer.headers.get("retry-after") as string)),
      () => answered(0),
    );
  } catch {
    // The page has put something else in fetch's place.
    answered(+navigator.sendBeacon(address(), text));
  }
}

function answered(status: number, retryAfterSeconds?: number): void {
  if (!status || status == 429 || status > 499) {
    waiting = underWay.concat(waiting);
    notBefore = now() + 1000 * (retryAfterSeconds || 2 ** failures++);
  } else {
    failures = notBefore = 0;
    drop(underWay);
  }
  underWay = [];
  plan();
}

/** The first events that wait, as many as go into one request. */
function gather(): Entry[] {
  let bytes = 0;
  const batch: Entry[] = [];
  while (waiting[0] && (!bytes || bytes + waiting[0][0].length < MAX_BYTES)) {
    const entry = waiting.shift() as Entry;
    // What is no longer in storage has been taken by another page.
    if (!entry[1] || disk[entry[1]]) {
      bytes += entry[0].length + 80;
      batch.push(entry);
    }
  }
  return batch;
}

function drop(entries: Entry[]): void {
  for (const entry of entries) delete disk[entry[1]];
}

function body(batch: Entry[]): string {
  return `[${batch.map(([text]) => `${text.slice(0, -1)},"sent_at":${now()}}`)}]`;
}

function address(): string {
  return `${settings.endpoint || new URL("api/events", source)}?write_key=${settings.site}`;
}
