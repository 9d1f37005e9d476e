// The people of the site: a list with search, traits, order and columns. A click on one opens that person's page.
import { useEffect, useState } from "preact/hooks";
import type { Report } from "./api";
import { FieldValue, fieldLabel, membersIn, parsed, plainText } from "./field_value";
import { EditLog } from "./identity_edits";
import { Pages } from "./pages";
import { type PeopleChoices, type PeopleColumn, ORDERS, choicesAsText, choicesIn, peopleParameters, traitColumn, traitOf } from "./people_choices";
import { PersonPage } from "./person";
import { RecordTable } from "./record_table";
import { Records } from "./records";
import { t } from "./texts";
import { ExportLinks, Icon, Menu, PanelState } from "./ui";
import { useReport, useScreen } from "./use_api";
import { PERSON, choicesOfPerson } from "./view";

const ROWS = 50;
const FIELDS = Object.keys(t.people.fields) as (keyof typeof t.people.fields)[];
/** Ordering by any other column is not offered by the API. */
const isOrder = (column: string): column is (typeof ORDERS)[number] => (ORDERS as readonly string[]).includes(column);
const columnLabel = (column: PeopleColumn): string => traitOf(column) ?? fieldLabel(column);

export function PeoplePage() {
  const { view } = useScreen();
  const person = view.choices[PERSON];
  return person ? <PersonPage key={person} person={person} /> : <PeopleList />;
}

function PeopleList() {
  const { view, go, setCompleteUntil } = useScreen();
  const [showsLog, setShowsLog] = useState(false);
  const choices = choicesIn(view.choices, FIELDS);
  const parameters = peopleParameters(view.site, choices);
  const result = useReport("people", { ...parameters, limit: String(ROWS), offset: String(choices.offset), total_rows: "1" });
  useEffect(() => {
    if (result.answer) setCompleteUntil(result.answer.meta.complete_until);
  }, [result.answer]);
  // Whatever is changed, the list begins anew, unless the change is the place in it.
  const change = (changes: Partial<PeopleChoices>) =>
    go({ choices: { ...view.choices, ...choicesAsText({ ...choices, offset: 0, ...changes }) } });
  const total = result.answer?.meta.total_rows ?? 0;
  const isNarrowed = choices.search !== "" || choices.traits.length > 0;
  return (
    <section class="card report" aria-label={t.pages.people} aria-busy={result.loading} data-testid="report-people">
      <header>
        <div>
          <h2>{t.pages.people}</h2>
          <p>{t.explanations.people}</p>
        </div>
        <span class="space" />
        <button type="button" class="quiet" onClick={() => setShowsLog(true)}>
          {t.edits.log}
        </button>
        <ExportLinks title={t.pages.people} report="people" parameters={parameters} isAnswered={result.answer !== null} />
      </header>
      <Search choices={choices} report={result.answer} onChange={change} />
      {result.answer?.rows.length ? (
        <PeopleTable report={result.answer} choices={choices} onChange={change} />
      ) : (
        <PanelState result={result} empty={isNarrowed ? t.people.noneMatches : t.people.none} />
      )}
      <Pages offset={choices.offset} size={ROWS} isLast={choices.offset + ROWS >= total} total={total} onMove={(offset) => change({ offset })} />
      {showsLog && <EditLog onClose={() => setShowsLog(false)} />}
    </section>
  );
}

interface Parts {
  choices: PeopleChoices;
  onChange(changes: Partial<PeopleChoices>): void;
}

function Search({ choices, report, onChange }: Parts & { report: Report | null }) {
  const [search, setSearch] = useState(choices.search);
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  // The address may change by itself: by the back button, or by a link to this list.
  useEffect(() => setSearch(choices.search), [choices.search]);
  const find = (event: Event) => {
    event.preventDefault();
    onChange({ search: search.trim() });
  };
  const addTrait = (event: Event) => {
    event.preventDefault();
    onChange({ traits: [...choices.traits.filter(([other]) => other !== name), [name, value]] });
    setName("");
    setValue("");
  };
  return (
    <>
      <div class="people-search">
        <form class="inline" role="search" onSubmit={find}>
          <label class="field">
            <span>{t.people.search}</span>
            <input type="search" autocomplete="off" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
          </label>
          <button type="submit" class="control">
            {t.people.find}
          </button>
        </form>
        <form class="inline" onSubmit={addTrait}>
          <label class="field short">
            <span>{t.people.trait}</span>
            <input required autocomplete="off" placeholder="plan" value={name} onInput={(event) => setName(event.currentTarget.value)} />
          </label>
          <label class="field short">
            <span>{t.people.value}</span>
            <input autocomplete="off" placeholder="pro" value={value} onInput={(event) => setValue(event.currentTarget.value)} />
          </label>
          <button type="submit" class="control">
            {t.people.addTrait}
          </button>
        </form>
      </div>
      <div class="filters people-filters">
        <label class="check">
          <input type="checkbox" checked={choices.everybody} onChange={(event) => onChange({ everybody: event.currentTarget.checked })} />
          {t.people.everybody}
        </label>
        {choices.traits.map(([trait, of]) => (
          <span class="chip" key={trait} data-testid="trait">
            {trait} <strong>{of}</strong>
            <button
              type="button"
              class="remove"
              aria-label={t.people.removeTrait(trait)}
              onClick={() => onChange({ traits: choices.traits.filter(([other]) => other !== trait) })}
            >
              <Icon name="close" />
            </button>
          </span>
        ))}
        <span class="space" />
        <ColumnMenu choices={choices} report={report} onChange={onChange} />
      </div>
    </>
  );
}

/** Which columns are shown: fields, and traits of the people on this page. */
function ColumnMenu({ choices, report, onChange }: Parts & { report: Report | null }) {
  const [isOpen, setOpen] = useState(false);
  const shown = choices.columns;
  const records = report && new Records(report);
  const traits = new Set([
    ...shown.flatMap((column) => traitOf(column) ?? []),
    ...(records?.rows.flatMap((row) => Object.keys(membersIn(records.text(row, "traits")))) ?? []),
  ]);
  const groups: readonly (readonly [title: string, columns: readonly PeopleColumn[]])[] = [
    [t.people.sections.fields, FIELDS.filter((name) => name !== "label")],
    [t.people.sections.traits, [...traits].sort().map(traitColumn)],
  ];
  const toggle = (column: PeopleColumn) => {
    const others = shown.filter((one) => one !== column);
    onChange({ columns: others.length < shown.length ? others : [...shown, column], offset: choices.offset });
  };
  return (
    <Menu name={t.people.columns} label={t.people.columns} testid="columns" isOpen={isOpen} onOpen={setOpen}>
      {() =>
        groups.map(([title, columns]) => (
          <fieldset class="group columns" key={title}>
            <legend>{title}</legend>
            {columns.map((column) => (
              <label class="check" key={column}>
                <input type="checkbox" checked={shown.includes(column)} onChange={() => toggle(column)} />
                {columnLabel(column)}
              </label>
            ))}
          </fieldset>
        ))
      }
    </Menu>
  );
}

function PeopleTable({ report, choices, onChange }: Parts & { report: Report }) {
  const { view, go } = useScreen();
  const records = new Records(report);
  const numbers = new Set(report.columns.filter(({ type }) => type === "integer").map(({ name }) => name));
  const align = (column: string): string => (numbers.has(column) || column === "revenue" ? "number" : "");
  const open = (person: string) => go({ choices: choicesOfPerson(view.choices, person) });
  return (
    <RecordTable label={t.reports.rows}>
      <thead>
        <tr>
          <th scope="col">{t.people.person}</th>
          {choices.columns.map((column) => (
            <th scope="col" key={column} class={align(column)} aria-sort={column === choices.order ? "descending" : undefined}>
              {isOrder(column) ? (
                <button type="button" class="sort" title={t.people.orderBy(columnLabel(column))} onClick={() => onChange({ order: column })}>
                  {columnLabel(column)}
                </button>
              ) : (
                columnLabel(column)
              )}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {records.rows.map((row) => {
          const person = records.text(row, "person");
          const label = records.text(row, "label");
          const traits = membersIn(records.text(row, "traits"));
          return (
            <tr key={person} data-testid="row" data-value={person}>
              <td class="person">
                <button type="button" class="name" onClick={() => open(person)}>
                  {label || person}
                </button>
                {label && <span class="hint"> {person}</span>}
                {!records.is(row, "is_known") && <span class="hint"> {t.people.anonymous}</span>}
              </td>
              {choices.columns.map((column) => (
                <td key={column} class={align(column)}>
                  <PeopleCell column={column} value={records.value(row, column)} traits={traits} />
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </RecordTable>
  );
}

function PeopleCell({ column, value, traits }: { column: PeopleColumn; value: unknown; traits: Readonly<Record<string, unknown>> }) {
  const trait = traitOf(column);
  if (trait !== null) return <span class="cut">{Object.hasOwn(traits, trait) ? plainText(traits[trait]) : ""}</span>;
  return (
    <span class="cut">
      <FieldValue name={column} value={column === "revenue" ? parsed(String(value)) : value} />
    </span>
  );
}
