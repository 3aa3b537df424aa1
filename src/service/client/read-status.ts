import { readFileSync } from 'node:fs';
import { backyError } from '../../errors.ts';
import { fromNodeError, isNodeError } from '../../io-error.ts';
import { statusFileIn } from '../config/status-file-in.ts';
import type { ServiceStatus } from '../model/service-status.ts';
import { parseStatusFile } from '../state/status-file.ts';

/**
 * Reads the status that the service of a configuration has written last.
 *
 * @param path of the configuration
 * @throws BACKY_SERVICE_ABSENT, BACKY_CONFIG_INVALID, BACKY_IO
 */
export function readServiceStatus(path: string): ServiceStatus {
  const statusFile = statusFileIn(path);
  const absent = (reason: string) => backyError('BACKY_SERVICE_ABSENT', { path: statusFile, reason });
  try {
    const status = parseStatusFile(readFileSync(statusFile, 'utf8'));
    if ('jobs' in status) return status;
    throw absent('its status file is one of the Python backy');
  } catch (error) {
    if (isNodeError(error, 'ENOENT')) throw absent('it has written no status file');
    if (error instanceof SyntaxError) throw absent(`its status file cannot be read: ${error.message}`);
    throw fromNodeError(error);
  }
}
