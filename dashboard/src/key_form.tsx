// The one question before anything is shown.
import { useState } from "preact/hooks";
import { chosenTheme } from "./keeping";
import { sharedSite } from "./view";

export function KeyForm({ refused, onKey }: { refused: boolean; onKey(key: string): void }) {
  const [key, setKey] = useState("");
  useState(() => chosenTheme(location));
  if (sharedSite(location.pathname) !== null) {
    return (
      <main class="alone">
        <p class="notice" role="alert">
          This link opens nothing any more. Ask for a new one where you have it from.
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
            autofocus
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
          It stands in the site’s document under <code>keys</code>, as one of kind <code>read</code>. It is kept until this tab is
          closed.
        </p>
      </form>
    </main>
  );
}
