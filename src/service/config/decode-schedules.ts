import {
  decodeKeep,
  decodeLegacyKeep,
  decodeSchedule,
  decodeTag,
  keepTag,
} from '../../config/decode-schedule.ts';
import type { Schedule } from '../../domain/schedule.ts';
import { asObject, type Field, member } from '../../domain/shape.ts';

/** Checks the schedules by name. `keep: 0` keeps all, as in the Python backy. @throws ShapeError */
export function decodeSchedules(section: Field): ReadonlyMap<string, Schedule> {
  const schedules = asObject(section, 'schedules by their names');
  const style = { decodeTag: keepTag, decodeKeep: decodeLegacyKeep };
  return new Map(Object.keys(schedules).map((name) => [name, decodeSchedule(member(section, name), style)]));
}

/** Checks a schedule of a job's own, which is new. @throws ShapeError */
export function decodeOwnSchedule(schedule: Field): Schedule {
  return decodeSchedule(schedule, { decodeTag, decodeKeep });
}
