// The dashboard as who looks at it has it: opened with a key, waited for, and read.

const CALM_FRAMES = 3;

export class Dashboard {
  /** What must never happen, whatever is looked at. */
  faults = [];
  page;
  #underWay = new Set();
  #asked = 0;
  #ended = () => undefined;

  constructor(context, baseUrl) {
    this.context = context;
    this.baseUrl = baseUrl;
    this.origins = new Set([new URL(baseUrl).origin]);
  }

  /** Open an address with a key, and return once all is there. */
  async open(path, key) {
    await this.goto(path);
    if (key !== undefined) await this.enter(key);
  }

  /** Open an address. */
  async goto(path) {
    this.page ??= await this.watched(await this.context.newPage());
    await this.page.goto(path.startsWith("http") ? path : this.baseUrl + path);
    await this.settled();
  }

  async enter(key) {
    await this.page.getByLabel("Read key").fill(key);
    await this.page.keyboard.press("Enter");
    await this.settled();
  }

  /** Let no script that came with data go unseen. */
  async watched(page) {
    page.on("pageerror", (error) => this.faults.push(`error: ${error.stack ?? error}`));
    page.on("dialog", (dialog) => {
      this.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      const { protocol, origin, pathname } = new URL(request.url());
      if (protocol.startsWith("http") && !this.origins.has(origin)) this.faults.push(`request: ${request.url()}`);
      if (!pathname.startsWith("/api/")) return;
      this.#underWay.add(request);
      this.#asked++;
    });
    for (const end of ["requestfinished", "requestfailed"]) {
      page.on(end, (request) => {
        this.#underWay.delete(request);
        this.#ended();
      });
    }
    await page.exposeFunction("tellFault", (fault) => this.faults.push(fault));
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
        window.tellFault(`policy: ${violatedDirective} ${blockedURI} ${sample}`),
      );
      Object.defineProperty(window, "canary", { set: (by) => window.tellFault(`executed: ${by}`) });
    });
    return page;
  }

  /** Return once nothing is asked for any more, and all answers are shown. */
  async settled(page = this.page) {
    for (;;) {
      while (this.#underWay.size) await new Promise((ended) => (this.#ended = ended));
      const asked = this.#asked;
      const isCalm = await page.evaluate(async (frames) => {
        // Panels far below the window are loaded once a reader comes near them.
        const later = document.querySelectorAll('[data-testid="later"]');
        for (const part of later) {
          // Not by scrollIntoView, from where the next Tab would go on.
          scrollTo(0, part.getBoundingClientRect().top + scrollY);
          await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
        }
        if (later.length) {
          scrollTo(0, 0);
          return false;
        }
        for (let frame = 0; frame < frames; frame++) {
          await new Promise((next) => requestAnimationFrame(() => setTimeout(next)));
          if (document.querySelector('[aria-busy="true"], .loading')) return false;
        }
        return true;
      }, CALM_FRAMES);
      if (isCalm && asked === this.#asked && !this.#underWay.size) return;
    }
  }

  async click(locator) {
    await locator.click();
    await this.settled();
  }

  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
    await this.settled();
  }

  panel(name) {
    return this.page.getByTestId(`panel-${name}`);
  }

  /** A table: the names of its columns, and of each row its value, its exact numbers and its words. */
  async table(within) {
    return within.evaluate((root) => {
      const number = (cell) => {
        const value = cell.querySelector("data")?.value ?? "";
        return value === "" ? null : Number(value);
      };
      return {
        columns: [...root.querySelectorAll("thead th")].map((cell) => cell.querySelector("abbr")?.title ?? cell.textContent),
        rows: [...root.querySelectorAll("tbody tr")].map((row) => ({
          value: row.dataset.value ?? row.querySelector("th").textContent,
          numbers: [...row.querySelectorAll("td")].map(number),
          words: row.innerText,
        })),
      };
    });
  }
}

/** What is in a file that the page saved. */
export async function textOf(download) {
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
