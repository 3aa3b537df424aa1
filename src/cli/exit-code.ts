/** Exit codes beside those of signals. */
export const SUCCESS = 0;
export const FAILURE = 1;
/** Another service holds the base directory: EX_UNAVAILABLE of sysexits(3), as the Python backy. */
export const UNAVAILABLE = 69;
