// Automatic events of clicks and forms: outbound links, downloads, form submits, and goals by attribute.
import { emit, emitAutomatic, type Properties } from "./event";
import { listen } from "./guard";
import { carried, mayCarry } from "./linking";
import { isForeign } from "./source";

const FILES = /\.(pdf|(doc|xls|ppt)x?|csv|zip|dmg|exe|mp[34])$/i;

export const startClicks = (): void => {
  listen("click", onClick);
  listen("auxclick", onClick);
  listen("submit", ({ target }) => {
    if (target.dataset.goal) emitGoal(target);
    // Attributes, because a field named "id" would replace the property of the form.
    else emitAutomatic("form_submit", { id: target.getAttribute("id"), action: target.getAttribute("action") });
  });
};

const onClick = ({ target, button }: { target: Element; button: number }): void => {
  if (button > 1) return;
  const goal = target.closest("[data-goal]:not(form)");
  if (goal) emitGoal(goal);
  const link = target.closest<HTMLAnchorElement>("a[href]");
  if (!link) return;
  if (FILES.test(link.pathname)) emitAutomatic("file_download", { url: link.href });
  else if (isForeign(link.host)) emitAutomatic("outbound_link", { url: link.href });
  if (mayCarry(link.host)) link.search += carried();
};

/** `data-goal="signup" data-goal-plan="pro"` is the event signup with the property plan. */
const emitGoal = (element: Element): void => {
  const { dataset } = element as HTMLElement;
  const properties: Properties = {};
  for (const name in dataset) if (/^goal./.test(name)) properties[name.slice(4).toLowerCase()] = dataset[name];
  emit(dataset.goal as string, properties);
};
