// The keys, and how a click is read.
import { KEYS } from "./keys";
import { Dialog } from "./parts";

export function Help({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Keys" testid="help-dialog" onClose={onClose}>
      <dl class="keys">
        {KEYS.map(([key, label]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
      <p>
        A click on a value looks at it alone; with <kbd>Shift</kbd>, at all others. Drag over the chart, or click a point of it,
        to look at that time. With the chart in focus, the arrow keys read it point by point.
      </p>
    </Dialog>
  );
}
