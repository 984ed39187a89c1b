// How long tests wait for anything, in milliseconds; `support/waiting.py` has the same in seconds.
export const TIMEOUT = 10_000;
