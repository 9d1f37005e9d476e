// What visitors do on a page without a line of code: outbound links, downloads, forms, and goals by attribute.
import { emit, type Properties, tell } from "./event";
import { listen } from "./guard";
import { decorate } from "./linking";

const FILES = /\.(pdf|docx?|xlsx?|pptx?|csv|zip|dmg|exe|mp[34])$/i;

export function startClicks(): void {
  listen("click", clicked);
  listen("auxclick", clicked);
  listen("submit", ({ target }) => {
    if (target.matches("[data-goal]")) reached(target);
    // Attributes, for a field named "id" would stand in the property's place.
    else tell("form_submit", { id: target.getAttribute("id"), action: target.getAttribute("action") });
  });
}

function clicked({ target, button }: MouseEvent): void {
  if (button > 1) return;
  const element = target as Element;
  const goal = element.closest("[data-goal]:not(form)");
  if (goal) reached(goal);
  const link = element.closest<HTMLAnchorElement>("a[href]");
  if (!link) return;
  const url = link.href;
  decorate(link);
  if (FILES.test(link.pathname)) tell("file_download", { url });
  else if (link.host && link.host != location.host) tell("outbound_link", { url });
}

/** `data-goal="signup" data-goal-plan="pro"` is the event signup with the property plan. */
function reached(element: Element): void {
  const { goal, ...rest } = (element as HTMLElement).dataset;
  const properties: Properties = {};
  for (const name in rest) if (/^goal/.test(name)) properties[name.slice(4).toLowerCase()] = rest[name];
  emit(goal as string, properties);
}
