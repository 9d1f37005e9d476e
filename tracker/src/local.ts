// Pages of the developer's own machine, which are left out unless the site asks for them.

/** Whether the page is of a loopback host, or of none, such as a file. */
export const isLocal = (): boolean => /^(|127[\d.]+|\[::1]|(.+\.)?localhost)$/.test(location.hostname);
