// A card that shows one report.
import type { ComponentChildren } from "preact";
import type { Asked } from "./asking";
import type { Report } from "./api";
import { Sources, Unanswered } from "./parts";
import { Records } from "./records";

export function ReportPanel(props: {
  title: string;
  report: string;
  parameters: Record<string, string>;
  asked: Asked<Report>;
  width: "across" | "wider" | "narrower";
  /** What the report is asked by, chosen here. */
  controls?: ComponentChildren;
  /** Whether rows mean nothing beside other choices than those they were asked by. */
  hidesOld?: boolean;
  children: (records: Records) => ComponentChildren;
}) {
  const { title, report, asked } = props;
  const { answer, problem } = asked;
  const isShown = answer?.rows.length && !problem && (asked.current || !props.hidesOld);
  return (
    <section
      class={`card panel ${props.width}`}
      aria-label={title}
      aria-busy={asked.loading}
      data-testid={`panel-${report}`}
    >
      <header>
        <h2>{title}</h2>
        {props.controls && <span class="space" />}
        {props.controls}
      </header>
      <div class="rows">{isShown ? props.children(new Records(answer)) : <Unanswered asked={asked} />}</div>
      <footer>
        <span class="space" />
        <Sources title={title} report={report} parameters={props.parameters} meta={answer?.meta} />
      </footer>
    </section>
  );
}

/** One of a few, by its id. */
export function Choice(props: {
  label: string;
  chosen: string;
  of: readonly (readonly [id: string, text: string])[];
  onChoose: (id: string) => void;
}) {
  return (
    <label>
      <span class="unseen">{props.label}</span>
      <select class="control" value={props.chosen} onChange={(event) => props.onChoose(event.currentTarget.value)}>
        {props.of.map(([id, text]) => (
          <option key={id} value={id}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}
