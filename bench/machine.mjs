/** One paragraph about the machine the figures come from. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { run } from './command.mjs';

/** @returns {Promise<string>} */
export async function describeMachine() {
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB of memory`;
  const versions = await Promise.all(['cp', 'b3sum'].map(versionOf));
  const facts = [
    `${availableParallelism()} × ${cpus()[0].model.trim()}`,
    memory,
    `${system}, Linux ${release()}`,
  ];
  return [...facts, `Node ${process.version}`, ...versions].join('; ');
}

async function versionOf(program) {
  return (await run([program, '--version'])).split('\n', 1)[0];
}
