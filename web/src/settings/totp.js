// A second factor from an authenticator app.
import { useState } from 'preact/hooks';
import { api } from '../api.js';
import { Button } from '../components/button.js';
import { State } from '../components/chip.js';
import { CopyButton } from '../components/copy-button.js';
import { FormDialog } from '../components/dialog.js';
import { Field } from '../components/field.js';
import { RecoveryCodes } from '../components/once.js';
import { toast } from '../components/toast.js';
import { useAction } from '../hooks.js';
import { html } from '../html.js';
import { t } from '../i18n.js';
import { Panel } from './panel.js';

/** @typedef {{secret: string, uri: string, qr_svg: string}} Enrolment */

/** @param {{status: import('../types.js').SignInStatus, onStatus: () => Promise<void>}} props */
export function Totp({ status, onStatus }) {
  const [enrolment, setEnrolment] = useState(/** @type {Enrolment|null} */ (null));
  const [codes, setCodes] = useState(/** @type {string[]|null} */ (null));
  const on = status.second_factors.includes('totp');
  const any = status.second_factors.length > 0;
  const [start, starting] = useAction(async () => setEnrolment(await api.post('/api/auth/totp/start')));
  const [remove, removing] = useAction(async () => {
    await api.delete('/api/auth/totp');
    toast({ text: t('totp.removed'), tone: 'ok' });
    await onStatus();
  });
  const [renew, renewing] = useAction(async () =>
    setCodes((await api.post('/api/auth/recovery-codes')).recovery_codes),
  );
  const finished = async (/** @type {string[]} */ recovery) => {
    setEnrolment(null);
    setCodes(recovery);
    await onStatus();
  };
  return html`
    <${Panel} title=${t('totp.title')} explanation=${t('totp.explanation')}>
      <p>${on ? html`<${State} tone="ok" icon="shield" label=${t('totp.on')} />` : html`<${State} tone="off" icon="none" label=${t('totp.off')} />`}</p>
      <div class="row">
        ${
          on
            ? html`<${Button} icon="trash" label=${t('totp.remove')} busy=${removing} onClick=${remove} />`
            : html`<${Button} icon="shield" label=${t('totp.set_up')} busy=${starting} onClick=${start} />`
        }
        ${any && html`<${Button} icon="refresh" label=${t('recovery.renew')} busy=${renewing} onClick=${renew} />`}
      </div>
      ${any && html`<p class="hint">${t('recovery.renew_hint')}</p>`}
    <//>
    ${enrolment && html`<${Enrol} enrolment=${enrolment} onDone=${finished} onClose=${() => setEnrolment(null)} />`}
    ${codes && html`<${RecoveryCodes} codes=${codes} onDone=${() => setCodes(null)} />`}
  `;
}

/** @param {{enrolment: Enrolment, onDone: (codes: string[]) => Promise<void>, onClose: () => void}} props */
function Enrol({ enrolment, onDone, onClose }) {
  const [code, setCode] = useState('');
  const finish = async () => {
    const { recovery_codes } = await api.post('/api/auth/totp/finish', { code: code.replaceAll(/\s/g, '') });
    await onDone(recovery_codes);
  };
  return html`
    <${FormDialog} title=${t('totp.set_up')} submit=${t('totp.confirm')} onSubmit=${finish} onClose=${onClose} disabled=${code.trim() === ''}>
      <p>${t('totp.scan')}</p>
      <div class="qr"><img alt=${t('totp.qr')} src=${`data:image/svg+xml;charset=utf-8,${encodeURIComponent(enrolment.qr_svg)}`} width="192" height="192" /></div>
      <p class="row"><code class="secret-inline">${enrolment.secret}</code> <${CopyButton} text=${enrolment.secret} hideLabel tone="quiet" /></p>
      <${Field} label=${t('totp.code')} value=${code} onInput=${setCode} mono inputmode="numeric" autocomplete="one-time-code" maxlength=${8} autofocus />
    <//>
  `;
}
