// The screens: address, name, drawing and code of each.
import { key } from '../i18n.js';

/**
 * @typedef {object} Screen
 * @property {string} path
 * @property {string} title key of its name
 * @property {string} icon
 * @property {() => Promise<any>} load its component
 */

/** @type {Screen[]} */
export const SCREENS = [
  {
    path: '/accounts',
    title: key('nav.accounts'),
    icon: 'accounts',
    load: async () => (await import('../screens/accounts.js')).AccountsScreen,
  },
  {
    path: '/terminal',
    title: key('nav.terminal'),
    icon: 'terminal',
    load: async () => (await import('../screens/terminal.js')).TerminalPage,
  },
  {
    path: '/directories',
    title: key('nav.directories'),
    icon: 'folder',
    load: async () => (await import('../screens/directories.js')).DirectoriesScreen,
  },
  {
    path: '/import',
    title: key('nav.import'),
    icon: 'transfer',
    load: async () => (await import('../screens/import.js')).ImportScreen,
  },
  {
    path: '/aliases',
    title: key('nav.aliases'),
    icon: 'alias',
    load: async () => (await import('../screens/aliases.js')).AliasesScreen,
  },
  {
    path: '/audit',
    title: key('nav.audit'),
    icon: 'audit',
    load: async () => (await import('../screens/audit.js')).AuditScreen,
  },
  {
    path: '/settings',
    title: key('nav.settings'),
    icon: 'settings',
    load: async () => (await import('../screens/settings.js')).SettingsScreen,
  },
];

/**
 * The screen of an address; the accounts for every other.
 * @param {string} path
 */
export function screenOf(path) {
  return SCREENS.find((screen) => screen.path === path) ?? SCREENS[0];
}
