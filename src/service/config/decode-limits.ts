import { checkKeys } from '../../config/check-keys.ts';
import { decodeTimeOfDay } from '../../config/decode-setting.ts';
import { asObject, asOneOf, asWholeNumber, type Field, member, ShapeError } from '../../domain/shape.ts';
import type { Window } from '../model/service-config.ts';

/** Checks the windows by name. @throws ShapeError */
export function decodeWindows(section: Field): ReadonlyMap<string, Window> {
  const windows = asObject(section, 'windows by their names');
  return new Map(Object.keys(windows).map((name) => [name, decodeWindow(member(section, name))]));
}

function decodeWindow(window: Field): Window {
  checkKeys(window, ['from', 'to', 'stop']);
  const stop = member(window, 'stop');
  return {
    fromMs: decodeTimeOfDay(member(window, 'from')),
    toMs: decodeTimeOfDay(member(window, 'to')),
    stop: stop.value === undefined ? 'finish' : asOneOf(stop, ['finish', 'cancel']),
  };
}

const PLACE = /^(ceph:[^\s/@]+|disk:\d+:\d+|lvm:[^\s/]+)$/;

/** Checks the limits by place. @throws ShapeError */
export function decodeLimits(section: Field): ReadonlyMap<string, number> {
  const limits = asObject(section, 'numbers of runs by place');
  return new Map(
    Object.keys(limits).map((place) => {
      const limit = member(section, place);
      if (!PLACE.test(place))
        throw new ShapeError(
          { ...limit, value: place },
          'a place such as ceph:POOL, lvm:VG or disk:MAJOR:MINOR',
          'key',
        );
      return [place, asWholeNumber(limit, 'a number of runs, 1 or more', 1)];
    }),
  );
}
