// A fresh picture on xterm.js itself: nothing of before may shine through, however much still waits to be parsed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import serialize from '@xterm/addon-serialize';
import headless from '@xterm/headless';
import { writeOutput } from '../src/terminal/write.js';

/** @param {(terminal: any) => void} run */
async function screenAfter(run) {
  const terminal = new headless.Terminal({ rows: 5, cols: 40, allowProposedApi: true });
  const serializer = new serialize.SerializeAddon();
  terminal.loadAddon(/** @type {any} */ (serializer));
  run(terminal);
  await new Promise((resolve) => terminal.write('', () => resolve(undefined)));
  const text = serializer.serialize();
  terminal.dispose();
  return text;
}

const PICTURE = '\x1b[31mred\x1b[0m and plain';
const BEFORE = {
  'lines that still wait to be parsed': `${'old line\r\n'.repeat(5000)}`,
  'an unfinished sequence': 'text\x1b[38;2;10',
  'an unfinished title': 'text\x1b]0;half a ti',
  'another screen, mode and colour': '\x1b[?1049h\x1b[?1h\x1b[?2004h\x1b[7m\x1b[3;4r\x1b[?6h full',
};

for (const [name, before] of Object.entries(BEFORE)) {
  test(`a picture over ${name} is as on a new terminal`, async () => {
    const fresh = await screenAfter((terminal) => writeOutput(terminal, PICTURE, true, () => {}));
    const replaced = await screenAfter((terminal) => {
      writeOutput(terminal, before, false, () => {});
      writeOutput(terminal, PICTURE, true, () => {});
    });
    assert.equal(replaced, fresh);
  });
}

test('parsed is called once for each output, in order', async () => {
  /** @type {number[]} */
  const parsed = [];
  await screenAfter((terminal) => {
    for (let index = 0; index < 100; index++) {
      writeOutput(terminal, `line ${index}\r\n`, index % 10 === 0, () => parsed.push(index));
    }
  });
  assert.deepEqual(
    parsed,
    Array.from({ length: 100 }, (_, index) => index),
  );
});
