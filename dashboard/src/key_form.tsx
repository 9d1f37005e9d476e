// The form for the read key.
import { useEffect, useRef, useState } from "preact/hooks";
import { chosenTheme } from "./browser_storage";
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
          This link no longer works. Ask whoever sent it for a new one.
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
          <span>Read key</span>
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
            This key opens no site. It may have been replaced.
          </p>
        )}
        <button type="submit" class="primary">
          Open
        </button>
        <p class="hint" id="key-hint">
          Paste a key of kind <code>read</code> from <code>keys</code> in the site’s document. This tab forgets the key when it is
          closed.
        </p>
      </form>
    </main>
  );
}
