// The form for the read key.
import { useEffect, useRef, useState } from "preact/hooks";
import { chosenTheme } from "./browser_storage";
import { Filled } from "./filled";
import { t } from "./texts";
import { sharedSite } from "./view";

export function KeyForm({ refused, onKey }: { refused: boolean; onKey(key: string): void }) {
  const [key, setKey] = useState("");
  const input = useRef<HTMLInputElement>(null);
  // `autofocus` works only while the page loads.
  useEffect(() => input.current?.focus(), []);
  useState(() => chosenTheme(location));
  if (sharedSite(location.pathname) !== null) {
    return (
      <main class="alone">
        <p class="notice" role="alert">
          {t.key.brokenLink}
        </p>
      </main>
    );
  }
  const submit = (event: Event) => {
    event.preventDefault();
    if (key.trim()) onKey(key.trim());
  };
  return (
    <main class="alone">
      <form class="card key-form" onSubmit={submit}>
        <h1>Clickstream</h1>
        <label class="field">
          <span>{t.key.label}</span>
          <input
            type="password"
            name="read-key"
            autocomplete="current-password"
            ref={input}
            required
            aria-describedby="key-hint"
            aria-invalid={refused}
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        {refused && (
          <p class="problem" role="alert">
            {t.key.refused}
          </p>
        )}
        <button type="submit" class="primary">
          {t.key.open}
        </button>
        <p class="hint" id="key-hint">
          <Filled text={t.key.hint} parts={{ kind: <code>read</code>, keys: <code>keys</code> }} />
        </p>
      </form>
    </main>
  );
}
