// Asks for the admin key, which only this page's memory holds.
import { useState } from "preact/hooks";
import { Filled } from "./filled";
import { t } from "./texts";
import { Dialog } from "./ui";

/** Answers to a key that opens nothing here. */
export const REFUSED = [401, 403];

export function AdminKeyDialog({ onKey, onClose }: { onKey(key: string): void; onClose(): void }) {
  const [key, setKey] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    onKey(key.trim());
  };
  return (
    <Dialog title={t.key.admin} testid="admin-key" onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <label class="field">
          <span>{t.key.admin}</span>
          <input
            type="password"
            required
            autofocus
            autocomplete="off"
            aria-describedby="admin-hint"
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <p class="hint" id="admin-hint">
          <Filled text={t.key.adminHint} parts={{ kind: <code>admin</code> }} />
        </p>
        <button type="submit" class="primary">
          {t.key.goOn}
        </button>
      </form>
    </Dialog>
  );
}
