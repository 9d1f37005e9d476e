// Shows a part of the page once the window is near it, so that what nobody scrolls to is not requested.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

/** How far below the window a part is near. */
const MARGIN = "400px";

/** A card in place of its children until they are near. After that they stay. */
export function WhenNear({ width = "", children }: { width?: string; children: ComponentChildren }) {
  const place = useRef<HTMLDivElement>(null);
  const [isNear, setNear] = useState(false);
  useEffect(() => {
    if (!place.current) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some(({ isIntersecting }) => isIntersecting) && setNear(true),
      { rootMargin: MARGIN },
    );
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  return isNear ? <>{children}</> : <div ref={place} class={`card panel later ${width}`} data-testid="later" />;
}
