/** Exit codes beside those of signals. */
export const SUCCESS = 0;
export const FAILURE = 1;
/** Another service holds the base directory: EX_UNAVAILABLE of sysexits(3), as the Python backy. */
export const UNAVAILABLE = 69;
/** `check` could not judge anything. Its exit codes are those of Nagios plugins, where 1 is a warning. */
export const UNKNOWN = 3;
