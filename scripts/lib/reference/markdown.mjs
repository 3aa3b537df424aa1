/** Markdown of generated pages. */

const WIDTH = 100;

/** A page with its title; texts are wrapped, everything else is left as it is. */
export function page(
  /** @type {string} */ title,
  /** @type {string} */ origin,
  /** @type {readonly string[]} */ parts,
) {
  return `${[`<!-- ${origin} -->`, `# ${title}`, ...parts.map(wrapped)].join('\n\n')}\n`;
}

export function table(
  /** @type {readonly string[]} */ head,
  /** @type {readonly (readonly string[])[]} */ rows,
) {
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A list of terms with what they mean. */
export function terms(/** @type {readonly (readonly [string, string])[]} */ entries) {
  return entries
    .map(([term, meaning]) => wrap(`- \`${term}\`${meaning === '' ? '' : `: ${meaning}`}`, '  '))
    .join('\n');
}

export function code(/** @type {string} */ text, language = '') {
  return `\`\`\`${language}\n${text}\n\`\`\``;
}

function wrapped(/** @type {string} */ part) {
  return /^(\||```|#|- |<)/.test(part) ? part : wrap(part);
}

function wrap(/** @type {string} */ text, indent = '') {
  const lines = [''];
  for (const word of text.split(/ +/)) {
    const line = lines.at(-1) ?? '';
    if (line.trim() !== '' && line.length + 1 + word.length > WIDTH) lines.push(`${indent}${word}`);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}
