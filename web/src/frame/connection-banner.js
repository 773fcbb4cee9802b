// Says when the server is gone, and that the page tries again by itself.
import { useEffect, useState } from 'preact/hooks';
import { Button } from '../components/button.js';
import { Icon } from '../components/icon.js';
import { toast } from '../components/toast.js';
import { isOnline, onConnection, tryNow } from '../connection.js';
import { html } from '../html.js';
import { t } from '../i18n.js';

export function ConnectionBanner() {
  const [online, setOnline] = useState(isOnline());
  useEffect(
    () =>
      onConnection((now) => {
        setOnline(now);
        if (now) toast({ text: t('connection.back'), tone: 'ok' });
      }),
    [],
  );
  return html`
    <div role="alert" class="banner-place">
      ${
        !online &&
        html`<div class="banner">
          <${Icon} name="cloudoff" />
          <p><strong>${t('connection.gone')}</strong> ${t('connection.gone_detail')}</p>
          <${Button} label=${t('common.try_again')} onClick=${tryNow} />
        </div>`
      }
    </div>
  `;
}
