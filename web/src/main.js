// Begins: language and keys, then the frame.
import { render } from 'preact';
import { App } from './app.js';
import { html } from './html.js';
import { preferredLocale, setLanguage } from './i18n.js';
import { applyTheme } from './preferences.js';
import { listenToKeys } from './shortcuts.js';

applyTheme();
listenToKeys();
await setLanguage(preferredLocale());
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById('app')));
