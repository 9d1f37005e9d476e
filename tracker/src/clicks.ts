// What visitors do on a page without a line of code: outbound links, downloads, forms, and goals by attribute.
import { emit, type Properties, tell } from "./event";
import { listen } from "./guard";
import { decorate } from "./linking";
import { isForeign } from "./source";

const FILES = /\.(pdf|docx?|xlsx?|pptx?|csv|zip|dmg|exe|mp[34])$/i;

export function startClicks(): void {
  listen("click", clicked);
  listen("auxclick", clicked);
  listen("submit", ({ target }) => {
    if (target.dataset.goal) reached(target);
    // Attributes, for a field named "id" would stand in the property's place.
    else tell("form_submit", { id: target.getAttribute("id"), action: target.getAttribute("action") });
  });
}

function clicked({ target, button }: { target: Element; button: number }): void {
  if (button > 1) return;
  const goal = target.closest("[data-goal]:not(form)");
  if (goal) reached(goal);
  const link = target.closest<HTMLAnchorElement>("a[href]");
  if (!link) return;
  const url = link.href;
  decorate(link);
  if (FILES.test(link.pathname)) tell("file_download", { url });
  else if (isForeign(link.host)) tell("outbound_link", { url });
}

/** `data-goal="signup" data-goal-plan="pro"` is the event signup with the property plan. */
function reached(element: Element): void {
  const { dataset } = element as HTMLElement;
  const properties: Properties = {};
  for (const name in dataset) if (/^goal./.test(name)) properties[name.slice(4).toLowerCase()] = dataset[name];
  emit(dataset.goal as string, properties);
}
