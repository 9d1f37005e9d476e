// The keyboard shortcuts, and what clicks do.
import { Filled } from "./filled";
import { SHORTCUTS } from "./shortcuts";
import { t } from "./texts";
import { Dialog } from "./ui";

export function Help({ onClose }: { onClose(): void }) {
  return (
    <Dialog title={t.frame.shortcuts} testid="help-dialog" onClose={onClose}>
      <dl class="keys">
        {SHORTCUTS.map(([key, label]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
      <p>
        <Filled text={t.help.gestures} parts={{ shift: <kbd>Shift</kbd>, ctrl: <kbd>Ctrl</kbd> }} />
      </p>
    </Dialog>
  );
}
