import { Select } from '../components/field.js';
import { html } from '../html.js';
import { LANGUAGES, locale, setLanguage, t } from '../i18n.js';
import { preferences } from '../preferences.js';

/** @param {{hideLabel?: boolean}} props */
export function LanguageChoice({ hideLabel }) {
  const choose = (/** @type {import('../i18n.js').Locale} */ language) => {
    preferences.setLanguage(language);
    setLanguage(language);
  };
  const options = Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }));
  return html`<${Select} label=${t('settings.language')} value=${locale()} onChange=${choose} options=${options} hideLabel=${hideLabel} inline=${hideLabel} />`;
}
