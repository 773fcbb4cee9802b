import { useState } from 'preact/hooks';
import { Check, Choice } from '../components/field.js';
import { LanguageChoice } from '../frame/language-choice.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { preferences } from '../preferences.js';
import { Panel } from './panel.js';

export function Appearance() {
  const [theme, setTheme] = useState(preferences.theme());
  const [shortcuts, setShortcuts] = useState(preferences.shortcuts());
  const choose = (/** @type {import('../preferences.js').Theme} */ next) => {
    preferences.setTheme(next);
    setTheme(next);
  };
  const switchShortcuts = (/** @type {boolean} */ on) => {
    preferences.setShortcuts(on);
    setShortcuts(on);
  };
  return html`
    <${Panel} title=${t('settings.appearance')} explanation=${t('settings.appearance_hint')}>
      <${Choice}
        label=${t('settings.theme')} value=${theme} onChange=${choose}
        options=${[
          { value: 'system', label: t('settings.theme_system') },
          { value: 'light', label: t('settings.theme_light') },
          { value: 'dark', label: t('settings.theme_dark') },
        ]}
      />
      <${LanguageChoice} />
      <${Check} label=${t('settings.shortcuts')} hint=${t('settings.shortcuts_hint')} checked=${shortcuts} onChange=${switchShortcuts} />
    <//>
  `;
}
