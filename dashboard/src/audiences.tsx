// The audiences of the site: how many members each has, who they are, and why a person is one or is not.
import { useEffect, useState } from "preact/hooks";
import type { Audience, Report } from "./api";
import { inWords } from "./audience_words";
import { Filled } from "./filled";
import { Moment } from "./moment";
import { metricOf } from "./metrics";
import { Pages } from "./pages";
import { RecordTable } from "./record_table";
import { Records } from "./records";
import { t } from "./texts";
import { Dialog, ExportLinks, PanelState, Value } from "./ui";
import { type Result, useReport, useScreen } from "./use_api";
import { choicesOfPerson } from "./view";

const ROWS = 50;
/** The choice of the address that names an audience. */
const CHOICE = "audience";
const MEMBERS = metricOf("visitors");

export function AudiencesPage() {
  const { view, site, setCompleteUntil } = useScreen();
  const result = useReport("audiences", { site_id: view.site });
  useEffect(() => {
    if (result.answer) setCompleteUntil(result.answer.meta.complete_until);
  }, [result.answer]);
  const chosen = site.audiences?.find(({ slug }) => slug === view.choices[CHOICE]);
  return chosen ? <AudiencePage key={chosen.slug} audience={chosen} sizes={result} /> : <AudienceList result={result} />;
}

function AudienceList({ result }: { result: Result<Report> }) {
  const { view, site, choose } = useScreen();
  const records = result.answer && new Records(result.answer);
  return (
    <section class="card report" aria-label={t.pages.audiences} aria-busy={result.loading} data-testid="report-audiences">
      <header>
        <div>
          <h2>{t.pages.audiences}</h2>
          <p>{t.explanations.audiences}</p>
        </div>
        <span class="space" />
        <ExportLinks title={t.pages.audiences} report="audiences" parameters={{ site_id: view.site }} isAnswered={records !== null} />
      </header>
      {records?.rows.length ? (
        <RecordTable label={t.reports.rows}>
          <thead>
            <tr>
              <th scope="col">{t.audiences.name}</th>
              <th scope="col" class="number">
                {t.audiences.members}
              </th>
              <th scope="col">{t.audiences.definition}</th>
              <th scope="col" title={t.audiences.changesHint}>
                {t.audiences.changesAt}
              </th>
            </tr>
          </thead>
          <tbody>
            {records.rows.map((row) => {
              const slug = records.text(row, "audience");
              const audience = site.audiences?.find((one) => one.slug === slug);
              return (
                <tr key={slug} data-testid="row" data-value={slug}>
                  <td>
                    <button type="button" class="quiet" onClick={() => choose(CHOICE, slug)}>
                      {records.text(row, "name")}
                    </button>
                  </td>
                  <td class="number">
                    <Value value={records.number(row, "people")} metric={MEMBERS} />
                  </td>
                  <td class="long">{audience && inWords(audience)}</td>
                  <td>
                    <Moment text={records.text(row, "changes_at")} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </RecordTable>
      ) : (
        <PanelState result={result} empty={t.audiences.none} />
      )}
    </section>
  );
}

function AudiencePage({ audience, sizes }: { audience: Audience; sizes: Result<Report> }) {
  const { view, choose, go } = useScreen();
  const [offset, setOffset] = useState(0);
  const [asked, setAsked] = useState<string | null>(null);
  const parameters = { site_id: view.site, audience: audience.slug };
  const result = useReport("audience_members", { ...parameters, limit: String(ROWS + 1), offset: String(offset) });
  const records = result.answer && new Records(result.answer);
  const ofAll = sizes.answer && new Records(sizes.answer);
  const size = ofAll?.rows.find((row) => ofAll.text(row, "audience") === audience.slug);
  const personOf = (person: string) => go({ page: "people", choices: choicesOfPerson(view.choices, person) });
  const visitsOf = (person: string) => go({ page: "visits", period: "all", filters: [["is", "person:id", [person]]] });
  return (
    <section class="card report" aria-label={audience.name} aria-busy={result.loading} data-testid="audience">
      <header>
        <div>
          <button type="button" class="quiet back" onClick={() => choose(CHOICE, "")}>
            ← {t.audiences.back}
          </button>
          <h2>{audience.name}</h2>
          <p data-testid="definition">{inWords(audience)}</p>
        </div>
        <span class="space" />
        <ExportLinks title={audience.name} report="audience_members" parameters={parameters} isAnswered={records !== null} />
      </header>
      {size && ofAll && (
        <dl class="facts">
          <div>
            <dt>{t.audiences.members}</dt>
            <dd data-testid="size">
              <Value value={ofAll.number(size, "people")} metric={MEMBERS} />
            </dd>
          </div>
          <div>
            <dt title={t.audiences.changesHint}>{t.audiences.changesAt}</dt>
            <dd>
              <Moment text={ofAll.text(size, "changes_at")} />
            </dd>
          </div>
        </dl>
      )}
      {records?.rows.length ? (
        <RecordTable label={t.audiences.members}>
          <thead>
            <tr>
              <th scope="col">{t.audiences.person}</th>
              <th scope="col">{t.audiences.known}</th>
              <th scope="col" title={t.audiences.leavesHint}>
                {t.audiences.leavesAt}
              </th>
              <th scope="col">
                <span class="unseen">{t.audiences.why}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {records.rows.slice(0, ROWS).map((row) => {
              const person = records.text(row, "person");
              return (
                <tr key={person} data-testid="row" data-value={person}>
                  <td class="person">
                    <button type="button" class="name" onClick={() => personOf(person)}>
                      {person}
                    </button>
                  </td>
                  <td>{records.text(row, "is_known") === "true" ? t.units.yes : t.units.no}</td>
                  <td>
                    <Moment text={records.text(row, "changes_at")} />
                  </td>
                  <td class="buttons">
                    <button type="button" class="quiet" aria-label={t.audiences.whyOf(person)} onClick={() => setAsked(person)}>
                      {t.audiences.why}
                    </button>
                    <button type="button" class="quiet" aria-label={t.audiences.visitsOf(person)} onClick={() => visitsOf(person)}>
                      {t.audiences.visits}
                    </button>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </RecordTable>
      ) : (
        <PanelState result={result} empty={t.audiences.noMembers} />
      )}
      <Pages offset={offset} size={ROWS} isLast={(records?.rows.length ?? 0) <= ROWS} onMove={setOffset} />
      <PersonForm onAsked={setAsked} />
      {asked !== null && <WhyDialog parameters={{ ...parameters, person: asked }} onClose={() => setAsked(null)} />}
    </section>
  );
}

/** Asks about a person who may be no member. */
function PersonForm({ onAsked }: { onAsked(person: string): void }) {
  const [person, setPerson] = useState("");
  const submit = (event: Event) => {
    event.preventDefault();
    onAsked(person);
  };
  return (
    <form class="inline" onSubmit={submit}>
      <label class="field">
        <span>{t.audiences.whyNot}</span>
        <input
          required
          autocomplete="off"
          placeholder={t.audiences.person}
          value={person}
          onInput={(event) => setPerson(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="control">
        {t.audiences.check}
      </button>
    </form>
  );
}

/** The first row is about the audience, each other one about a condition. */
function WhyDialog({ parameters, onClose }: { parameters: Record<"site_id" | "audience" | "person", string>; onClose(): void }) {
  const result = useReport("audience_why", parameters);
  const records = result.answer && new Records(result.answer);
  const [member, ...conditions] = records?.rows ?? [];
  const holds = (row: readonly unknown[]): boolean => records!.text(row, "holds") === "true";
  return (
    <Dialog title={t.audiences.whyOf(parameters.person)} testid="why" onClose={onClose}>
      {records && member ? (
        <>
          <p>
            <Filled text={holds(member) ? t.audiences.isMember : t.audiences.isNoMember} parts={{ person: <strong>{parameters.person}</strong> }} />
          </p>
          <ul class="checks">
            {conditions.map((row) => (
              <li key={records.text(row, "condition")} data-testid="condition" data-holds={holds(row)}>
                <span class="state">{holds(row) ? t.audiences.holds : t.audiences.holdsNot}</span>
                <span>
                  {records.text(row, "condition")}{" "}
                  {records.text(row, "changes_at") && (
                    <span class="hint">
                      <Filled text={t.audiences.until} parts={{ moment: <Moment text={records.text(row, "changes_at")} /> }} />
                    </span>
                  )}
                </span>
              </li>
            ))}
          </ul>
        </>
      ) : (
        <PanelState result={result} />
      )}
    </Dialog>
  );
}
