// The dialog that defines a funnel. Its steps are pages, events or goals.
import { useState } from "preact/hooks";
import { useScreen } from "./use_api";
import { t } from "./texts";
import { Dialog, Icon } from "./ui";

/** A step as in a site's document: `{"page": "/cart"}`. */
export type Step = Readonly<Partial<Record<Kind, string>>>;
type Kind = "page" | "event" | "goal";

/** The steps in an address; empty if they cannot be read. */
export function stepsIn(text: string | undefined): readonly Step[] {
  try {
    const read: unknown = JSON.parse(text || "[]");
    return Array.isArray(read) ? read : [];
  } catch {
    return [];
  }
}

const KINDS: Readonly<Record<Kind, string>> = t.funnel.kinds;
const LEAST = 2;
const MOST = 10;

export function FunnelMaker(props: { steps: readonly Step[]; onMade(steps: readonly Step[]): void; onClose(): void }) {
  const { site } = useScreen();
  const [steps, setSteps] = useState<readonly Step[]>(props.steps.length ? props.steps : [{ page: "/" }, { page: "" }]);
  const change = (at: number, step: Step) => setSteps(steps.map((other, index) => (index === at ? step : other)));
  const submit = (event: Event) => {
    event.preventDefault();
    props.onMade(steps);
  };
  const kinds = (Object.keys(KINDS) as Kind[]).filter((kind) => kind !== "goal" || site.goals.length);
  return (
    <Dialog title={t.funnel.make} testid="funnel-maker" onClose={props.onClose}>
      <form class="form" onSubmit={submit}>
        <ol class="maker">
          {steps.map((step, index) => {
            const kind = kinds.find((one) => one in step) ?? "page";
            return (
              <li key={index}>
                <select
                  class="control"
                  autofocus={index === 0}
                  aria-label={t.funnel.kindOf(index + 1)}
                  value={kind}
                  onChange={(event) => change(index, { [event.currentTarget.value]: "" })}
                >
                  {kinds.map((one) => (
                    <option key={one} value={one}>
                      {KINDS[one]}
                    </option>
                  ))}
                </select>
                <input
                  class="control"
                  required
                  aria-label={t.funnel.step(index + 1)}
                  placeholder={kind === "page" ? t.funnel.pageHint : ""}
                  list={kind === "goal" ? "goals" : undefined}
                  value={step[kind] ?? ""}
                  onInput={(event) => change(index, { [kind]: event.currentTarget.value })}
                />
                <button
                  type="button"
                  class="quiet"
                  aria-label={t.funnel.removeStep(index + 1)}
                  disabled={steps.length <= LEAST}
                  onClick={() => setSteps(steps.filter((_, at) => at !== index))}
                >
                  <Icon name="close" />
                </button>
              </li>
            );
          })}
        </ol>
        <datalist id="goals">
          {site.goals.map(({ name }) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <button
          type="button"
          class="control"
          disabled={steps.length >= MOST}
          onClick={() => setSteps([...steps, { page: "" }])}
        >
          {t.funnel.addStep}
        </button>
        <button type="submit" class="primary">
          {t.funnel.show}
        </button>
      </form>
    </Dialog>
  );
}
