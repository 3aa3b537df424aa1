import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mustRun, run } from '../helpers/command.ts';
import { describeWith } from '../helpers/needs.ts';
import { scratchForTest } from '../helpers/scratch.ts';

const DEMO = fileURLToPath(new URL('../../demo', import.meta.url));

// All of the demonstration runs at the beginning of `npm test`: it builds what the tests run.
describeWith(['root', 'loop devices', 'command setpriv', 'command unshare'], 'the demonstration', () => {
  describe('knows why it cannot mount', () => {
    const obstacle = async (...prefix: readonly string[]): Promise<string> => {
      const work = scratchForTest();
      await mustRun('chmod', ['777', work]);
      // A checkout may lie in the home directory of root, where nobody else can read it.
      copyFileSync(join(DEMO, 'host.sh'), join(work, 'host.sh'));
      const script = 'work=$1 log=$1/log; . "$1/host.sh"; obstacle_to_mounting';
      const [command = 'bash', ...args] = [...prefix, 'bash', '-c', script, 'demo', work];
      return (await mustRun(command, args)).trimEnd();
    };

    it('as root, which may', async () => {
      expect(await obstacle()).toBe('');
    });

    it('as a root that may not, such as in a container', async () => {
      expect(await obstacle('setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin')).toBe(
        'Root may not mount here',
      );
    });

    it('as anybody else', async () => {
      const user = ['--reuid=54321', '--regid=54321', '--clear-groups'];
      expect(await obstacle('setpriv', ...user)).toBe('Only root can mount');
    });
  });

  // The old test for the packages was content when any one of the tools was there.
  it.each(['mkfs.btrfs', 'mkfs.ext4', 'debugfs'])(
    'fails where %s is missing and apt-get cannot help',
    async (tool) => {
      const scratch = scratchForTest();
      const [config, lists] = [join(scratch, 'apt.conf'), join(scratch, 'lists')];
      mkdirSync(lists);
      writeFileSync(
        config,
        `Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "/dev/null"; Dir::State::lists "${lists}";`,
      );

      await Promise.all(['upper', 'work'].map((name) => mkdir(join(scratch, name))));
      const hiding = `
      mount -t overlay overlay -o "lowerdir=/usr,upperdir=$1/upper,workdir=$1/work" /usr
      rm "$(type -p "$2")"
      exec bash "$3"`;
      const { exitCode, stderr } = await run(
        'unshare',
        ['--mount', 'bash', '-c', hiding, 'hide', scratch, tool, join(DEMO, 'demo.sh')],
        { env: { APT_CONFIG: config, TMPDIR: scratch } },
      );

      expect(exitCode).toBe(1);
      expect(stderr).toContain(`missing: ${tool}`);
      expect(stderr).toMatch(/demo: this failed: .*install-debian-packages\.sh/);
    },
  );
});
