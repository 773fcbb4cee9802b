import { api } from '../api.js';
import { Check } from '../components/field.js';
import { settings } from '../data.js';
import { useAction } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { useResource } from '../resource.js';
import { Panel } from './panel.js';

export function Terminal() {
  const { value, reload } = useResource(settings);
  const [change, changing] = useAction(async (/** @type {boolean} */ recording) => {
    await api.put('/api/settings', { recording });
    await reload();
  });
  return html`
    <${Panel} title=${t('settings.terminal')} explanation=${t('settings.terminal_hint')}>
      <${Check}
        label=${t('settings.recording')} hint=${t('settings.recording_hint')} checked=${value?.recording ?? false}
        disabled=${!value || changing} onChange=${change}
      />
    <//>
  `;
}
