// The device's storage; where it is forbidden, memory in its place.
import { guard } from "./guard";

export let disk: Record<string, string> = {};

/** A page without storage goes on: what it knows ends with it. */
export const openStorage = guard(() => {
  disk = (localStorage as unknown as Record<string, string>) || disk;
});
