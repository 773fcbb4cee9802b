// Shows each case's output and its picture on xterm.js and says where the screens differ. Run by tests/xterm.rs, which
// names the directory of xterm.js's packages and gives the cases on standard input.
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

const require = createRequire(`${process.argv[2]}/`);
const { Terminal } = require('@xterm/headless');
const { Unicode11Addon } = require('@xterm/addon-unicode11');

async function shown(pieces, rows, cols) {
  const terminal = new Terminal({ rows, cols, allowProposedApi: true, scrollback: 1000 });
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  let answers = '';
  for (const piece of pieces) {
    answers = '';
    terminal.onData((data) => { answers += data; });
    await new Promise((resolve) => { terminal.write(Buffer.from(piece, 'base64'), resolve); });
  }
  const { cursorX, cursorY } = terminal.buffer.active;
  const picture = {
    screen: screen(terminal.buffer.active),
    other: terminal.buffer.active.type === 'alternate' ? screen(terminal.buffer.normal) : [],
    modes: { ...terminal.modes },
    type: terminal.buffer.active.type,
    cursor: [cursorX, cursorY],
  };
  terminal.dispose();
  return { picture: JSON.stringify(picture), answers };
}

/** Lines without blanks at their ends, whether they go on, and the cells' colours. */
function screen(buffer) {
  return Array.from({ length: buffer.length - buffer.baseY }, (_, row) => {
    const line = buffer.getLine(buffer.baseY + row);
    const cells = Array.from({ length: line.length }, (_, column) => {
      const cell = line.getCell(column);
      const colours = [cell.getFgColorMode(), cell.getFgColor(), cell.getBgColorMode(), cell.getBgColor(),
        cell.isBold(), cell.isInverse(), cell.isUnderline()].join(' ');
      return [cell.getChars().trim(), cell.getChars().trim() === '' ? cell.getBgColor() : colours];
    });
    return [line.translateToString(true).trimEnd(), buffer.getLine(buffer.baseY + row + 1)?.isWrapped ?? false, cells];
  });
}

let failed = 0;
for (const { name, rows, cols, output, picture } of JSON.parse(await text(process.stdin))) {
  const all = await shown(output, rows, cols);
  // Over what was there before, as after a connection that was lost.
  const late = await shown([output[0], picture], rows, cols);
  if (all.picture !== late.picture || late.answers !== '') {
    failed += 1;
    const lines = ({ picture }) => JSON.stringify({ ...JSON.parse(picture), other: [], screen: JSON.parse(picture).screen.map((line) => line.slice(0, 2)) });
    const cell = [...all.picture].findIndex((character, index) => character !== late.picture[index]);
    console.log(`${name}:\n  all  ${lines(all)}\n  late ${lines(late)}\n  answers ${JSON.stringify(late.answers)}`);
    console.log(`  at ${all.picture.slice(cell - 60, cell + 60)}\n  or ${late.picture.slice(cell - 60, cell + 60)}`);
  }
}
process.exit(failed === 0 ? 0 : 1);
