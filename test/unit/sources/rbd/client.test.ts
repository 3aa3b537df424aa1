import { describe, expect, it } from 'vitest';
import { clientOf } from '../../../../src/sources/rbd/client.ts';

describe('clientOf', () => {
  it.each([
    ['', {}],
    ['--keyring /etc/keyring', {}],
    ['--id backy', { user: 'backy' }],
    ['--id=backy --keyring=/k', { user: 'backy' }],
    ['--user backy', { user: 'backy' }],
    ['-n client.backy', { user: 'backy' }],
    ['--name client.backy  -c /etc/c.conf', { user: 'backy', conf: '/etc/c.conf' }],
    ['--conf=/a.conf --id a --id b', { user: 'b', conf: '/a.conf' }],
    ['--id', {}],
  ])('reads %j', (cephArgs, client) => {
    expect(clientOf(cephArgs)).toEqual(client);
  });
});
