import { checkKeys } from '../../config/check-keys.ts';
import { optional } from '../../config/decode-setting.ts';
import { asList, asOneOf, asText, type Field, member, ShapeError } from '../../domain/shape.ts';
import type { Channel, NotifyTarget, Occasion } from '../model/service-config.ts';
import { decodeCommand, decodePath } from './decode-setting.ts';

const OCCASIONS: readonly Occasion[] = ['failed', 'late', 'recovered', 'damaged', 'disk', 'config'];
const TYPES = ['webhook', 'ntfy', 'gotify', 'slack', 'command', 'sendmail', 'ping'] as const;
const ADDRESS = /^[^\s@<>,;"]+@[^\s@<>,;"]+$/;

/** Checks the targets of notifications. @throws ShapeError */
export function decodeNotify(section: Field): readonly NotifyTarget[] {
  if (section.value === undefined || section.value === null) return [];
  return asList(section, 'a list of targets').map((target, index) => {
    const type = asOneOf(member(target, 'type'), TYPES);
    const name = member(target, 'name');
    return {
      name: name.value === undefined ? `${type}-${index + 1}` : asText(name, 'a name', /^[\w.-]{1,64}$/),
      when: decodeWhen(member(target, 'when')),
      channel: decodeChannel(type, target),
    };
  });
}

function decodeWhen(when: Field): readonly Occasion[] {
  if (when.value === undefined) return OCCASIONS;
  return asList(when, `a list of ${OCCASIONS.join(', ')}`).map((one) => asOneOf(one, OCCASIONS));
}

function decodeChannel(type: (typeof TYPES)[number], target: Field): Channel {
  switch (type) {
    case 'command':
      checkKeys(target, ['name', 'when', 'type', 'command']);
      return { type, command: decodeCommand(member(target, 'command')) };
    case 'sendmail':
      checkKeys(target, ['name', 'when', 'type', 'to', 'from', 'program']);
      return {
        type,
        to: asText(member(target, 'to'), 'an address', ADDRESS),
        ...optional('from', member(target, 'from'), (field) => asText(field, 'an address', ADDRESS)),
        ...optional('program', member(target, 'program'), decodePath),
      };
    case 'ping':
      checkKeys(target, ['name', 'when', 'type', 'url']);
      return { type, url: decodeUrl(member(target, 'url')) };
    default:
      checkKeys(target, ['name', 'when', 'type', 'url', 'secret']);
      return {
        type,
        url: decodeUrl(member(target, 'url')),
        ...optional('secret', member(target, 'secret'), (field) => asText(field, 'a text', /./)),
      };
  }
}

function decodeUrl(field: Field): string {
  const expected = 'a URL that begins with https:// or http://';
  const url = asText(field, expected, /^https?:\/\//);
  if (!URL.canParse(url)) throw new ShapeError(field, expected);
  return url;
}
