// Saves a segment, a funnel, a goal or an annotation into the site's document: first the plan, then, for the same version, the change.
import { useState } from "preact/hooks";
import { REFUSED } from "./admin_key";
import { type Defined, type Planned, Problem } from "./api";
import { Filled } from "./filled";
import { sentence, today } from "./format";
import { t } from "./texts";
import { Dialog } from "./ui";
import { useConnection, useScreen } from "./use_api";

/** `definition` lacks its name, or its text, which is entered here, as is the day of an annotation. */
export function SaveDialog(props: { kind: Defined; definition: Readonly<Record<string, unknown>>; onClose(): void }) {
  const { kind, onClose } = props;
  const isAnnotation = kind === "annotations";
  const { site, announce } = useScreen();
  const { api, adminKey, setAdminKey } = useConnection();
  const [name, setName] = useState("");
  const [day, setDay] = useState(() => today(site.time_zone));
  const [key, setKey] = useState(adminKey ?? "");
  const [planned, setPlanned] = useState<Planned | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [isSaved, setSaved] = useState(false);
  const definition = isAnnotation ? { at: day, text: name.trim() } : { name: name.trim(), ...props.definition };
  const submit = async (event: Event) => {
    event.preventDefault();
    setProblem(null);
    try {
      const answer = await api.define(site.site, kind, definition, key.trim(), planned?.version ?? null);
      setAdminKey(key.trim());
      if (planned) {
        setSaved(true);
        announce(t.saving.saved);
      } else {
        setPlanned(answer);
      }
    } catch (error) {
      if (error instanceof Problem && REFUSED.includes(error.status)) setAdminKey(null);
      setPlanned(null);
      setProblem(sentence(error instanceof Error ? error.message : String(error)));
    }
  };
  // Another name or key needs another plan.
  const enter = (set: (text: string) => void) => (event: { currentTarget: HTMLInputElement }) => {
    set(event.currentTarget.value);
    setPlanned(null);
  };
  return (
    <Dialog title={t.saving.titles[kind]} testid="save" onClose={onClose}>
      {isSaved ? (
        <p>{t.saving.saved}</p>
      ) : (
        <form class="form" onSubmit={(event) => void submit(event)}>
          {isAnnotation && (
            <label class="field">
              <span>{t.saving.day}</span>
              <input type="date" required value={day} onInput={enter(setDay)} />
            </label>
          )}
          <label class="field">
            <span>{isAnnotation ? t.saving.text : t.saving.name}</span>
            <input required autofocus autocomplete="off" value={name} onInput={enter(setName)} />
          </label>
          <div class="field">
            <span>{t.saving.entry}</span>
            <pre tabIndex={0} data-testid="entry">{`${kind}:\n- ${JSON.stringify(definition)}`}</pre>
          </div>
          <label class="field">
            <span>{t.key.admin}</span>
            <input type="password" required autocomplete="off" aria-describedby="save-hint" value={key} onInput={enter(setKey)} />
          </label>
          <p class="hint" id="save-hint">
            <Filled text={t.key.adminHint} parts={{ kind: <code>admin</code> }} />
          </p>
          {problem && (
            <p class="problem" role="alert">
              {problem}
            </p>
          )}
          {planned && (
            <div class="field" role="status" data-testid="plan">
              <span>{t.saving.plan}</span>
              {planned.changes.map(({ name: field, before, after }) => (
                <pre key={field} tabIndex={0}>{`${field}\n- ${before ?? ""}\n+ ${after ?? ""}`}</pre>
              ))}
            </div>
          )}
          <button type="submit" class="primary">
            {planned ? t.saving.save : t.saving.showPlan}
          </button>
        </form>
      )}
    </Dialog>
  );
}
