import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { expectSameBytes } from '../helpers/bytes.ts';
import { mustRun } from '../helpers/command.ts';
import { describeWith } from '../helpers/needs.ts';
import { backy, createRepository } from '../helpers/repository.ts';
import { scratchForTest } from '../helpers/scratch.ts';
import { unwrapped } from '../helpers/unwrapped.ts';

/** Images that hold all of their disk, as `qemu-img create` makes them. */
const COMPLETE = [
  { format: 'qcow2', options: [] },
  { format: 'qcow2', options: ['-o', 'compat=0.10'] },
  { format: 'qcow', options: [] },
  { format: 'qed', options: [] },
  { format: 'vdi', options: [] },
  { format: 'vdi', options: ['-o', 'static=on'] },
  { format: 'vmdk', options: [] },
  { format: 'vhdx', options: [] },
  { format: 'vpc', options: [], name: 'vhd' },
] as const;

/** Images that do not; `base` and `data` are other files. */
const INCOMPLETE = [
  { format: 'qcow2', options: ['-b', 'base', '-F', 'raw'], because: 'it has a backing file' },
  { format: 'qcow2', options: ['-o', 'data_file=data'], because: 'its data is in another file' },
  { format: 'qcow', options: ['-b', 'base', '-F', 'raw'], because: 'it has a backing file' },
  { format: 'qed', options: ['-b', 'base', '-F', 'raw'], because: 'it has a backing file' },
  { format: 'vmdk', options: ['-o', 'subformat=monolithicFlat'], because: 'its data is in another file' },
  {
    format: 'vmdk',
    options: ['-o', 'subformat=twoGbMaxExtentSparse'],
    because: 'its data is in another file',
  },
  { format: 'vmdk', options: ['-b', 'parent', '-F', 'vmdk'], because: 'it holds only the difference' },
] as const;

describeWith(['command qemu-img'], 'an image that is not raw', () => {
  it.each(COMPLETE)(
    '$format $options is named, and backed up as it is',
    async ({ format, options, ...rest }) => {
      const scratch = scratchForTest();
      const image = await create(scratch, format, options);
      const name = 'name' in rest ? rest.name : format;
      const warning = `is a ${name} image, not a raw disk`;

      const init = await backy(join(scratch, 'repository'), ['init', 'file', image]);
      const doctor = await backy(join(scratch, 'repository'), ['doctor']);
      const backup = await backy(join(scratch, 'repository'), ['--json', 'backup', 'manual:x']);
      const status = await backy(join(scratch, 'repository'), ['status']);

      expect(init).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(warning) });
      expect(unwrapped(doctor.stdout)).toContain(warning);
      expect(backup).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(warning) });
      const { record } = JSON.parse(backup.stdout);
      expect(record.source.format).toBe(name);
      expect(unwrapped(status.stdout)).toContain(`a ${name} image, not a raw disk`);
      await expectSameBytes(join(scratch, 'repository', record.uuid), image);
    },
  );

  it.each(INCOMPLETE)('$format $options is refused: $because', async ({ format, options, because }) => {
    const scratch = scratchForTest();
    const whole = join(scratch, 'raw.img');
    writeFileSync(whole, 'a raw disk');
    const repository = await createRepository(join(scratch, 'repository'), whole);
    const image = await create(scratch, format, options);

    const init = await backy(join(scratch, 'another'), ['init', 'file', image]);
    writeFileSync(whole, readFileSync(image));
    const backup = await repository.backy('backup', 'manual:x');
    const doctor = await repository.backy('doctor');

    const refusal = new RegExp(
      `^backy: The source .+ is a ${format} image that is not complete by itself: ${because}`,
    );
    expect(init).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(refusal) });
    expect(backup).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringMatching(refusal) });
    expect(unwrapped(doctor.stdout)).toContain(because);
    expect(repository.revisionFiles()).toEqual([]);
  });

  it('is backed up byte for byte if the configuration says that it is raw', async () => {
    const scratch = scratchForTest();
    const image = join(scratch, 'raw.img');
    writeFileSync(image, 'a raw disk');
    const repository = await createRepository(join(scratch, 'repository'), image);
    writeFileSync(image, readFileSync(await create(scratch, 'qcow2', ['-b', 'base', '-F', 'raw'])));
    const config = readFileSync(repository.path('config'), 'utf8');
    writeFileSync(repository.path('config'), config.replace(/^( *)type: file\n/m, '$&$1format: raw\n'));

    const { exitCode, stderr } = await repository.backy('backup', 'manual:x');

    expect(exitCode).toBe(0);
    expect(stderr).not.toContain('qcow2');
    const { revisions } = await repository.status();
    expect(revisions[0]?.source).not.toHaveProperty('format');
  });
});

/** Makes an image, beside the files that it may need. @returns its path */
async function create(scratch: string, format: string, options: readonly string[]): Promise<string> {
  const image = join(scratch, `disk.${format}`);
  writeFileSync(join(scratch, 'base'), Buffer.alloc(1024 * 1024, 'base'));
  if (options.includes('parent'))
    await mustRun('qemu-img', ['create', '-q', '-f', 'vmdk', join(scratch, 'parent'), '1M']);
  await mustRun('qemu-img', ['create', '-q', '-f', format, ...options, image, '1M'], { cwd: scratch });
  return image;
}
