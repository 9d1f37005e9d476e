// Edits of which ids are one person: a preview first, then the record; and the log, from which an edit is undone.
import { useEffect, useState } from "preact/hooks";
import { REFUSED } from "./admin_key";
import { type EditKind, type Edited, type LoggedEdit, Problem, type Slice } from "./api";
import { Filled } from "./filled";
import { formatNumber, sentence } from "./format";
import { Moment } from "./moment";
import { RecordTable } from "./record_table";
import { t } from "./texts";
import { Dialog } from "./ui";
import { useConnection, useScreen } from "./use_api";

const KINDS: readonly EditKind[] = ["merge", "split", "link", "unlink", "block"];

/** What an edit is about, before it is entered in full. */
export interface Draft {
  readonly kind: EditKind;
  readonly ids: readonly string[];
  readonly undoes?: number;
}

/** Sends with the admin key that was entered, which the page's memory keeps while it works. */
function useAdmin() {
  const { adminKey, setAdminKey } = useConnection();
  const [key, setKey] = useState(adminKey ?? "");
  const [problem, setProblem] = useState<string | null>(null);
  const send = async <Answer,>(request: (key: string) => Promise<Answer>): Promise<Answer | null> => {
    setProblem(null);
    try {
      const answer = await request(key.trim());
      setAdminKey(key.trim());
      return answer;
    } catch (error) {
      if (error instanceof Problem && REFUSED.includes(error.status)) setAdminKey(null);
      setProblem(sentence(error instanceof Error ? error.message : String(error)));
      return null;
    }
  };
  return { adminKey, key, setKey, problem, send };
}

function KeyField({ value, onKey }: { value: string; onKey(key: string): void }) {
  return (
    <>
      <label class="field">
        <span>{t.key.admin}</span>
        <input type="password" required autocomplete="off" aria-describedby="edit-hint" value={value} onInput={(event) => onKey(event.currentTarget.value)} />
      </label>
      <p class="hint" id="edit-hint">
        <Filled text={t.key.adminHint} parts={{ kind: <code>admin</code> }} />
      </p>
    </>
  );
}

export function EditDialog({ draft, onPerson, onClose }: { draft: Draft; onPerson(person: string): void; onClose(): void }) {
  const { site, announce } = useScreen();
  const { api, refresh } = useConnection();
  const { key, setKey, problem, send } = useAdmin();
  const [kind, setKind] = useState(draft.kind);
  const [ids, setIds] = useState(draft.ids.join("\n"));
  const [at, setAt] = useState("");
  const [why, setWhy] = useState("");
  const [askedBy, setAskedBy] = useState("");
  const [answer, setAnswer] = useState<Edited | null>(null);
  // Whatever is entered anew needs another preview.
  const enter = (set: (text: string) => void) => (event: { currentTarget: { value: string } }) => {
    set(event.currentTarget.value);
    setAnswer(null);
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    const edit = {
      kind,
      ids: kind === "undo" ? [] : ids.split("\n").filter(Boolean),
      ...(kind === "link" ? { at: `${at}Z` } : {}),
      ...(draft.undoes === undefined ? {} : { undoes: draft.undoes }),
      why: why.trim(),
      asked_by: askedBy.trim(),
    };
    const isDryRun = answer === null;
    const next = await send((entered) => api.edit(site.site, edit, isDryRun, entered));
    setAnswer(next);
    if (!next || isDryRun) return;
    announce(t.edits.recorded);
    refresh();
  };
  return (
    <Dialog title={kind === "undo" ? t.edits.undoOf(String(draft.undoes)) : t.edits.title} testid="edit" wide onClose={onClose}>
      {answer && !answer.dry_run ? (
        <>
          <p role="status">{answer.applied ? t.edits.recorded : t.edits.recordedLater}</p>
          <p>
            {answer.change.people_after.map((person) => (
              <button type="button" class="quiet whole" key={person} onClick={() => (onClose(), onPerson(person))}>
                {t.edits.open(person)}
              </button>
            ))}
          </p>
        </>
      ) : (
        <form class="form" onSubmit={(event) => void submit(event)}>
          {kind !== "undo" && (
            <>
              <label class="field">
                <span>{t.edits.kind}</span>
                <select autofocus aria-describedby="kind-hint" value={kind} onChange={enter((one) => setKind(one as EditKind))}>
                  {KINDS.map((one) => (
                    <option key={one} value={one}>
                      {t.edits.kinds[one].name}
                    </option>
                  ))}
                </select>
              </label>
              <p class="hint" id="kind-hint">
                {t.edits.kinds[kind].hint}
              </p>
              <label class="field">
                <span>{t.edits.ids}</span>
                <textarea required rows={3} spellcheck={false} value={ids} onInput={enter(setIds)} />
              </label>
            </>
          )}
          {kind === "link" && (
            <label class="field">
              <span>{t.edits.at}</span>
              <input type="datetime-local" step={1} required value={at} onInput={enter(setAt)} />
            </label>
          )}
          <label class="field">
            <span>{t.edits.why}</span>
            <input required autocomplete="off" value={why} onInput={enter(setWhy)} />
          </label>
          <label class="field">
            <span>{t.edits.askedBy}</span>
            <input autocomplete="off" value={askedBy} onInput={enter(setAskedBy)} />
          </label>
          <KeyField value={key} onKey={setKey} />
          {problem && (
            <p class="problem" role="alert">
              {problem}
            </p>
          )}
          {answer && <Preview edited={answer} />}
          <button type="submit" class="primary">
            {answer ? t.edits.record : t.edits.preview}
          </button>
        </form>
      )}
    </Dialog>
  );
}

/** Each id whose person becomes another one: whose it is now, and whose it would be. */
function Preview({ edited: { change } }: { edited: Edited }) {
  const kinds: Readonly<Record<string, string>> = t.people.kinds;
  if (!change.ids.length) {
    return (
      <p role="status" data-testid="change">
        {t.edits.nothing}
      </p>
    );
  }
  return (
    <div role="status" data-testid="change">
      <p>{t.edits.changed(formatNumber(change.changed_ids, "count"))}</p>
      <RecordTable label={t.edits.preview}>
        <thead>
          <tr>
            <th scope="col">{t.edits.id}</th>
            <th scope="col">{t.edits.before}</th>
            <th scope="col">{t.edits.after}</th>
          </tr>
        </thead>
        <tbody>
          {change.ids.map(({ kind, id, before, after }) => (
            <tr key={`${kind} ${id}`} data-testid="row" data-value={id}>
              <td class="person">
                <span class="hint">{kinds[kind] ?? kind}</span> {id}
              </td>
              <Slices slices={before} />
              <Slices slices={after} />
            </tr>
          ))}
        </tbody>
      </RecordTable>
    </div>
  );
}

function Slices({ slices }: { slices: readonly Slice[] }) {
  return (
    <td class="person">
      {slices.map(({ person, from, to }) => (
        <div key={`${from}`}>
          {person}{" "}
          {(from || to) && (
            <span class="hint">
              <Filled text={from && to ? t.people.fromTo : from ? t.people.from : t.people.to} parts={{ from: <Moment text={from} />, to: <Moment text={to} /> }} />
            </span>
          )}
        </div>
      ))}
    </td>
  );
}

/** All edits of the site, the newest first. */
export function EditLog({ onClose }: { onClose(): void }) {
  const { site, choose } = useScreen();
  const { api, round } = useConnection();
  const { adminKey, key, setKey, problem, send } = useAdmin();
  const [edits, setEdits] = useState<readonly LoggedEdit[] | null>(null);
  const [draft, setDraft] = useState<Draft | null>(null);
  const load = async () => setEdits(await send((entered) => api.edits(site.site, entered)));
  useEffect(() => {
    if (adminKey !== null) void load();
  }, [round]);
  const submit = (event: Event) => {
    event.preventDefault();
    void load();
  };
  const kinds = t.edits.kinds;
  if (draft) return <EditDialog draft={draft} onPerson={(person) => choose("person", person)} onClose={() => setDraft(null)} />;
  return (
    <Dialog title={t.edits.log} testid="edit-log" wide onClose={onClose}>
      {edits === null ? (
        <form class="form" onSubmit={submit}>
          <KeyField value={key} onKey={setKey} />
          {problem && (
            <p class="problem" role="alert">
              {problem}
            </p>
          )}
          <button type="submit" class="primary">
            {t.key.goOn}
          </button>
        </form>
      ) : edits.length === 0 ? (
        <p class="notice">{t.edits.noEdits}</p>
      ) : (
        <ul class="ids">
          {edits.toReversed().map((edit) => (
            <li key={edit.number} data-testid="row" data-value={String(edit.number)}>
              <p>
                <strong>
                  {edit.number}. {edit.kind === "undo" ? t.edits.undoOf(String(edit.undoes)) : kinds[edit.kind].name}
                </strong>{" "}
                <span class="whole">{edit.ids.join(", ")}</span>
              </p>
              <p class="whole">{edit.why}</p>
              <p class="hint">
                <Moment text={edit.recorded_at} />
                {edit.asked_by && ` · ${edit.asked_by}`}
                {!edit.in_force && edit.kind !== "undo" && ` · ${t.edits.undone}`}
              </p>
              {edit.in_force && (
                <p class="buttons">
                  <button type="button" class="quiet" aria-label={t.edits.undoOf(String(edit.number))} onClick={() => setDraft({ kind: "undo", ids: [], undoes: edit.number })}>
                    {t.edits.undo}
                  </button>
                </p>
              )}
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
