// The device's storage; where it is forbidden, memory in its place.

export let disk: Record<string, string> = {};

export function openStorage(): void {
  try {
    disk = (localStorage as unknown as Record<string, string>) || disk;
  } catch {
    // A page without storage: what it knows ends with it.
  }
}
