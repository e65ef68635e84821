/** What the page around our frame is told: how high we are, and that something happened. */
import { useEffect } from "react";
import type { Place } from "./place";

export function tell(
  place: Place,
  what: "height" | "complete" | "expired",
  more: object = {},
): void {
  if (!place.embedded || !place.parent || parent === window) return;
  parent.postMessage({ from: "bezant-checkout", what, session: place.id, ...more }, place.parent);
}

/** Keep the frame as high as what is shown in it. */
export function useFrameHeight(place: Place): void {
  useEffect(() => {
    if (!place.embedded) return undefined;
    const watcher = new ResizeObserver(() => {
      tell(place, "height", { height: document.documentElement.scrollHeight });
    });
    watcher.observe(document.body);
    return () => watcher.disconnect();
  }, [place]);
}
