/**
 * Gives output to xterm.js, which parses it later.
 * @param {{write(data: string, callback?: () => void): void, reset(): void}} terminal
 * @param {string} data
 * @param {boolean} replace it is a picture of all before it
 * @param {() => void} parsed called once it is in the terminal's buffer
 */
export function writeOutput(terminal, data, replace, parsed) {
  // Behind what is still to be parsed, or that would be drawn onto the fresh screen.
  if (replace) terminal.write('', () => terminal.reset());
  terminal.write(data, parsed);
}
