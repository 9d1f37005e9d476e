// Shows a part of the page once the window is near it, so that what nobody scrolls to is not requested.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** How far below the window a part is near, in pixels. */
const MARGIN = 400;

/** A card in place of its children until they are near. After that they stay. */
export function WhenNear({ width = "", children }: { width?: string; children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(false);
  // Before the page is painted, so that what is near at first is requested together with the parts above it.
  useLayoutEffect(() => setNear(place.current!.getBoundingClientRect().top < innerHeight + MARGIN), []);
  useEffect(() => {
    if (!place.current) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some(({ isIntersecting }) => isIntersecting) && setNear(true),
      { rootMargin: `${MARGIN}px` },
    );
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return isNear ? <>{children}</> : <div ref={place} class={`card panel later ${width}`} data-testid="later" />;
}
