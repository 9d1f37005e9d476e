// A card that shows one report.
import type { ComponentChildren } from "preact";
import type { Result } from "./use_api";
import type { Report } from "./api";
import { ExportLinks, PanelState } from "./ui";
import { Records } from "./records";

export function ReportPanel(props: {
  title: string;
  report: string;
  parameters: Record<string, string>;
  result: Result<Report>;
  width: "across" | "wider" | "narrower";
  /** Choices of the report's parameters. */
  controls?: ComponentChildren;
  /** Whether to hide the answer to other parameters while the next one loads. */
  hidesOld?: boolean;
  children: (records: Records) => ComponentChildren;
}) {
  const { title, report, result } = props;
  const { answer } = result;
  const isShown = answer?.rows.length && (result.current || !props.hidesOld);
  return (
    <section
      class={`card panel ${props.width}`}
      aria-label={title}
      aria-busy={result.loading}
      data-testid={`panel-${report}`}
    >
      <header>
        <h2>{title}</h2>
        {props.controls && <span class="space" />}
        {props.controls}
      </header>
      <div class="rows">{isShown ? props.children(new Records(answer)) : <PanelState result={result} />}</div>
      <footer>
        <span class="space" />
        <ExportLinks title={title} report={report} parameters={props.parameters} isAnswered={answer !== null} />
      </footer>
    </section>
  );
}

/** A choice of one option, by its id. */
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
