import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parseRecord } from '../../../src/repository/record.ts';
import { formatRecord, wrongChecksum } from '../../../src/repository/sealed-record.ts';
import { makeRecord } from '../records.ts';

const record = makeRecord({ source: { type: 'file', filename: '/srv/Prüfung.img' } });
const text = formatRecord(record);

function isWrong(changed: string): boolean {
  return wrongChecksum(Buffer.from(changed)) !== undefined;
}

describe('formatRecord', () => {
  it('ends with a checksum that anybody can check', () => {
    const [, checksum] = /\n {2}"checksum": "sha256-([0-9a-f]{64})"\n\}\n$/.exec(text) ?? [];
    const facts = execFileSync('head', ['-n', '-2'], { input: text });
    expect(execFileSync('sha256sum', { input: facts, encoding: 'utf8' })).toBe(`${checksum}  -\n`);
  });

  it('is removed on reading, because each write computes it again', () => {
    expect(parseRecord(text, record.uuid)).toEqual(record);
    expect(formatRecord(parseRecord(text, record.uuid))).toBe(text);
  });

  it('rejects a record that would be too large to read', () => {
    const withNote = (length: number) => ({ ...record, note: 'é'.repeat(length / 2) });
    const room = 2 ** 20 - Buffer.byteLength(formatRecord(withNote(0)));
    expect(Buffer.byteLength(formatRecord(withNote(room - 1)))).toBeLessThanOrEqual(2 ** 20);
    expect(() => formatRecord(withNote(room + 2))).toThrow(/01.* would exceed the limit of 1 MiB/);
  });

  it('rejects a record that could not be read for another reason', () => {
    const until = new Date(8.64e15).toISOString();
    const held = { ...record, hold: { reason: 'for ever', since: record.timestamp, until } };
    expect(() => formatRecord(held)).toThrow(/could not be read: hold/);
    const uncountable = { ...record, stats: { ...record.stats, sampleRun: 2 ** 53 } };
    expect(() => formatRecord(uncountable)).toThrow(/could not be read: stats/);
  });
});

describe('wrongChecksum', () => {
  it('accepts an intact record, and one without a checksum', () => {
    expect(isWrong(text)).toBe(false);
    expect(isWrong(JSON.stringify(record, undefined, 2))).toBe(false);
    expect(isWrong(JSON.stringify(record))).toBe(false);
    expect(isWrong('{"uuid": "x", "checksum": "the image\'s, as it was in March 2014"}')).toBe(false);
    expect(isWrong('timestamp: 2016-05-18 10:07:53\n')).toBe(false);
  });

  it.each([
    ['a value', text.replace('"daily"', '"weekly"')],
    ['a space', text.replace('\n', '\n ')],
    ['a key', text.replace('{', '{"more":1,')],
    ['the end', text.trimEnd()],
    ['all line breaks', JSON.stringify(JSON.parse(text))],
    ['the order', JSON.stringify({ checksum: JSON.parse(text).checksum, ...record }, undefined, 2)],
    ['the form of the checksum', text.replace('sha256-', 'md5-')],
  ])('notices that somebody changed %s', (_, changed) => {
    expect(parseRecord(changed, record.uuid)).toMatchObject({ uuid: record.uuid });
    expect(isWrong(changed)).toBe(true);
  });

  it('notices each single bit that flips, unless the record can no longer be read (I14)', () => {
    const [whole, counts] = [Buffer.from(text), { damaged: 0, wrong: 0 }];
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      if (!isReadable(bytes)) counts.damaged += 1;
      else if (wrongChecksum(bytes)) counts.wrong += 1;
      else expect.unreachable(`bit ${bit} was not noticed`);
    }
    expect(counts.damaged + counts.wrong).toBe(whole.length * 8);
    expect(counts.wrong).toBeGreaterThan(500);
  });

  it('notices it after a rewrite with the old checksum as well, even if a bit of its key flipped', () => {
    for (const changed of [text.replace('"daily"', '"weekly"'), text.replace('checksum', 'chdcksum')]) {
      const checksum = wrongChecksum(Buffer.from(changed));
      const again = formatRecord(parseRecord(changed, record.uuid), checksum);
      expect(wrongChecksum(Buffer.from(again))).toEqual(checksum);
      expect(isWrong(formatRecord(parseRecord(again, record.uuid)))).toBe(false);
    }
  });
});

function isReadable(bytes: Buffer): boolean {
  try {
    parseRecord(bytes.toString(), record.uuid);
    return true;
  } catch {
    return false;
  }
}
