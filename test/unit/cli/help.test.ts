import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { examplesOf } from '../../../src/cli/examples.ts';
import { addCommands, createProgram } from '../../../src/cli/program.ts';
import { createLook, hasColor } from '../../../src/cli/ui/look.ts';
import { scratchForTest } from '../../helpers/scratch.ts';

async function allCommands(run: (command: Command) => void = () => {}): Promise<Command> {
  const program = createProgram('1.2.3');
  await addCommands(program, async (command) => run(command));
  return program;
}

const names = (await allCommands()).commands.map((command) => command.name());

/** The arguments that a shell gives to backy when it runs a line. Nothing else is there to be run. */
function argumentsIn(line: string): readonly (readonly string[])[] {
  const scratch = scratchForTest();
  const told = join(scratch, 'told');
  const script = `#!/bin/bash\nprintf '%s\\0' "$@" >>'${told}'\nprintf '\\n\\0' >>'${told}'\n`;
  writeFileSync(join(scratch, 'backy'), script);
  chmodSync(join(scratch, 'backy'), 0o755);
  spawnSync('/bin/bash', ['-c', line], { cwd: scratch, env: { PATH: scratch } });
  if (!existsSync(told)) return [];
  const calls = readFileSync(told, 'utf8').split('\n\0').slice(0, -1);
  return calls.map((call) => call.split('\0').slice(0, -1));
}

describe.each(names)('the help of %s', (name) => {
  it('ends with two examples, which this command understands', async () => {
    const found: Command[] = [];
    const program = await allCommands((command) => found.push(command));
    const command = program.commands.find((each) => each.name() === name);
    if (command === undefined) throw new Error(`there is no ${name}`);
    const examples = examplesOf(command);

    const printed: string[] = [];
    command.configureOutput({ writeOut: (text) => void printed.push(text) });
    command.outputHelp();
    const lines = examples.flatMap(([line, purpose]) => [`  ${line}`, `      ${purpose}`]);
    expect(printed.join('').trimEnd().split('\n').slice(-5)).toEqual(['Examples:', ...lines]);

    expect(new Set(examples.map(([line]) => line)).size).toBe(2);
    for (const [line, purpose] of examples) {
      expect(purpose).toMatch(/^[a-z].*[^.]$/);
      const [args = [], ...more] = argumentsIn(line);
      expect(more).toEqual([]);
      await (await allCommands((each) => found.push(each))).parseAsync(args, { from: 'user' });
    }
    expect(found.map((each) => each.name())).toEqual([name, name]);
  });
});

describe('colours', () => {
  it.each([
    ['a terminal', true, {}, true],
    ['a terminal with an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['a pipe', undefined, {}, false],
    ['a pipe, whatever FORCE_COLOR says', undefined, { FORCE_COLOR: '1' }, false],
    ['a terminal with NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
  ])('on %s', (_, isTTY, env, expected) => {
    const output = isTTY === undefined ? {} : { isTTY };
    expect(hasColor(output, env)).toBe(expected);
  });

  it('are put on whole lines that a report has marked', () => {
    const look = createLook();
    expect([look.title('== Revisions'), look.alarm('damaged')]).toEqual(['== Revisions', 'damaged']);
    expect(['== Revisions', 'damaged', 'other'].map(look.paint)).toEqual([
      '\u001b[1m== Revisions\u001b[0m',
      '\u001b[31mdamaged\u001b[0m',
      'other',
    ]);
  });
});
