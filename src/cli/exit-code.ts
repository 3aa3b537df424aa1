/** Exit codes beside those of signals. */
export const SUCCESS = 0;
export const FAILURE = 1;
