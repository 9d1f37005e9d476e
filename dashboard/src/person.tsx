// One person: who that is and since when, what is known, the scores, and all visits. Edits are previewed first.
import { useEffect, useState } from "preact/hooks";
import type { EditKind, Report } from "./api";
import { FieldValue, fieldLabel, parsed, plainText } from "./field_value";
import { Filled } from "./filled";
import { formatNumber, localText } from "./format";
import { type Draft, EditDialog, EditLog } from "./identity_edits";
import { Moment } from "./moment";
import { dayAfter } from "./periods";
import { PersonVisits } from "./person_visits";
import { Records } from "./records";
import { t } from "./texts";
import { ExportLinks, PanelState } from "./ui";
import { type Result, useReport, useScreen } from "./use_api";
import { PERSON } from "./view";
import { VisitDialog } from "./visit";

/** An event behind a field or an id, whose visit is shown, and when it was, if that is known. */
interface Behind {
  readonly event: string;
  readonly at: string | null;
}

export function PersonPage({ person }: { person: string }) {
  const { view, site, choose, go, setCompleteUntil } = useScreen();
  const [draft, setDraft] = useState<Draft | null>(null);
  const [showsLog, setShowsLog] = useState(false);
  const [behind, setBehind] = useState<Behind | null>(null);
  const parameters = { site_id: view.site, person };
  const fields = useReport("person", parameters);
  const ids = useReport("person_ids", parameters);
  const scores = useReport("person_scores", parameters);
  useEffect(() => {
    if (fields.answer) setCompleteUntil(fields.answer.meta.complete_until);
  }, [fields.answer]);
  const open = (other: string) => choose(PERSON, other);
  const search = () => go({ choices: { ...view.choices, [PERSON]: "", search: person, everybody: "yes" } });
  const records = fields.answer && new Records(fields.answer);
  const row = records?.rows.find((one) => records.text(one, "field") === "label" && !records.is(one, "is_trait"));
  const label = row && parsed(records!.text(row, "value"));
  const day = behind?.at && localText(behind.at, site.time_zone).slice(0, 10);
  return (
    <>
      <section class="card report person-head" aria-label={person} aria-busy={fields.loading} data-testid="person">
        <header>
          <div>
            <button type="button" class="quiet back" onClick={() => open("")}>
              ← {t.people.back}
            </button>
            <h2>{label ? plainText(label) : person}</h2>
            {label ? <p>{person}</p> : null}
          </div>
          <span class="space" />
          <button type="button" class="control" onClick={() => setDraft({ kind: "merge", ids: [person] })}>
            {t.edits.edit}
          </button>
          <button type="button" class="quiet" onClick={() => setShowsLog(true)}>
            {t.edits.log}
          </button>
        </header>
        {fields.current && !fields.answer?.rows.length && (
          <p class="notice">
            {t.people.nobody}{" "}
            <button type="button" class="quiet" onClick={search}>
              {t.people.searchId}
            </button>
          </p>
        )}
      </section>
      <div class="person-parts">
        <section class="card report" aria-label={t.people.sections.fields} aria-busy={fields.loading} data-testid="person-fields">
          <header>
            <h2>{t.people.sections.known}</h2>
            <span class="space" />
            <ExportLinks title={t.people.sections.known} report="person" parameters={parameters} isAnswered={fields.answer !== null} />
          </header>
          <Fields result={fields} onEvent={setBehind} />
        </section>
        <div>
          <section class="card report" aria-label={t.people.sections.scores} aria-busy={scores.loading} data-testid="person-scores">
            <header>
              <h2>{t.people.sections.scores}</h2>
              <span class="space" />
              <ExportLinks title={t.people.sections.scores} report="person_scores" parameters={parameters} isAnswered={scores.answer !== null} />
            </header>
            <Scores result={scores} />
          </section>
          <section class="card report" aria-label={t.people.sections.ids} aria-busy={ids.loading} data-testid="person-ids">
            <header>
              <h2>{t.people.sections.ids}</h2>
              <span class="space" />
              <ExportLinks title={t.people.sections.ids} report="person_ids" parameters={parameters} isAnswered={ids.answer !== null} />
            </header>
            <Ids result={ids} onEvent={setBehind} onEdit={(kind, id) => setDraft({ kind, ids: [id] })} />
          </section>
        </div>
      </div>
      <PersonVisits person={person} />
      {draft && <EditDialog draft={draft} onPerson={open} onClose={() => setDraft(null)} />}
      {showsLog && <EditLog onClose={() => setShowsLog(false)} />}
      {behind && <VisitDialog visit={behind.event} period={day ? `${day},${dayAfter(day)}` : "all"} onClose={() => setBehind(null)} />}
    </>
  );
}

/** Traits first, then the fields of `profiles` that have a value. */
function Fields({ result, onEvent }: { result: Result<Report>; onEvent(behind: Behind): void }) {
  if (!result.answer?.rows.length) return <PanelState result={result} empty={t.people.nothing} />;
  const records = new Records(result.answer);
  const known = records.rows.filter((row) => !["null", "{}"].includes(records.text(row, "value")));
  const groups = [true, false].map((isTrait) => known.filter((row) => records.is(row, "is_trait") === isTrait));
  return (
    <table class="plain fields">
      <thead>
        <tr>
          <th scope="col">{t.people.field}</th>
          <th scope="col">{t.people.value}</th>
          <th scope="col">{t.people.since}</th>
        </tr>
      </thead>
      {groups.map((rows, at) => (
        <tbody key={at}>
          {rows.length > 0 && (
            <tr class="group">
              <th colSpan={3} scope="rowgroup">
                {at ? t.people.sections.fields : t.people.sections.traits}
              </th>
            </tr>
          )}
          {rows.map((row) => {
            const [field, since, event] = ["field", "since", "event_id"].map((name) => records.text(row, name)) as [string, string, string];
            const value = parsed(records.text(row, "value"));
            return (
              <tr key={field} data-testid="row" data-value={field}>
                <th scope="row">{at ? fieldLabel(field) : field}</th>
                <td>{at ? <FieldValue name={field} value={value} /> : plainText(value)}</td>
                <td>
                  {/* A moment is its own date. */}
                  {since && field !== "first_seen_at" && field !== "last_seen_at" && <Since moment={since} event={event} of={field} onEvent={onEvent} />}
                </td>
              </tr>
            );
          })}
        </tbody>
      ))}
    </table>
  );
}

/** A moment, and a button for the event behind it if there is one. */
function Since({ moment, event, of, onEvent }: { moment: string; event: string; of: string; onEvent(behind: Behind): void }) {
  if (!event) return <Moment text={moment} />;
  return (
    <button type="button" class="quiet" title={t.people.eventOf(of)} onClick={() => onEvent({ event, at: moment })}>
      <Moment text={moment} />
    </button>
  );
}

function Scores({ result }: { result: Result<Report> }) {
  if (!result.answer?.rows.length) return <PanelState result={result} empty={t.people.noScores} />;
  const records = new Records(result.answer);
  const texts: Readonly<Record<string, { readonly name: string; readonly meaning: string }>> = t.people.scores;
  return (
    <dl class="scores">
      {records.rows.map((row) => {
        const score = records.text(row, "score");
        const value = records.number(row, "value");
        const text = texts[score] ?? { name: score, meaning: records.text(row, "meaning") };
        return (
          <div key={score} data-testid="row" data-value={score} title={text.meaning}>
            <dt>
              {text.name} <span class="hint">{text.meaning}</span>
            </dt>
            <dd>
              <span class="track" aria-hidden="true">
                <span class="bar" style={{ width: `${value ?? 0}%` }} />
              </span>
              <data value={String(value ?? "")}>{formatNumber(value, "count")}</data>
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

/** The ids, from when to when each is the person's, and why. */
function Ids(props: { result: Result<Report>; onEvent(behind: Behind): void; onEdit(kind: EditKind, id: string): void }) {
  const { result, onEvent, onEdit } = props;
  if (!result.answer?.rows.length) return <PanelState result={result} empty={t.people.nothing} />;
  const records = new Records(result.answer);
  const rules: Readonly<Record<string, string>> = t.people.rules;
  const kinds: Readonly<Record<string, string>> = t.people.kinds;
  return (
    <ul class="ids">
      {records.rows.map((row, at) => {
        const text = (name: string): string => records.text(row, name);
        const [id, from, to, first] = [text("id"), text("valid_from"), text("valid_to"), text("first_seen_at")];
        const of = from && to ? t.people.fromTo : from ? t.people.from : to ? t.people.to : t.people.always;
        return (
          <li key={at} data-testid="row" data-value={id}>
            <p>
              <span class="hint">{kinds[text("kind")] ?? text("kind")}</span> <strong class="whole">{id}</strong>
            </p>
            <p>
              <Filled text={of} parts={{ from: <Moment text={from} />, to: <Moment text={to} /> }} />
              {": "}
              {rules[text("rule")] ?? text("why")}
            </p>
            {first && (
              <p class="hint">
                <Filled
                  text={t.people.seen}
                  parts={{ first: <Moment text={first} />, last: <Moment text={text("last_seen_at")} />, acts: formatNumber(records.number(row, "acts"), "count") }}
                />
              </p>
            )}
            <p class="buttons">
              {text("event_id") && (
                <button type="button" class="quiet" aria-label={t.people.eventOf(id)} onClick={() => onEvent({ event: text("event_id"), at: from || null })}>
                  {t.people.event}
                </button>
              )}
              {(["split", "block"] as const).map((kind) => (
                <button type="button" class="quiet" key={kind} aria-label={t.jobs.does(t.edits.kinds[kind].name, id)} onClick={() => onEdit(kind, id)}>
                  {t.edits.kinds[kind].name}
                </button>
              ))}
            </p>
          </li>
        );
      })}
    </ul>
  );
}
