// The device's storage, or memory if storage is forbidden.
import { guard } from "./guard";

export let disk: Record<string, string> = {};

/** Without storage, state lasts as long as the page. */
export const openStorage = guard(() => {
  disk = (localStorage as unknown as Record<string, string>) || disk;
});
