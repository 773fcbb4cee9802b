// How this browser likes its terminals.

import { useEffect, useState } from 'preact/hooks';
import { remember, remembered } from '../preferences.js';

const SMALLEST = 8;
const LARGEST = 32;
const DEFAULT_SIZE = 14;

/** @typedef {{fontSize: number, screenReader: boolean}} TerminalSettings */

/** @type {Set<() => void>} */
const listeners = new Set();

/** @returns {TerminalSettings} */
export function terminalSettings() {
  const size = Number(remembered('terminal.font_size') ?? DEFAULT_SIZE);
  return {
    fontSize: size >= SMALLEST && size <= LARGEST ? size : DEFAULT_SIZE,
    screenReader: remembered('terminal.screen_reader') === 'on',
  };
}

/** @param {number} change in pixels; 0 goes back to what it was at first */
export function changeFontSize(change) {
  const size = change === 0 ? DEFAULT_SIZE : terminalSettings().fontSize + change;
  remember('terminal.font_size', String(Math.min(LARGEST, Math.max(SMALLEST, size))));
  tell();
}

/** @param {boolean} on */
export function setScreenReader(on) {
  remember('terminal.screen_reader', on ? 'on' : 'off');
  tell();
}

/**
 * @param {() => void} listener
 * @returns {() => void} ends it
 */
export function onSettings(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @returns {TerminalSettings} */
export function useTerminalSettings() {
  const [settings, set] = useState(terminalSettings);
  useEffect(() => {
    const end = onSettings(() => set(terminalSettings()));
    return () => void end();
  }, []);
  return settings;
}

function tell() {
  for (const listener of listeners) listener();
}
